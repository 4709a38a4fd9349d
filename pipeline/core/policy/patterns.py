"""The patterns over time as the policy file says them: one section each, absent ones are off."""

from typing import Annotated

from pydantic import Field

from pipeline.core.policy.constants import NotNegative, Positive, Section


class MissingAlertPolicy(Section):
    """A transaction over the customer's threshold, and no alert about it in time."""

    within_seconds: Positive


class PatternPolicy(Section):
    """Every pattern; one without a section is not looked for.

    ``lateness_seconds`` is how long a pattern of absence waits for events that come late. An
    absence that is found out more than ``history_days`` later is history: what else nobody told
    of then cannot be known, so it is not felt.
    """

    lateness_seconds: Annotated[NotNegative, Field(le=7 * 86_400)] = 5.0
    history_days: Positive = 7.0
    missing_alert: MissingAlertPolicy | None = None
