"""Who sought whom: what the patterns take for a contact, for an answer and for a sign of life."""

from pipeline.core.moment import Moment
from schemas.inbound import Event
from schemas.touchpoints.calls import CallCompletedData
from schemas.touchpoints.care import StaffCaredData
from schemas.touchpoints.complaints import ComplaintClosedData
from schemas.touchpoints.messages import MessageData, MessageDelivered
from schemas.touchpoints.surveys import SurveyAnsweredData
from schemas.touchpoints.transactions import TransactionCompletedData
from schemas.touchpoints.visits import VisitCompletedData


def is_sought(moment: Moment) -> bool:
    """Whether the customer sought this contact: staff at the customer's home came themselves."""
    if moment.touch is None or moment.event is None or not moment.touch.inbound:
        return False
    data = moment.event.data
    return not (type(data) is VisitCompletedData and data.place == "home")


def is_unasked(moment: Moment) -> bool:
    """Whether the company sought this contact without being asked, as fatigue counts them."""
    touchpoint = None if moment.contribution is None else moment.contribution.touchpoint
    if touchpoint is None or moment.touch is None:
        return False
    return moment.touch.unasked or moment.policy.file.touchpoints[touchpoint].unasked


def has_reached(event: Event) -> bool:
    """Whether the company got through to the customer: no machine's alert, no advertisement."""
    data = event.data
    if type(data) is MessageData:
        personal = data.direction == "outbound" and data.purpose not in ("alert", "marketing")
        return personal and type(event) is MessageDelivered
    if type(data) is CallCompletedData:
        return data.direction == "outbound" and not data.abandoned
    if type(data) is VisitCompletedData:
        return data.place == "home" and data.served
    return type(data) is StaffCaredData and data.channel is not None


def is_active(moment: Moment) -> bool:
    """Whether the customer did something: came, bought, answered, suggested."""
    if moment.touch is None or moment.event is None:
        return False
    data = moment.event.data
    if moment.touch.inbound or type(data) in (TransactionCompletedData, ComplaintClosedData):
        return True
    if type(data) is SurveyAnsweredData:
        return data.answered_by == "customer"
    touchpoint = None if moment.contribution is None else moment.contribution.touchpoint
    return touchpoint is not None and moment.policy.file.touchpoints[touchpoint].initiative
