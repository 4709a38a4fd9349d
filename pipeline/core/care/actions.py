"""Every action there is, by name. A new one is a file beside this one and a line here."""

from collections.abc import Mapping
from typing import Final

from pipeline.core.care import (
    apology,
    call_back,
    complaint_step,
    deliberate_silence,
    escalation,
    gift,
    proactive_notice,
    thank_you,
    transaction_alert,
)
from pipeline.core.care.action import Action

_ALL: Final = (
    apology.ACTION,
    call_back.ACTION,
    deliberate_silence.ACTION,
    thank_you.ACTION,
    complaint_step.ACTION,
    escalation.ACTION,
    proactive_notice.ACTION,
    gift.ACTION,
    transaction_alert.ACTION,
)

ACTIONS: Final[Mapping[str, Action]] = {action.name: action for action in _ALL}
