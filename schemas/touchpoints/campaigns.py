"""Campaigns: who is put forward for one."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Data, Envelope
from schemas.ids import Name


class CampaignNominatedData(Data):
    """``campaign`` as the policy names it; ``cohort_size`` is how many peers are put forward."""

    campaign: Name
    cohort_size: Annotated[
        int | None, Field(ge=1, le=1_000_000, description="With this customer; None: not known.")
    ] = None


class CampaignNominated(Envelope):
    """A customer was put forward for a campaign."""

    type: Literal["touchpoint.campaign.nominated.v1"]
    data: CampaignNominatedData
