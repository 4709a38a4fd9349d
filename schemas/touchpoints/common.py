"""What several touchpoint families share: units, intents, and the parts of a contact."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Data
from schemas.ids import Label, Name

Seconds = Annotated[float, Field(ge=0, le=366 * 86_400)]
Count = Annotated[int, Field(ge=0, le=10_000)]
Share = Annotated[float, Field(ge=0, le=1)]
Sentiment = Annotated[float, Field(ge=-1, le=1)]
Money = Annotated[float, Field(ge=0, le=1e15)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]

Intent = Literal["enquiry", "help", "fault", "complaint", "purchase", "none"]
"""Why the customer came. ``none``: the company came to the customer, or nobody knows."""

Channel = Literal["phone", "sms", "email", "push", "chat", "social", "post", "in_person"]

Rating = Annotated[float, Field(ge=0, le=100, description="On the scale the policy names.")]
Ratings = Annotated[dict[Name, Rating], Field(max_length=64)]


class Contact(Data):
    """A touch with an intent, perhaps about something, perhaps with somebody."""

    intent: Intent = "none"
    topic: Annotated[Name | None, Field(description="What it was about; joins contacts.")] = None
    staff: Annotated[Name | None, Field(description="Who served, as the operator's own id.")] = None
    department: Name | None = None
    resolved: Annotated[
        bool | None, Field(description="Whether the customer's matter was settled.")
    ] = None
    sentiment: Sentiment | None = None
    emotion: Annotated[Label | None, Field(description="What upstream heard, as a label.")] = None
    words: Annotated[
        tuple[Name, ...], Field(max_length=32, description="Words upstream heard.")
    ] = ()
    ratings: Annotated[
        Ratings, Field(default_factory=dict, description="What the customer or a tester rated.")
    ]
    intensity: Annotated[
        float, Field(gt=0, le=1, description="How strongly it was felt; 1 is the usual touch.")
    ] = 1.0
