"""Leave the customer in peace for a while: whoever follows a customer around drives them away."""

from datetime import UTC, datetime
from typing import Final

from pipeline.core.care.action import Action, Proposal
from pipeline.core.moment import Moment, Occasion
from pipeline.core.policy.care import ActionRule
from pipeline.core.policy.numbers import DAY_S


def _until_s(moment: Moment, occasion: Occasion) -> float:
    return occasion.at_s + moment.policy.care.silent_days * DAY_S


def _propose(moment: Moment, occasion: Occasion, rule: ActionRule) -> Proposal:
    until = f"{datetime.fromtimestamp(_until_s(moment, occasion), UTC):%Y-%m-%d}"
    what = occasion.facts.get("what", "")
    why = what or occasion.trigger
    return Proposal(rule, {"until": until, "what": what}, why, rule.channels)


def _requested(moment: Moment, occasion: Occasion) -> None:
    care = moment.customer.care
    care.silent_until_s = max(care.silent_until_s, _until_s(moment, occasion))


ACTION: Final = Action(
    "deliberate_silence", frozenset(("until", "what")), _propose, requested=_requested
)
