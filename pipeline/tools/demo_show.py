"""The demonstration's show: lets the town live, and says what the pipeline made of it."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from threading import Event
from typing import Final

from pipeline.core.policy.care import TRANSACTION_ALERT
from pipeline.tools.demo import CUSTOMERS, introductions, town_event_bytes

EVENTS_PER_SECOND: Final = 5.0
SCORES_EVERY_SECONDS: Final = 5.0
_SHOWN_ACTIONS: Final = 20


def live(append: Callable[[bytes, bytes], None], stop: Event) -> None:
    """Append an event of the town every fifth of a second until ``stop`` is set."""
    now = datetime.now(UTC)
    for key, value in introductions(now):
        append(key, value)
    number = int(now.timestamp())  # another run tells another story
    pause = Random(number)  # noqa: S311 - a demonstration, not a secret
    while not stop.wait(pause.expovariate(EVENTS_PER_SECOND)):
        number += 1
        append(*town_event_bytes(number, datetime.now(UTC)))


def show(
    actions: Callable[[int], Sequence[Mapping[str, object]]],
    score: Callable[[str], Mapping[str, object] | None],
    say: Callable[[str], None],
    stop: Event,
) -> None:
    """Say new actions as they come, and every few seconds who feels best and worst.

    ``actions(n)`` are the latest ``n``, newest first; ``score(customer)`` is the latest score.
    """
    seen = {str(action["id"]) for action in actions(_SHOWN_ACTIONS)}
    next_scores = time.monotonic() + SCORES_EVERY_SECONDS
    while not stop.wait(0.5):
        for action in reversed(actions(_SHOWN_ACTIONS)):
            if str(action["id"]) not in seen:
                seen.add(str(action["id"]))
                say(_action(action))
        if time.monotonic() >= next_scores:
            next_scores += SCORES_EVERY_SECONDS
            say(_scores(score))


def _action(action: Mapping[str, object]) -> str:
    fields = action["fields"]
    assert isinstance(fields, Mapping)  # noqa: S101 - the contract says so
    who = f"{action['customer']!s:6} by {action['channel']}"
    if action["action"] != TRANSACTION_ALERT:
        return f"care   {who}: {str(action['action']).replace('_', ' ')}, {action['reason']}"
    what = f"{fields['amount']} {fields['currency']} at {fields['merchant']}"
    return f"alert  {who}: {fields['kind']} of {what}"


def _scores(score: Callable[[str], Mapping[str, object] | None]) -> str:
    found = [(name, score(name)) for name in CUSTOMERS]
    ordered = sorted((float(str(s["score"])), name) for name, s in found if s is not None)
    if not ordered:
        return "scores none yet"
    worst = ", ".join(f"{name} {value:.1f}" for value, name in ordered[:3])
    best = ", ".join(f"{name} {value:.1f}" for value, name in ordered[:-4:-1])
    return f"scores lowest: {worst}; highest: {best}"
