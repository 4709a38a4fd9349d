"""Bytes into events, or the reason why not."""

from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple, Union, get_args

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from schemas.dead_letter import FieldError, Reason
from schemas.envelope import Envelope, from_binary_mode
from schemas.touchpoints.calls import CallCompleted
from schemas.touchpoints.campaigns import CampaignNominated
from schemas.touchpoints.care import CareDecided, CareSettled, StaffCared
from schemas.touchpoints.clock import ClockTicked
from schemas.touchpoints.complaints import (
    ComplaintClosed,
    ComplaintHandedOver,
    ComplaintOpened,
    ComplaintProgressed,
    ComplaintResolved,
)
from schemas.touchpoints.customers import (
    CustomerAbsorbed,
    CustomerConsented,
    CustomerInherited,
    CustomerLeft,
    CustomerMerged,
    CustomerProfiled,
)
from schemas.touchpoints.digital import DigitalUsed
from schemas.touchpoints.gifts import GiftGiven
from schemas.touchpoints.market import RivalOffered
from schemas.touchpoints.messages import MessageDelivered, MessageFailed, MessageSent
from schemas.touchpoints.observed import Observed
from schemas.touchpoints.patterns import PatternNoticed
from schemas.touchpoints.promises import PromiseBroken, PromiseKept, PromiseMade, PromiseWithdrawn
from schemas.touchpoints.repairs import RepairCompleted, RepairOpened
from schemas.touchpoints.surveys import SurveyAnswered
from schemas.touchpoints.transactions import TransactionCompleted
from schemas.touchpoints.visits import VisitCompleted

Event = Union[  # noqa: UP007 - one member a line reads better than a chain of bars
    CallCompleted,
    CampaignNominated,
    CareDecided,
    CareSettled,
    ClockTicked,
    ComplaintClosed,
    ComplaintHandedOver,
    ComplaintOpened,
    ComplaintProgressed,
    ComplaintResolved,
    CustomerAbsorbed,
    CustomerConsented,
    CustomerInherited,
    CustomerLeft,
    CustomerMerged,
    CustomerProfiled,
    DigitalUsed,
    GiftGiven,
    MessageDelivered,
    MessageFailed,
    MessageSent,
    Observed,
    PatternNoticed,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    PromiseWithdrawn,
    RepairCompleted,
    RepairOpened,
    RivalOffered,
    StaffCared,
    SurveyAnswered,
    TransactionCompleted,
    VisitCompleted,
]

EVENTS: Final[dict[str, type[Envelope]]] = {
    get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(Event)
}
"""Every event type by its full name with version, ``touchpoint.call.completed.v1``."""

MADE_BY_US: Final = frozenset(
    (ClockTicked, CustomerAbsorbed, CustomerInherited, CareDecided, PatternNoticed)
)
"""Events that the pipeline alone writes; nobody else may hand them in."""

_ADAPTER: Final[TypeAdapter[Event]] = TypeAdapter(Annotated[Event, Field(discriminator="type")])


class Invalid(NamedTuple):
    """Why bytes are no event: a code, a sentence, and the wrong fields if single ones are."""

    reason: Reason
    detail: str
    fields: tuple[FieldError, ...] = ()


def parse_event(
    value: bytes | None, headers: Sequence[tuple[str, bytes | None]] = ()
) -> Event | Invalid:
    """Read one event in CloudEvents structured mode, or binary mode if the headers say so.

    Unknown fields are ignored. Never raises for bad input: what is wrong comes back as
    ``Invalid``.
    """
    try:
        if headers:
            value = from_binary_mode(value or b"", headers) or value
        if not value:
            return Invalid(Reason.EMPTY, "the record has no value")
        return _ADAPTER.validate_json(value)
    except ValidationError as error:
        return _explain(error)
    except ValueError as error:
        return _broken(str(error))


def _broken(message: str) -> Invalid:
    if "recursion limit" in message:
        return Invalid(Reason.TOO_DEEP, f"nested too deeply: {message}")
    return Invalid(Reason.BROKEN_JSON, f"not JSON: {message}")


def _explain(error: ValidationError) -> Invalid:
    errors = error.errors(include_url=False, include_context=True)
    first = errors[0]
    match first["type"]:
        case "json_invalid":
            return _broken(str(first["ctx"]["error"]))
        case "union_tag_not_found":
            return Invalid(
                Reason.UNKNOWN_TYPE,
                "the event has no type",
                (FieldError("type", "is missing"),),
            )
        case "union_tag_invalid":
            return _unknown(str(first["ctx"]["tag"]))
        case _:
            fields = tuple(FieldError(_path(e), e["msg"]) for e in errors[:20])
            named = "; ".join(f"{f.field}: {f.message}" for f in fields[:3])
            return Invalid(Reason.INVALID_FIELD, named, fields)


def _path(error: ErrorDetails) -> str:
    # The first step of the location is the union's tag, which is the event's own type.
    steps = error["loc"][1:] if error["loc"] and error["loc"][0] in EVENTS else error["loc"]
    return ".".join(str(step) for step in steps) or "(event)"


def _unknown(tag: str) -> Invalid:
    shown = tag[:80]
    name, _, version = shown.rpartition(".v")
    known = sorted(t for t in EVENTS if name and t.startswith(f"{name}.v"))
    if known and version.isdigit():
        detail = f"version {version} of {name} is not known; known: {', '.join(known)}"
        return Invalid(Reason.UNKNOWN_VERSION, detail, (FieldError("type", detail),))
    detail = f"unknown type {shown!r}; known: {', '.join(sorted(EVENTS))}"
    return Invalid(Reason.UNKNOWN_TYPE, detail, (FieldError("type", f"unknown: {shown}"),))
