"""Tells what a customer does not want whenever that changes: whoever carries out asks it again."""

from datetime import UTC, datetime
from itertools import product
from typing import Final, cast, get_args

from pipeline.core.moment import Moment
from pipeline.core.profile import consented
from schemas.care import Consent
from schemas.topics import CONSENTS
from schemas.touchpoints.common import Channel
from schemas.touchpoints.customers import CustomerProfiled, Purpose

_PAIRS: Final = tuple(sorted(product(get_args(Channel), get_args(Purpose))))


def tell_wishes(moment: Moment) -> None:
    """Say what is denied, of an event that may have changed it: consent, profile, inheritance."""
    event, customer = moment.event, moment.customer
    if isinstance(event, CustomerProfiled) and event.data.alerts is None:
        return
    wish = customer.profile.alerts
    denied = tuple(
        f"{channel}:{purpose}"
        for channel, purpose in _PAIRS
        if consented(customer, cast(Channel, channel), cast(Purpose, purpose)) is False
    )
    as_of = datetime.fromtimestamp(moment.at_s, UTC)
    record = Consent(
        customer=moment.name,
        denied=denied,
        alerts=wish is None or wish.wanted,
        as_of=as_of,
    )
    moment.answer.say(CONSENTS, record)
