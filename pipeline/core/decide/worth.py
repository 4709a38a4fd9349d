"""What care is worth: never where it brings nothing, nor where the customer has more than enough.

A point of score is worth a share of a year's revenue with this customer, more for some tiers.
"""

from pipeline.core.customer import Customer
from pipeline.core.decide.guard import Question, Verdict, does_nothing, withhold
from pipeline.core.moment import Moment
from pipeline.core.perceive.decay import scales
from pipeline.core.perceive.expectation import context_at
from pipeline.core.perceive.ratio import read_ratio
from pipeline.core.policy.compiled import Policy
from pipeline.core.profile import tier_of


def worth_of_point(customer: Customer, policy: Policy) -> float:
    """What a point of score is worth with this customer, in the policy's currency; else 1."""
    worth = policy.decide.worth
    if worth is None:
        return 1.0
    revenue, typical = customer.profile.revenue, worth.typical_revenue
    factor = 1.0 if revenue is None else revenue / typical
    factor = min(max(factor, 1.0 / worth.largest_factor), worth.largest_factor)
    return worth.point * typical * factor * worth.tiers.get(tier_of(customer, policy), 1.0)


def over_delivery(moment: Moment, question: Question) -> Verdict | None:
    """Above the target band, more service costs and brings nothing."""
    policy, customer = moment.policy, moment.customer
    classes = policy.decide.overdone_classes
    if question.proposal.rule.action_class not in classes or does_nothing(question):
        return None
    at_s = max(moment.now_s, customer.as_of_s)
    tier, context = tier_of(customer, policy), context_at(customer, at_s, policy)
    ratio = read_ratio(customer, tier, context, policy, scales(customer, at_s)).ratio
    most = policy.ratio.target_high
    if ratio <= most:
        return None
    return withhold("over_delivery", f"ratio {ratio:.2f} is above {most:.2f}")


def worthless(moment: Moment, question: Question) -> Verdict | None:
    """An action must be worth more than it costs."""
    rule, worth = question.proposal.rule, moment.policy.decide.worth
    if worth is None or rule.action_class not in worth.classes or does_nothing(question):
        return None
    value = rule.gain * worth_of_point(moment.customer, moment.policy)
    if value > rule.cost:
        return None
    return withhold("worthless", f"worth {value:.2f}, and it costs {rule.cost:.2f}")
