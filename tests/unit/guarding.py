"""Lives under policies whose guards a test chooses: each purchase calls for one action of care."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pipeline.core.policy.compiled import Policy
from tests.unit.core import Life, changed_policy

TRANSACTION: Final = "touchpoint.transaction.completed.v1"
CONSENT: Final = "touchpoint.customer.consented.v1"
DECIDED: Final = "touchpoint.care.decided.v1"
PROFILE: Final = "touchpoint.customer.profiled.v1"
BOUGHT: Final = {"amount": 80, "currency": "CNY"}
CARE: Final = "apology"
"""The action that a purchase calls for here."""

Section = dict[str, Any]


def sourced(value: float) -> Section:
    """A number of a policy, with a source."""
    return {"value": value, "source": "a test"}


def cap(name: str, most: int, hours: float, **more: Any) -> Section:
    """A cap of a policy."""
    return {"name": name, "most": most, "per_hours": hours, "source": "a test"} | more


def guarded(
    *,
    action: Section | None = None,
    limits: Section | None = None,
    alert: Section | None = None,
    ratio: Section | None = None,
    **decide: Any,
) -> Policy:
    """The default policy with these guards and no others, and care for every purchase.

    ``action`` changes that care, ``alert`` the transaction alert, which is off else.
    """

    def change(content: Section) -> None:
        content["decide"] = deepcopy(decide)
        content["patterns"] = {}
        content["outlooks"] = {}
        content["cases"] = None
        content["campaigns"] = {"spring": {"closes": "2026-12-31T00:00:00Z"}}
        content["limits"] |= limits or {}
        content["ratio"] |= ratio or {}
        content["care"]["transaction_alert"] |= alert or {"enabled": False}
        content["care"]["actions"] = {
            CARE: {
                "action_class": "care",
                "on": ["transaction"],
                "channels": ["sms", "email"],
                "template": "apology",
                "cost": 0.1,
                "gain": sourced(1),
            }
            | (action or {})
        }

    return changed_policy(change)


def at(hours: float) -> str:
    """The time so many hours after a Monday's midnight in UTC."""
    return (datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=hours)).isoformat()


def buy(life: Life, hours: float, **changes: Any) -> None:
    """A purchase, at the time ``hours``."""
    life.happen(TRANSACTION, at(hours), BOUGHT, **changes)


def opt_out(life: Life, hours: float, channel: str, purpose: str = "care") -> None:
    """The customer closes a channel for a purpose."""
    life.happen(CONSENT, at(hours), {"channel": channel, "purpose": purpose, "granted": False})


def outcomes(life: Life, name: str | None = CARE) -> list[tuple[str, str]]:
    """What was decided, step by step: outcome and reason."""
    return [(each.outcome, each.reason) for each in life.decisions(name)]
