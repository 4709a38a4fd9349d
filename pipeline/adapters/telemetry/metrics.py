"""The metric catalogue: every metric of the pipeline, with its unit and what it tells.

Names are ``touchpoint_*`` in base units. No label ever names a customer.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# From a quick chunk on an idle machine to a commit that waits for a broker to come back.
_SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 45.0)

# From an alert at once to care that was held over night.
_DISPATCH_SECONDS: Final = (
    0.02,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    15,
    60,
    300,
    1_800,
    7_200,
    43_200,
)


class Metrics:
    """Every metric, registered in one registry.

    The equation that must always hold: ``records_read == processed + duplicate + dead_letter``,
    the latter three being the outcomes of ``records``.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.records_read = Counter(
            "touchpoint_records_read",
            "Records of the source log whose chunk was committed, clock ticks included.",
            ["stage"],
            registry=registry,
        )
        self.records = Counter(
            "touchpoint_records",
            "Records by outcome: processed, duplicate or dead_letter. They sum to records_read.",
            ["stage", "outcome"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "touchpoint_dead_letters",
            "Records that became dead letters, by reason.",
            ["stage", "reason"],
            registry=registry,
        )
        self.outputs = Counter(
            "touchpoint_outputs",
            "Records written: scores, contributions, actions, decisions, dead letters, and events "
            "sent back to the log.",
            ["stage"],
            registry=registry,
        )
        self.timers_fired = Counter(
            "touchpoint_timers_fired",
            "States stepped because their time came. They are no records.",
            ["stage"],
            registry=registry,
        )
        self.timers_failed = Counter(
            "touchpoint_timers_failed",
            "Times a state that was due could not be stepped; it is tried again at each tick.",
            ["stage"],
            registry=registry,
        )
        self.timers = Gauge(
            "touchpoint_timers",
            "States that wait for a time to come, by partition.",
            ["stage", "partition"],
            registry=registry,
        )
        self.chunk_seconds = Histogram(
            "touchpoint_chunk_seconds",
            "From taking a chunk to having committed it.",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.lane_failures = Counter(
            "touchpoint_lane_failures",
            "Failures that a lane recovered from or still retries, by phase.",
            ["stage", "phase"],
            registry=registry,
        )
        self.lanes_running = Gauge(
            "touchpoint_lanes_running",
            "Lanes of this process that take records.",
            ["stage"],
            registry=registry,
        )
        self.lanes_not_running = Gauge(
            "touchpoint_lanes_not_running",
            "Lanes of this process that are opening, restoring, retrying or stopped at a gap.",
            ["stage"],
            registry=registry,
        )
        self.misplaced_keys = Counter(
            "touchpoint_misplaced_keys",
            "Sampled records on a partition where Java's murmur2 would not have put their key.",
            ["stage"],
            registry=registry,
        )
        self.care_proposals = Counter(
            "touchpoint_care_proposals",
            "Actions that something called for, by action.",
            ["action"],
            registry=registry,
        )
        self.care_repeats = Counter(
            "touchpoint_care_repeats",
            "Times something called for an action again that was decided on: not proposed anew.",
            ["action"],
            registry=registry,
        )
        self.care_decisions = Counter(
            "touchpoint_care_decisions",
            "Steps of proposals, by action, outcome and reason. Those whose outcome is requested, "
            "withheld, not_funded or expired are final: they sum to care_proposals less what is "
            "still held or with a campaign.",
            ["action", "outcome", "reason"],
            registry=registry,
        )
        self.verdicts = Counter(
            "touchpoint_campaign_verdicts",
            "Answers of campaigns to proposals, by campaign, verdict and reason.",
            ["campaign", "verdict", "reason"],
            registry=registry,
        )
        self.patterns = Counter(
            "touchpoint_patterns",
            "Patterns that showed, or were withdrawn when the awaited event came late.",
            ["pattern", "state"],
            registry=registry,
        )
        self.cases = Counter(
            "touchpoint_cases",
            "Changes of cases, by kind (complaint, repair): opened, handed_over, resolved, closed, "
            "reopened, warned, breached, withdrawn (a breach that was none), dropped (an open one, "
            "for want of room), no_room (without an alarm).",
            ["kind", "change"],
            registry=registry,
        )
        self.dispatch_attempts = Counter(
            "touchpoint_dispatch_attempts",
            "Attempts to carry an action out, by result: done, failed (for good) or retry.",
            ["destination", "result"],
            registry=registry,
        )
        self.dispatch_settled = Counter(
            "touchpoint_dispatch_settled",
            "Actions that came to their end: done, failed, suppressed (not wanted) or expired.",
            ["action", "result"],
            registry=registry,
        )
        self.dispatch_seconds = Histogram(
            "touchpoint_dispatch_seconds",
            "From the decision for an action (event time) to its end.",
            ["result"],
            buckets=_DISPATCH_SECONDS,
            registry=registry,
        )
        self.dispatch_parked = Counter(
            "touchpoint_dispatch_parked",
            "Times an action was put off: backoff, queue, quiet hours, held or not approved by "
            "people, consent or orders unknown.",
            ["why"],
            registry=registry,
        )
        self.dispatch_in_flight = Gauge(
            "touchpoint_dispatch_in_flight",
            "Actions under way in this process, waiting for their turn included.",
            registry=registry,
        )
        self.dispatch_circuit = Gauge(
            "touchpoint_dispatch_circuit",
            "1 for the state of a destination's circuit: closed, open (left alone) or half_open "
            "(asked by one attempt).",
            ["destination", "state"],
            registry=registry,
        )
        self.notices = Counter(
            "touchpoint_notices",
            "Crossings that subscribers are told of, by edge: entered or left.",
            ["edge"],
            registry=registry,
        )
        self.notice_attempts = Counter(
            "touchpoint_notice_attempts",
            "Attempts to tell a subscriber, by result: done, failed (for good) or retry.",
            ["result"],
            registry=registry,
        )
        # With m the middle of a bin, the Brier score is about
        # sum(yes * (1 - m) ** 2 + no * m ** 2) / sum(yes + no).
        self.outlook_checks = Counter(
            "touchpoint_outlook_checks",
            "Outlooks held to what then happened (yes, no), by the tenth that the probability lay "
            "in, named by its lower end: well calibrated, the share of yes lies in that tenth.",
            ["outlook", "bin", "happened"],
            registry=registry,
        )
        self.ingest = Counter(
            "touchpoint_ingest_events",
            "Events posted over HTTP, by outcome: accepted or the reason of their refusal.",
            ["outcome"],
            registry=registry,
        )
        self.sink_rows = Counter(
            "touchpoint_sink_records",
            "Records a sink has stored together with its position, by topic.",
            ["topic"],
            registry=registry,
        )
