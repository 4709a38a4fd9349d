"""The dispatch worker on a real broker: from actions to a receiver, and back to the log."""

import base64
import json
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from pipeline.adapters.kafka.keys import key_partition
from pipeline.adapters.kafka.settings import KafkaSettings
from schemas.inbound import Invalid, parse_event
from schemas.topics import ACTION_RETRIES, ACTIONS
from tests.chaos.readers import TopicReader
from tests.integration.dispatch_process import (
    PARTITIONS,
    DispatchProcess,
    Ledger,
    channels_file,
    fresh_action,
    opt_out,
    publish,
    publish_actions,
)
from tests.services.process import free_ports, wait_until
from tests.services.receiver import ACCEPT, Reaction, Receiver

BUSY = Reaction(503, acts=False)


def wait_for_results(ledger: Ledger, ids: set[str], *, seconds: float = 60) -> None:
    wait_until(
        lambda: ledger.results().keys() >= ids, seconds=seconds, what=f"{len(ids)} settled actions"
    )


def test_actions_reach_the_receiver_and_come_back_as_touches(
    settings: KafkaSettings, worker: DispatchProcess, receiver: Receiver, ledger: Ledger
) -> None:
    plain = [fresh_action(n) for n in range(200)]
    committed = [fresh_action(n) for n in range(200, 300)]
    aborted = [fresh_action(n) for n in range(300, 350)]
    publish_actions(settings, plain)
    publish_actions(settings, committed, transaction=f"{settings.prefix}good")
    publish_actions(settings, aborted, transaction=f"{settings.prefix}bad", commit=False)
    done = {action.id for action in [*plain, *committed]}
    wait_for_results(ledger, done)
    assert set(receiver.seen.values()) == {1}
    assert receiver.acted.keys() == done
    assert ledger.results() == {identity: {"delivered"} for identity in done}
    for partition, event in ledger.events():
        assert partition == key_partition(event["subject"].encode(), PARTITIONS)
        assert not isinstance(parse_event(json.dumps(event).encode()), Invalid)
    assert worker.end() == 0


def test_nothing_goes_out_after_an_opt_out_and_that_is_told(
    settings: KafkaSettings, worker: DispatchProcess, receiver: Receiver, ledger: Ledger
) -> None:
    publish_actions(settings, [fresh_action(0)])
    wait_for_results(ledger, {"a-0"})
    opt_out(settings, "customer-1", "sms:service")
    opt_out(settings, "customer-2", alerts=False)
    publish_actions(settings, [fresh_action(n) for n in range(1, 4)])
    wait_for_results(ledger, {"a-1", "a-2", "a-3"})
    assert ledger.results() == {
        "a-0": {"delivered"},
        "a-1": {"suppressed"},
        "a-2": {"suppressed"},
        "a-3": {"delivered"},
    }
    assert receiver.acted.keys() == {"a-0", "a-3"}


def test_what_cannot_be_carried_out_is_buried_with_its_bytes(
    settings: KafkaSettings, worker: DispatchProcess, receiver: Receiver, ledger: Ledger
) -> None:
    receiver.behave = lambda number, body: Reaction(422, acts=False)
    refused = msgspec.json.encode(fresh_action(1))
    records = [
        (ACTIONS, "customer-1", b"{broken"),
        (ACTIONS, "customer-1", b'{"id": "a-0"}'),
        (ACTIONS, "customer-1", None),
        (ACTIONS, "customer-1", refused),
    ]
    publish(settings, records)
    wait_until(lambda: len(ledger.letters()) == 4, seconds=60, what="four dead letters")
    assert ledger.reasons() == {
        "broken_json": 1,
        "invalid_field": 1,
        "empty": 1,
        "undeliverable": 1,
    }
    (letter,) = [each for each in ledger.letters() if each["reason"] == "undeliverable"]
    assert base64.b64decode(letter["value"]) == refused
    assert (letter["topic"], letter["detail"]) == (ACTIONS, "HTTP 422")
    wait_for_results(ledger, {"a-1"})
    assert ledger.results() == {"a-1": {"failed"}}


@pytest.mark.slow
def test_what_must_wait_is_put_off_and_holds_nobody_up(
    settings: KafkaSettings, worker: DispatchProcess, receiver: Receiver, ledger: Ledger
) -> None:
    def busy_with_mail(number: int, body: dict[str, object]) -> Reaction:
        mail = body["channel"] == "email" and receiver.seen[str(body["id"])] == 0
        return Reaction(503, acts=False, retry_after="12") if mail else ACCEPT

    receiver.behave = busy_with_mail
    publish_actions(settings, [fresh_action(1, channel="email"), fresh_action(51)])
    wait_for_results(ledger, {"a-51"})
    with TopicReader(settings, settings.topic(ACTION_RETRIES)) as retries:
        wait_until(
            lambda: any(retries.read().values()), seconds=30, what="an action that was put off"
        )
    wait_for_results(ledger, {"a-1"})
    (first, second) = [at for at, identity in receiver.requests if identity == "a-1"]
    assert second - first >= 12
    assert ledger.results()["a-1"] == {"delivered"}


def test_a_killed_worker_repeats_only_what_was_not_settled(
    settings: KafkaSettings,
    worker: DispatchProcess,
    receiver: Receiver,
    ledger: Ledger,
) -> None:
    publish_actions(settings, [fresh_action(n) for n in range(100)])
    wait_for_results(ledger, {f"a-{n}" for n in range(100)})
    receiver.behave = lambda number, body: Reaction(hangs=True)
    publish_actions(settings, [fresh_action(n) for n in range(100, 104)])
    wait_until(lambda: len(receiver.acted) == 104, seconds=30, what="four attempts under way")
    worker.kill()
    receiver.behave = lambda number, body: ACCEPT
    worker.start()
    wait_for_results(ledger, {f"a-{n}" for n in range(104)})
    assert all(len(ids) == 1 for ids in ledger.event_ids().values())
    assert all(receiver.seen[f"a-{n}"] >= 2 for n in range(100, 104))


def test_sigterm_lets_an_attempt_end_and_leaves_the_rest(
    settings: KafkaSettings, worker: DispatchProcess, receiver: Receiver, ledger: Ledger
) -> None:
    expired = fresh_action(9, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    publish_actions(settings, [fresh_action(0), expired])
    wait_for_results(ledger, {"a-0", "a-9"})
    assert ledger.results()["a-9"] == {"expired"}
    receiver.behave = lambda number, body: BUSY
    publish_actions(settings, [fresh_action(1)])
    wait_until(lambda: receiver.seen["a-1"] >= 1, seconds=30, what="an attempt")
    assert worker.end() == 0
    assert "a-1" not in ledger.results()
    receiver.behave = lambda number, body: ACCEPT
    worker.start()
    wait_for_results(ledger, {"a-1"})


def test_it_says_how_it_is(
    settings: KafkaSettings, receiver: Receiver, ledger: Ledger, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    channels = channels_file(tmp_path, receiver.url)
    worker = DispatchProcess(settings, channels, tmp_path / "dispatch.log", port)
    worker.start()
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _ready(url), seconds=60, what="a worker that is ready")
        publish_actions(settings, [fresh_action(0)])
        wait_for_results(ledger, {"a-0"})
        names = {each["name"] for each in httpx.get(f"{url}/readyz").json()["conditions"]}
        assert names == {"group", "consents and orders", "destination gateway"}
        metrics = httpx.get(f"{url}/metrics").text
        assert (
            'touchpoint_dispatch_settled_total{action="transaction_alert",result="done"} 1.0'
            in metrics
        )
        assert 'touchpoint_dispatch_circuit{destination="gateway",state="closed"} 1.0' in metrics
        assert "customer-0" not in metrics + "\n".join(worker.lines())
        worker.stop(signal.SIGINT)
    finally:
        worker.kill()


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.HTTPError:
        return False


def test_a_secret_that_is_not_there_is_refused_with_what_to_do(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    channels = channels_file(tmp_path, "http://127.0.0.1:1/").rename(tmp_path / "other.yaml")
    channels.write_text(channels.read_text().replace("GATEWAY_SECRET", "NO_SUCH_SECRET"))
    worker = DispatchProcess(settings, channels, tmp_path / "dispatch.log")
    worker.start()
    wait_until(lambda: not worker.running, seconds=30, what="a refusal")
    assert worker.end() == 2
    assert "the environment variable NO_SUCH_SECRET is not set" in "\n".join(worker.lines())
