"""What every way of running shares: the policy, the clock, the ticks."""

import logging
import time
from pathlib import Path
from typing import Final

from pipeline.adapters.messages import Catalogues, shipped_catalogues
from pipeline.config import policy_text
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.load import load_policy
from schemas.touchpoints.clock import tick_bytes

log = logging.getLogger(__name__)

TICK_SOURCE: Final = "/touchpoint/clock"


def read_policy(path: Path | None) -> Policy:
    """The policy at ``path``, or the one shipped. Raises ``ConfigError`` and ``PolicyError``."""
    text, name = policy_text(path)
    loaded = load_policy(text, name=name)
    for warning in loaded.warnings:
        log.info("policy %s: %s", name, warning)
    return loaded.policy


def read_catalogues(policy: Policy) -> Catalogues:
    """The languages that the program speaks; tells if the policy's is not among them."""
    catalogues, language = shipped_catalogues(), policy.file.language
    if not catalogues.speaks(language):
        known = ", ".join(catalogues.languages)
        log.warning("no messages in the policy's language %s, but in: %s", language, known)
    return catalogues


def tick_value(partition: int, clock_ms: int) -> bytes:
    """The bytes of a ``clock.ticked`` event."""
    return tick_bytes(TICK_SOURCE, partition, clock_ms)


def now_ms() -> int:
    """The wall clock, in milliseconds since 1970."""
    return int(time.time() * 1000)
