"""What insights propose and what their money is made of, in sentences.

The language is the translator's: texts here are keys of the message catalogues.
"""

from pipeline.core.insights.iceberg import Berg
from pipeline.core.insights.improvement import Remedy
from pipeline.core.perceive.translator import Translator
from pipeline.core.policy.insights import InsightPolicy


def remedy_in_words(remedy: Remedy, by: Translator) -> str:
    """What to improve first, where, who answers for it, and which measures tell of it."""
    said = [_shortfall(remedy, by)]
    if remedy.touchpoint is not None:
        said.append(_where(remedy, remedy.touchpoint, by))
    return by.gettext("{first} {then}").format(first=said[0], then=said[1]) if said[1:] else said[0]


def basis_in_words(berg: Berg, policy: InsightPolicy, by: Translator) -> str:
    """What the estimate and its money are made of."""
    ratio = by.decimal(policy.silent_per_complainer.value, places=0)
    estimate = by.gettext(
        "Estimated: {ratio} silent customers behind each of {complained} who complained."
    ).format(ratio=ratio, complained=by.decimal(berg.affected.complained, places=0))
    if berg.money is None or policy.money is None:
        return estimate
    figures, money = policy.money, berg.money
    at_risk = by.gettext(
        "At risk if all {customers} left: {revenue} of a year's revenue ({worth} each), {replacing}"
        " to win as many new ones at {factor} times what keeping one costs ({keep}), {brought} of"
        " those whom they would bring ({share} of a customer each), in {currency}."
    ).format(
        customers=by.decimal(money.customers, places=0),
        revenue=by.decimal(money.revenue, places=0),
        worth=by.decimal(figures.worth.value, places=0),
        replacing=by.decimal(money.replacing, places=0),
        factor=by.decimal(figures.new_customer_factor.value, places=0),
        keep=by.decimal(figures.keep_cost.value, places=0),
        brought=by.decimal(money.brought, places=0),
        share=by.decimal(figures.brought_by_satisfied.value, places=2),
        currency=figures.currency,
    )
    return by.gettext("{first} {then}").format(first=estimate, then=at_risk)


def _shortfall(remedy: Remedy, by: Translator) -> str:
    told = {
        "dimension": _name("dimension", remedy.dimension, by),
        "level": by.percent(remedy.level),
        "target": by.percent(remedy.target),
    }
    if remedy.department is None:
        return by.gettext(
            "Lowered most by {dimension}: felt at {level} where {target} is expected."
        ).format(**told)
    return by.gettext(
        "Lowered most by {dimension}: felt at {level} where {target} is expected; {department}"
        " answers for it."
    ).format(**told, department=_name("department", remedy.department, by))


def _where(remedy: Remedy, touchpoint: str, by: Translator) -> str:
    place = _touchpoint(touchpoint, by)
    if not remedy.measures:
        return by.gettext("Most of it is lost at: {touchpoint}.").format(touchpoint=place)
    return by.gettext(
        "Most of it is lost at: {touchpoint}; look first at what tells of it there: {measures}."
    ).format(touchpoint=place, measures=by.listed(remedy.measures))


def _touchpoint(name: str, by: Translator) -> str:
    return by.npgettext("touchpoint", name, name, 1).replace("_", " ")


def _name(kind: str, name: str, by: Translator) -> str:
    # No catalogue's text has an underscore: this is a name that the catalogue does not have.
    return by.pgettext(kind, name).replace("_", " ")
