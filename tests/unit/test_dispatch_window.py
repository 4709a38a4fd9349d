"""Where a successor begins, what is no action, and what is kept of one that is put off."""

from datetime import timedelta
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.dispatch.ends import Progress
from pipeline.adapters.dispatch.incoming import Unreadable, read_action
from pipeline.adapters.dispatch.window import Window
from pipeline.adapters.kafka.dispatch_outbox import NOT_BEFORE, PROGRESS, Resume, resume_of
from schemas.dead_letter import Reason
from tests.unit.dispatching import START, an_action


@given(st.sets(st.integers(0, 500), min_size=1).map(sorted), st.randoms())
def test_the_position_never_passes_what_is_not_done(offsets: list[int], chance: Random) -> None:
    window = Window()
    assert window.position is None
    for offset in offsets:
        window.take(offset)
    left = list(offsets)
    chance.shuffle(left)
    while left:
        assert len(window) == len(left)
        assert window.position == min(left)
        window.done(left.pop())
    assert window.position == offsets[-1] + 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.EMPTY),
        (b"", Reason.EMPTY),
        (b"{", Reason.BROKEN_JSON),
        (b"\xff", Reason.BROKEN_JSON),
        (b'{"a":' * 100_000, Reason.BROKEN_JSON),
        (b"[]", Reason.INVALID_FIELD),
        (b'{"id": "a-1"}', Reason.INVALID_FIELD),
        (msgspec.json.encode(an_action(id="")), Reason.INVALID_FIELD),
        (msgspec.json.encode(an_action(customer="a\nb")), Reason.INVALID_FIELD),
        (msgspec.json.encode(an_action(customer="x" * 129)), Reason.INVALID_FIELD),
        (
            msgspec.json.encode(an_action(decided_at=START.replace(tzinfo=None))),
            Reason.INVALID_FIELD,
        ),
    ],
)
def test_what_is_no_action_is_refused_with_its_reason(value: bytes | None, reason: Reason) -> None:
    refused = read_action(value)
    assert isinstance(refused, Unreadable)
    assert refused.reason is reason


def test_an_action_is_read_as_it_was_written_by_a_newer_release_too() -> None:
    action = an_action(expires_at=START, fallbacks=("email",))
    value = msgspec.json.encode(msgspec.to_builtins(action) | {"news": 1})
    assert read_action(value) == action


def test_what_was_put_off_goes_on_where_it_was() -> None:
    progress = Progress(channel=1, attempts=3, since=START, in_doubt=True, failure="x", parks=2)
    later = START + timedelta(minutes=5)
    headers = [
        ("other", b"1"),
        (NOT_BEFORE, msgspec.json.encode(later)),
        (PROGRESS, msgspec.json.encode(progress)),
    ]
    assert resume_of(headers) == Resume(later, progress)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(NOT_BEFORE, b'"2026-03-02T09:30:00Z"')],
        [(NOT_BEFORE, b"soon"), (PROGRESS, b"{}")],
        [(NOT_BEFORE, b'"2026-03-02T09:30:00"'), (PROGRESS, b"{}")],
        [(NOT_BEFORE, b'"2026-03-02T09:30:00Z"'), (PROGRESS, b'{"attempts": "many"}')],
        [(NOT_BEFORE, None), (PROGRESS, None)],
    ],
)
def test_headers_that_say_nothing_mean_the_beginning(
    headers: list[tuple[str, bytes | None]],
) -> None:
    assert resume_of(headers) is None
