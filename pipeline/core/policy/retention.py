"""For how long what was written is kept, as the policy file says it."""

from typing import Annotated

from pydantic import Field

from pipeline.core.policy.constants import Section

Days = Annotated[int, Field(ge=1, le=36_500)]


class RetentionPolicy(Section):
    """Days by table of the SQL store, and by grain of its roll-ups, from a row's own time on."""

    contributions_days: Days = 400
    actions_days: Days = 400
    decisions_days: Days = 400
    cases_days: Days = 400
    outlook_checks_days: Days = 400
    campaign_reports_days: Days = 400
    audit_days: Days = 1_095
    dead_letters_days: Days = 90
    sink_rejects_days: Days = 90
    rollups_by_minute_days: Days = 2
    rollups_by_hour_days: Days = 90
    rollups_by_day_days: Days = 3_650
