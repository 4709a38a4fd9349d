"""Survey answers, by the customer, a third party or a mystery shopper."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Envelope
from schemas.ids import Name
from schemas.touchpoints.common import Contact, Ratings


class SurveyAnsweredData(Contact):
    """Answers by question; which question speaks of which dimension is in the catalogue."""

    survey: Name
    answers: Annotated[Ratings, Field(min_length=1)]
    answered_by: Literal["customer", "mystery_shopper", "third_party"] = "customer"


class SurveyAnswered(Envelope):
    """A survey came back."""

    type: Literal["touchpoint.survey.answered.v1"]
    data: SurveyAnsweredData
