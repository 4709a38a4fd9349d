"""Actions that need no judgement of their own: they pass on the facts of what called for them."""

from pipeline.core.care.action import Action, Proposal
from pipeline.core.moment import Moment, Occasion
from pipeline.core.policy.care import ActionRule


def plain(name: str, *offers: str) -> Action:
    """An action that fills ``offers`` with the occasion's facts of those names."""

    def propose(moment: Moment, occasion: Occasion, rule: ActionRule) -> Proposal | None:
        facts = occasion.facts
        fields = {offer: facts.get(offer, "") for offer in offers}
        return Proposal(rule, fields, facts.get("why", occasion.trigger), rule.channels)

    return Action(name, frozenset(offers), propose)
