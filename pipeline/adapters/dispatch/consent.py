"""Whether a customer does not want an action; asked before every attempt."""

from pipeline.core.policy.care import TRANSACTION_ALERT
from schemas.care import CareAction, Consent


def denied(consent: Consent | None, action: CareAction, channel: str) -> bool:
    """Whether the customer does not want ``action`` on ``channel``, whatever class it has."""
    if consent is None:
        return False
    if action.action == TRANSACTION_ALERT and not consent.alerts:
        return True
    return f"{channel}:{action.purpose}" in consent.denied
