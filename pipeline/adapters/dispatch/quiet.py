"""Hours in which a customer is left alone: whether it is one of them now, and when they end."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from schemas.care import Quiet


def quiet_until(quiet: Quiet | None, now: datetime) -> datetime | None:
    """When the quiet hours end that ``now`` is in, in the zone of ``now``; ``None`` outside them.

    They may cross midnight; if they begin when they end there are none. Wall clocks decide: where
    an hour comes twice, its second time is quiet too, and hours that a clock skips are as good as
    over. Raises ``ValueError`` for a time or zone that is none.
    """
    if quiet is None:
        return None
    zone = _zone(quiet.zone)
    begins, ends = _time(quiet.begins), _time(quiet.ends)
    local = now.astimezone(zone)
    wall = local.time()
    inside = begins <= wall < ends if begins <= ends else wall >= begins or wall < ends
    if not inside:
        return None
    day = local.date() if wall < ends else local.date() + timedelta(days=1)
    for fold in (0, 1):
        end = datetime.combine(day, ends, zone).replace(fold=fold).astimezone(now.tzinfo)
        if end > now:
            return end
    raise AssertionError("an end of quiet hours lies after every moment within them")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # no name, a path, a folder of zones
        raise ValueError(f"quiet hours in {name!r}, which is no IANA time zone") from error


def _time(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"quiet hours with {text!r}, which is no time like 22:00") from error
