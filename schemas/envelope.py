"""The envelope of every event in: CloudEvents 1.0, structured or in Kafka's binary mode."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_core import from_json, to_json

from schemas.ids import EventId, Id, Source

# Frozen: an event is what happened. Unknown fields are ignored, so a publisher may be newer than
# we are; they stay in the log. Strict: "5" is not 5. NaN and infinity are no measurements.
STRICTNESS = ConfigDict(
    frozen=True, extra="ignore", strict=True, allow_inf_nan=False, str_max_length=65_536
)


class Envelope(BaseModel):
    """The attributes of a CloudEvent, without its ``type`` and ``data``.

    ``(source, id)`` names an event: the same pair again is a duplicate and changes nothing.
    """

    model_config = STRICTNESS

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[EventId, Field(description="Unique within `source`; printable ASCII.")]
    source: Annotated[Source, Field(description="Which system saw the touch, as a URI reference.")]
    time: Annotated[AwareDatetime, Field(description="When it happened (RFC 3339 with offset).")]
    subject: Annotated[
        Id | None,
        Field(description="The customer. Equal to the Kafka key. Absent only if `anonymous`."),
    ] = None
    anonymous: Annotated[
        bool,
        Field(description="True if the upstream system could not tell who the customer is."),
    ] = False
    hops: Annotated[
        int,
        Field(ge=0, le=16, description="How often it was handed on between merged customers."),
    ] = 0
    dataschema: str | None = None
    datacontenttype: Literal["application/json"] = "application/json"


class Data(BaseModel):
    """Base of every event's ``data``."""

    model_config = STRICTNESS


def from_binary_mode(value: bytes, headers: Sequence[tuple[str, bytes | None]]) -> bytes | None:
    """The structured form of a record in binary mode, or ``None`` if it is not in that mode.

    Binary mode (CloudEvents Kafka binding 1.0): attributes in ``ce_`` headers, the value is the
    data alone. Raises ``ValueError`` if a header is not UTF-8 or the value is not JSON.
    """
    attributes: dict[str, Any] = {
        name[3:]: raw.decode("utf-8")
        for name, raw in headers
        if raw is not None and name.startswith("ce_")
    }
    if "type" not in attributes:
        return None
    if "anonymous" in attributes:  # headers are text; this attribute is a CloudEvents Boolean
        attributes["anonymous"] = attributes["anonymous"] == "true"
    if attributes.get("hops", "").isdigit():
        attributes["hops"] = int(attributes["hops"])
    # The data is parsed on its own: joined as text, a crafted value could set attributes.
    attributes["data"] = from_json(value)
    return to_json(attributes)
