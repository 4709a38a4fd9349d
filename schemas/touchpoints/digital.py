"""Use of an app or a website."""

from typing import Literal

from schemas.envelope import Envelope
from schemas.ids import Name
from schemas.touchpoints.common import Contact, Count, Seconds


class DigitalUsedData(Contact):
    """One task on a digital channel, from start to end."""

    platform: Literal["app", "web", "kiosk"] = "app"
    task: Name | None = None
    completed: bool | None = None
    steps: Count | None = None
    errors: Count = 0
    seconds: Seconds | None = None


class DigitalUsed(Envelope):
    """A customer used the app or the site for something."""

    type: Literal["touchpoint.digital.used.v1"]
    data: DigitalUsedData
