"""What a lane may take at once, and how long it waits for what."""

import msgspec


class LaneLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much a lane takes at once, and how long it waits for what."""

    max_records: int = 8_000
    """Records in one commit. Only a backlog makes so many; the more events of a customer are in
    one, the fewer states and scores are written. Some 300 ms of stepping, for which others wait."""
    max_timers: int = 2_000
    """Timers fired in one commit; each is of another customer, so they cost more than records."""
    high_water_records: int = 32_000
    low_water_records: int = 8_000
    """Queued records at which the partition is paused, and at which it is resumed."""
    first_backoff_seconds: float = 0.1
    longest_backoff_seconds: float = 5.0
    phase_seconds: float = 45.0
    """Limit for opening, for each batch of a restore, for seeking, and for each chunk."""
    close_seconds: float = 5.0
    """Limit for closing a unit of work hard."""
    tombstones_kept_seconds: float = 86_400.0
    """What the changelog guarantees (Kafka's default ``delete.retention.ms``)."""
