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

OUTLOOKS: Final = "perception.outlook.v1"
"""What was expected to happen, and whether it did."""

ACTIONS: Final = "care.action.v1"
"""What is to be done for a customer."""

ACTION_DEAD_LETTERS: Final = "care.action.v1.dlq"
"""Actions that could not be carried out, with why."""

ACTION_RETRIES: Final = "care.action.v1.retry"
"""Actions put off by dispatch, for itself alone: their bytes, and in headers when to go on."""

DECISIONS: Final = "care.decision.v1"
"""The ledger: what became of every proposal, step by step, each with its reason."""

CASES: Final = "care.case.v1"
"""How each case stands; the last record of a case is the latest."""

CONSENTS: Final = "care.consent.v1"
"""What each customer does not want; compacted by customer."""

ORDERS: Final = "care.order.v1"
"""What people want done with single actions; compacted by action and matter."""

PROPOSALS: Final = "care.proposal.v1"
"""What competes for a campaign's budget, keyed by campaign."""

PROPOSAL_DEAD_LETTERS: Final = "care.proposal.v1.dlq"
"""Records of ``PROPOSALS`` that could not be processed."""

CAMPAIGNS: Final = "care.campaign.v1"
"""How each campaign stands after each of its windows, keyed by campaign."""

READ_BY_STAGES: Final = (EVENTS, PROPOSALS)
"""What stages read: a record of these lies where its key belongs, whoever wrote it."""

PERCEIVED: Final = (
    SCORES,
    CONTRIBUTIONS,
    OUTLOOKS,
    ACTIONS,
    DECISIONS,
    CASES,
    CONSENTS,
    DEAD_LETTERS,
)
"""What the perceive stage writes beside what goes on to other stages."""

OUTPUTS: Final = (*PERCEIVED, ORDERS, CAMPAIGNS, PROPOSAL_DEAD_LETTERS, ACTION_DEAD_LETTERS)
"""What is written for others to read."""
