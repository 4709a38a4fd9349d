"""Every kind of bad input over HTTP: a problem that names the field, and nothing stored."""

import asyncio
from collections.abc import MutableMapping
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.http.body import Limits
from tests.unit.http_fakes import World, problem_of, transaction


class Bad(NamedTuple):
    body: bytes
    status: int
    reason: str
    field: str


def _changed(**changes: object) -> bytes:
    return msgspec.json.encode(transaction(**changes))


def _data(**changes: object) -> bytes:
    data = {"amount": 12.5, "currency": "EUR"} | changes
    return _changed(data={k: v for k, v in data.items() if v is not ...})


GOOD = _changed()
DEEP = b'{"a":' * 20_000 + b"1" + b"}" * 20_000

BAD = {
    "no body": Bad(b"", 400, "empty", "(event)"),
    "only spaces": Bad(b" \n", 400, "empty", "(event)"),
    "broken JSON": Bad(GOOD[:-1], 400, "broken_json", "(event)"),
    "something behind the JSON": Bad(GOOD + b"}", 400, "broken_json", "(event)"),
    "not JSON at all": Bad(b"hello", 400, "broken_json", "(event)"),
    "not UTF-8": Bad(GOOD.replace(b"tx-1", b"\xff"), 400, "broken_json", "(event)"),
    "half a surrogate": Bad(GOOD.replace(b"tx-1", b"\\ud800"), 400, "broken_json", "(event)"),
    "an array that does not end": Bad(b"[" + GOOD, 400, "broken_json", "(event)"),
    "an array with a hole": Bad(b"[" + GOOD + b",]", 400, "broken_json", "(event)"),
    "null": Bad(b"null", 422, "invalid_field", "(event)"),
    "a number": Bad(b"17", 422, "invalid_field", "(event)"),
    "no type": Bad(_changed(type=...), 422, "unknown_type", "type"),
    "unknown type": Bad(_changed(type="touchpoint.hug.given.v1"), 422, "unknown_type", "type"),
    "type of another kind": Bad(_changed(type=5), 422, "unknown_type", "type"),
    "unknown version": Bad(
        _changed(type="touchpoint.transaction.completed.v9"), 422, "unknown_version", "type"
    ),
    "no id": Bad(_changed(id=...), 422, "invalid_field", "id"),
    "control character in id": Bad(_changed(id="a\0b"), 422, "invalid_field", "id"),
    "no time": Bad(_changed(time=...), 422, "invalid_field", "time"),
    "time without zone": Bad(_changed(time="2026-01-05T09:30:00"), 422, "invalid_field", "time"),
    "far past": Bad(_changed(time="1812-06-24T00:00:00Z"), 422, "time_out_of_range", "time"),
    "year 2300": Bad(_changed(time="2300-01-01T00:00:00Z"), 422, "time_out_of_range", "time"),
    "ahead of us": Bad(_changed(time="2026-01-07T00:00:00Z"), 422, "time_out_of_range", "time"),
    "no customer": Bad(_changed(subject=...), 422, "missing_customer", "subject"),
    "null customer": Bad(_changed(subject=None), 422, "missing_customer", "subject"),
    "empty customer": Bad(_changed(subject=""), 422, "invalid_field", "subject"),
    "anonymous with a customer": Bad(_changed(anonymous=True), 422, "invalid_field", "anonymous"),
    "wrong kind of field": Bad(_data(amount="12.5"), 422, "invalid_field", "data.amount"),
    "missing field": Bad(_data(currency=...), 422, "invalid_field", "data.currency"),
    "null field": Bad(_data(amount=None), 422, "invalid_field", "data.amount"),
    "null data": Bad(_changed(data=None), 422, "invalid_field", "data"),
    "NaN": Bad(GOOD.replace(b"12.5", b"NaN"), 422, "invalid_field", "data.amount"),
    "infinity": Bad(GOOD.replace(b"12.5", b"-Infinity"), 422, "invalid_field", "data.amount"),
    "infinity in digits": Bad(GOOD.replace(b"12.5", b"1e999"), 422, "invalid_field", "data.amount"),
    "5 MB of data": Bad(_data(merchant="x" * 5_000_000), 413, "too_large", "(event)"),
    "deeply nested": Bad(DEEP, 400, "too_deep", "(event)"),
    "deeply nested in an array": Bad(b"[" * 100_000, 400, "too_deep", "(event)"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_event_is_a_problem_that_names_the_field(name: str) -> None:
    bad, world = BAD[name], World()
    answer = world.post(bad.body)
    problem = problem_of(answer)
    assert answer.status_code == bad.status
    assert problem["type"] == f"urn:touchpoint:problem:{bad.reason}"
    assert [field["field"] for field in problem["fields"]][:1] == [bad.field]
    assert [each["reason"] for each in problem["rejected"]] == [bad.reason]
    assert world.ingest.entries == []


@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if bad.body[:1] == b"{"])
def test_bad_event_in_a_batch_does_not_hinder_the_others(name: str) -> None:
    bad, world = BAD[name], World()
    answer = world.post(GOOD + b"\n" + bad.body + b"\n" + GOOD, "application/x-ndjson")
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 2
    (rejected,) = answer.json()["rejected"]
    assert (rejected["index"], rejected["reason"]) == (1, bad.reason)
    assert rejected["fields"][0]["field"] == bad.field
    assert world.ingest.values == [GOOD, GOOD]


@pytest.mark.parametrize("kind", ["text/xml", "image/png", None])
def test_what_is_neither_json_nor_called_so_is_an_unsupported_type(kind: str | None) -> None:
    answer = World().post(b"<event/>", kind)
    assert answer.status_code == 415
    assert "application/cloudevents+json" in problem_of(answer)["detail"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("Content-Encoding", "gzip"), ("Content-Type", "application/json; charset=utf-16")],
)
def test_encodings_that_are_not_read_are_said_so(name: str, value: str) -> None:
    headers = {"Content-Type": "application/json"} | {name: value}
    answer = World().call("POST", "/v1/events", content=GOOD, headers=headers)
    assert answer.status_code == 415
    problem_of(answer)


def test_batch_type_with_a_single_event_is_refused() -> None:
    answer = World().post(GOOD, "application/cloudevents-batch+json")
    assert answer.status_code == 400
    assert "array" in problem_of(answer)["detail"]


@pytest.mark.parametrize(
    ("body", "headers", "status", "field"),
    [
        (b"{", {"ce_type": "touchpoint.transaction.completed.v1"}, 400, "(event)"),
        (b"{}", {"ce_id": "1"}, 422, "type"),
        (b"{}", {"ce_type": "nope"}, 422, "type"),
        (DEEP, {"ce_type": "touchpoint.transaction.completed.v1"}, 400, "(event)"),
        (b"{}", {"ce_type": "touchpoint.transaction.completed.v1", "ce_id": "%FF"}, 400, "(event)"),
    ],
)
def test_bad_binary_mode_is_a_problem(
    body: bytes, headers: dict[str, str], status: int, field: str
) -> None:
    answer = World().post(body, **headers)
    assert answer.status_code == status
    assert problem_of(answer)["fields"][0]["field"] == field


def test_body_above_the_limit_is_refused_by_its_declared_length() -> None:
    answer = World(limits=Limits(body_bytes=100)).post(b"[" + b" " * 100 + b"]")
    assert answer.status_code == 413
    assert problem_of(answer)["type"].endswith(":too_large")


def test_body_above_the_limit_is_not_read_to_its_end() -> None:
    read = 0

    async def receive() -> MutableMapping[str, Any]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b" " * 60, "more_body": True}

    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/events",
        "raw_path": b"/v1/events",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
    }
    asyncio.run(World(limits=Limits(body_bytes=100)).app(scope, receive, send))
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]
    assert read == 2


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
_FIELDS = st.sampled_from(["id", "source", "type", "subject", "time", "data", "anonymous"])
_ALMOST = st.dictionaries(_FIELDS, _JSON, max_size=3).map(
    lambda changes: msgspec.json.encode(transaction() | changes)
)
_KINDS = st.sampled_from(
    [
        None,
        "application/json",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
        "application/x-ndjson",
        "text/plain",
    ]
)


@st.composite
def _torn(draw: st.DrawFn) -> bytes:
    """A good batch with some bytes cut out or put in."""
    body = b"[" + GOOD + b"," + GOOD + b"]"
    start = draw(st.integers(0, len(body)))
    length = draw(st.integers(0, 20))
    return body[:start] + draw(st.binary(max_size=6)) + body[start + length :]


@given(body=st.binary(max_size=200) | _ALMOST | _torn(), kind=_KINDS, ce=st.booleans())
def test_no_body_whatsoever_is_an_error_of_ours(body: bytes, kind: str | None, ce: bool) -> None:
    world = World()
    headers = {"ce_type": "touchpoint.transaction.completed.v1", "ce_id": "1"} if ce else {}
    answer = world.post(body, kind, **headers)
    assert answer.status_code < 500
    if answer.status_code == 202:
        assert answer.json()["accepted"] == len(world.ingest.entries)
    else:
        problem_of(answer)
        assert world.ingest.entries == []
