"""What is taken over HTTP: forms, batches, partial failures, repetition, pressure."""

import msgspec
import pytest

from pipeline.adapters.http.body import Limits
from pipeline.adapters.http.ports import Busy, Unavailable
from tests.unit.http_fakes import World, problem_of, transaction


@pytest.fixture
def world() -> World:
    return World()


def test_one_event_is_stored_as_its_own_bytes(world: World) -> None:
    body = b' {"type": "touchpoint.transaction.completed.v1", "id":"a","source":"/s","subject":"c",'
    body += b'"time":"2026-01-05T09:30:00+00:00","new_field":1e2,"data":{"amount":1.50,'
    body += b'"currency":"EUR"}}\n'
    answer = world.post(body)
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 1, "rejected": []}
    assert world.ingest.values == [body.strip()]
    assert world.ingest.entries[0].key == b"c"


@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/cloudevents+json", "application/x-www-form-urlencoded", None],
)
def test_json_is_read_whatever_curl_calls_it(world: World, kind: str | None) -> None:
    assert world.post(transaction(), kind).status_code == 202


@pytest.mark.parametrize("kind", ["application/json", "application/cloudevents-batch+json"])
def test_batch_keeps_order_and_each_events_bytes(world: World, kind: str) -> None:
    first, second = (msgspec.json.encode(transaction(id=i)) for i in ("a", "b"))
    answer = world.post(b"[" + first + b" ,\n" + second + b"]", kind)
    assert answer.json() == {"accepted": 2, "rejected": []}
    assert world.ingest.values == [first, second]


def test_ndjson_is_read_line_by_line(world: World) -> None:
    lines = [msgspec.json.encode(transaction(id=i)) for i in ("a", "b", "c")]
    answer = world.post(b"\n".join(lines) + b"\r\n\n", "application/x-ndjson; charset=utf-8")
    assert answer.json()["accepted"] == 3
    assert world.ingest.values == lines


def test_binary_mode_becomes_the_structured_event(world: World) -> None:
    answer = world.post(
        {"amount": 5, "currency": "EUR"},
        ce_specversion="1.0",
        ce_id="tx-9",
        ce_source="/cards",
        ce_type="touchpoint.transaction.completed.v1",
        ce_subject="caf%C3%A9%20%25",
        ce_time="2026-01-05T09:30:00Z",
    )
    assert answer.status_code == 202
    entry = world.ingest.entries[0]
    assert entry.key == "café %".encode()
    stored = msgspec.json.decode(entry.value)
    assert stored["subject"] == "café %"
    assert stored["data"] == {"amount": 5, "currency": "EUR"}


def test_anonymous_event_is_keyed_by_its_id(world: World) -> None:
    assert world.post(transaction(subject=..., anonymous=True)).status_code == 202
    assert world.ingest.entries[0].key == b"tx-1"


def test_partial_failure_takes_the_good_and_lists_the_bad(world: World) -> None:
    bad = transaction(id="bad", data={"amount": "12", "currency": "EUR"})
    answer = world.post([transaction(id="a"), bad, transaction(id="b"), {"id": "x"}])
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 2
    first, second = answer.json()["rejected"]
    assert (first["index"], first["reason"]) == (1, "invalid_field")
    assert first["fields"][0]["field"] == "data.amount"
    assert (second["index"], second["reason"]) == (3, "unknown_type")
    assert len(world.ingest.entries) == 2


def test_nan_in_one_event_of_a_batch_spoils_that_event_alone(world: World) -> None:
    good = msgspec.json.encode(transaction())
    answer = world.post(b"[" + good + b", " + good.replace(b"12.5", b"NaN") + b"]")
    assert answer.json()["accepted"] == 1
    assert answer.json()["rejected"][0]["fields"][0]["field"] == "data.amount"
    assert world.ingest.values == [good]


def test_batch_without_one_good_event_is_a_problem_that_lists_each(world: World) -> None:
    answer = world.post([transaction(subject=...), {"id": "x"}])
    assert answer.status_code == 422
    assert [r["reason"] for r in problem_of(answer)["rejected"]] == [
        "missing_customer",
        "unknown_type",
    ]
    assert world.ingest.entries == []


def test_empty_batch_is_taken(world: World) -> None:
    assert world.post([]).json() == {"accepted": 0, "rejected": []}


def test_time_is_written_by_the_pipeline_alone(world: World) -> None:
    tick = transaction(type="touchpoint.clock.ticked.v1", subject=..., data={})
    problem = problem_of(world.post(tick))
    assert problem["fields"][0]["field"] == "type"
    assert world.ingest.entries == []


def test_same_idempotency_key_and_body_gives_the_first_answer_again(world: World) -> None:
    body = [transaction(), {"id": "x"}]
    first = world.post(body, Idempotency_Key="k-1")
    again = world.post(body, Idempotency_Key="k-1")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(world.ingest.entries) == 1


def test_same_idempotency_key_with_another_body_is_refused(world: World) -> None:
    world.post(transaction(), Idempotency_Key="k-1")
    answer = world.post(transaction(id="other"), Idempotency_Key="k-1")
    assert answer.status_code == 422
    assert problem_of(answer)["type"].endswith(":idempotency_key_reused")
    assert len(world.ingest.entries) == 1


def test_idempotency_key_of_a_refused_request_may_be_used_for_the_mended_one(
    world: World,
) -> None:
    assert world.post({"id": "x"}, Idempotency_Key="k-1").status_code == 422
    assert world.post(transaction(), Idempotency_Key="k-1").status_code == 202


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
def test_unusable_idempotency_key_is_refused(world: World, key: str) -> None:
    assert world.post(transaction(), Idempotency_Key=key).status_code == 400


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Busy("9 events wait", retry_after_seconds=1.2), 429),
        (Unavailable("disk full", retry_after_seconds=2.0), 503),
    ],
)
def test_pressure_says_when_to_come_again(world: World, error: Exception, status: int) -> None:
    world.ingest.failing = error
    answer = world.post(transaction())
    assert answer.status_code == status
    assert answer.headers["Retry-After"] == "2"
    problem_of(answer)


def test_pressure_is_told_before_the_body_is_understood(world: World) -> None:
    world.ingest.full = Busy("9 events wait", retry_after_seconds=1.0)
    answer = world.post(b"{broken")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "1"


def test_more_events_than_a_request_may_bring_are_refused() -> None:
    world = World(limits=Limits(events=2))
    three = [transaction(id=str(i)) for i in range(3)]
    lines = b"\n".join(map(msgspec.json.encode, three))
    assert world.post(three).status_code == 413
    assert world.post(lines, "application/x-ndjson").status_code == 413
    assert world.ingest.entries == []
