"""The names of the topics, ``domain.entity.vN``: who publishes what where."""

from typing import Final

EVENTS: Final = "touchpoint.event.v1"
"""Touches in, keyed by customer."""

DEAD_LETTERS: Final = "touchpoint.event.v1.dlq"
"""Records of ``EVENTS`` that could not be processed, with their original bytes."""

SCORES: Final = "perception.score.v1"
"""The latest score of each customer; compacted by customer."""

CONTRIBUTIONS: Final = "perception.contribution.v1"
"""What each event did: one record per event that was processed, none for a duplicate."""

ACTIONS: Final = "care.action.v1"
"""What is to be done for a customer."""

DECISIONS: Final = "care.decision.v1"
"""What was considered and not done, with its reason."""

OUTPUTS: Final = (SCORES, CONTRIBUTIONS, ACTIONS, DECISIONS, DEAD_LETTERS)
