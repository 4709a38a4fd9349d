"""A gift: to who was put forward for a campaign, if the campaign has one for all who compare."""

from typing import Final

from pipeline.core.care.plain import plain

ACTION: Final = plain("gift", "campaign", "gift")
