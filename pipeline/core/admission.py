"""The front door: whether bytes are an event that this policy can take, or why not.

HTTP, the stream and file import all ask here, so that the same event is refused everywhere for
the same reason.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from pipeline.core.policy.compiled import Policy
from schemas.dead_letter import FieldError, Reason
from schemas.inbound import Event, Invalid, parse_event
from schemas.touchpoints.clock import ClockTicked
from schemas.touchpoints.observed import Observed

_UNKNOWN = -1


class Admitted(NamedTuple):
    """An event that may enter; ``time_s`` is its time in seconds since 1970."""

    event: Event
    time_s: float


def admit(
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]],
    received_ms: int,
    policy: Policy,
) -> Admitted | Invalid:
    """Read one event and hold it to the policy's limits.

    ``received_ms`` is when the log or the server took it, in milliseconds since 1970, negative if
    unknown: an event may not lie further ahead of it than the policy allows.
    """
    if value is not None and len(value) > policy.limits.event_bytes:
        most = policy.limits.event_bytes
        return Invalid(Reason.TOO_LARGE, f"{len(value)} bytes; at most {most} are allowed")
    event = parse_event(value, headers)
    if isinstance(event, Invalid):
        return event
    time_s = event.time.timestamp()
    wrong = _wrong_time(time_s, received_ms, policy)
    if wrong:
        return Invalid(Reason.TIME_OUT_OF_RANGE, f"time {wrong}", (FieldError("time", wrong),))
    return _wrong_subject(event, policy) or Admitted(event, time_s)


def _wrong_subject(event: Event, policy: Policy) -> Invalid | None:
    if event.subject is None and not event.anonymous and type(event) is not ClockTicked:
        what = 'is missing; if the customer is not known, say "anonymous": true'
        return Invalid(Reason.MISSING_CUSTOMER, f"subject {what}", (FieldError("subject", what),))
    if event.subject is not None and event.anonymous:
        what = "an anonymous event cannot name a customer"
        return Invalid(Reason.INVALID_FIELD, f"anonymous: {what}", (FieldError("anonymous", what),))
    if type(event) is Observed and event.data.touchpoint not in policy.observed:
        known = ", ".join(sorted(policy.observed)) or "none"
        what = f"is not in the catalogue: {event.data.touchpoint!r}; known: {known}"
        field = "data.touchpoint"
        return Invalid(Reason.UNKNOWN_TOUCHPOINT, f"{field} {what}", (FieldError(field, what),))
    return None


def _wrong_time(time_s: float, received_ms: int, policy: Policy) -> str | None:
    if time_s < policy.earliest_s:
        return f"is before {policy.limits.earliest_time.isoformat()}, the earliest allowed"
    if time_s > policy.latest_s:
        return f"is after {policy.limits.latest_time.isoformat()}, the latest allowed"
    if received_ms > _UNKNOWN:
        lead_s = time_s - received_ms / 1000.0
        if lead_s > policy.limits.largest_lead_hours * 3600.0:
            received = datetime.fromtimestamp(received_ms / 1000.0, UTC).isoformat()
            most = policy.limits.largest_lead_hours
            return f"is more than {most:g} h ahead of its arrival at {received}"
    return None
