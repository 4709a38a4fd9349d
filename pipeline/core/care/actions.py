"""Every action there is, by name. A new one is a file beside this one and a line here."""

from collections.abc import Mapping
from typing import Final

from pipeline.core.care import apology, gift, transaction_alert
from pipeline.core.care.action import Action

_ALL: Final = (
    apology.ACTION,
    gift.ACTION,
    transaction_alert.ACTION,
)

ACTIONS: Final[Mapping[str, Action]] = {action.name: action for action in _ALL}
