"""Whatever happens, in whatever order, no guard is broken and every proposal ends exactly once."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pipeline.core.customer import digest_of
from pipeline.core.policy.compiled import Policy
from pipeline.core.zones import zone_of
from pipeline.engine.ports import Output
from schemas.care import FINAL, CareAction, CareDecision, CareDeclined, CareProposal, GiftSeen
from schemas.topics import ACTIONS, DECISIONS, PROPOSALS
from tests.property.partition import Partition, replayed
from tests.unit.events import event
from tests.unit.guarding import (
    BOUGHT,
    CARE,
    CONSENT,
    DECIDED,
    PROFILE,
    TRANSACTION,
    cap,
    guarded,
    sourced,
)

HOUR_S: Final = 3_600.0
START_S: Final = datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp()
"""The noon before a clock is put forward in Berlin."""

CAPS: Final = [
    cap("in_all", 3, 24),
    cap("sms", 1, 6, channels=["sms"]),
    cap("care", 2, 12, classes=["care"]),
]
QUIET: Final = {
    "begins": "21:00",
    "ends": "08:00",
    "zone": "Europe/Berlin",
    "classes": ["service", "care", "marketing"],
    "tiers": {"gold": {"classes": ["required", "service", "care"], "begins": "19:30"}},
}
TIGHT: Final = {
    "pending": 2,
    "remembered_contacts": 5,
    "alarms": 4,
    "remembered_actions": 200,
    "remembered_events": 2,
}
ALERT: Final = {"enabled": True, "fallbacks": ["email"], "expires_hours": 30}
HOLD_OUTS: Final = {CARE: {"salt": "s", "share": sourced(0.3)}}


@cache
def policies() -> dict[str, Policy]:
    """Policies that between them have every guard."""
    common: dict[str, Any] = {"quiet": QUIET, "caps": CAPS, "limits": TIGHT}
    rival = {"conflicts": ["transaction_alert"], "conflict_hours": 5, "expires_hours": 15}
    cool = {"days": sourced(1), "classes": ["care"]}
    return {
        "care": guarded(alert=ALERT, action={"expires_hours": 20}, **common),
        "held out": guarded(alert=ALERT, hold_outs=HOLD_OUTS, cool_down=cool, **common),
        "campaign": guarded(alert=ALERT, action={"campaign": "spring"}, **common),
        "rivals": guarded(alert=ALERT | {"action_class": "service"}, action=rival, **common),
    }


class Sent(NamedTuple):
    """A contact that was requested, and not taken back since."""

    customer: str
    at_s: float
    kind: str
    channel: str


class Wishes:
    """What is known of one customer, kept by the test itself."""

    def __init__(self) -> None:
        self.denied: set[tuple[str, str]] = set()
        self.tier: str | None = None
        self.zone: str | None = None


NAMES = st.sampled_from(("ann", "bob", "cid"))
LATE_S = st.sampled_from((0.0, 0.0, 0.0, 600.0, -600.0, 2 * HOUR_S, -3 * HOUR_S, -15 * HOUR_S))


class Deciding(RuleBasedStateMachine):
    """Customers of one partition: what they do and wish, what time and others do."""

    @initialize(which=st.sampled_from(("care", "held out", "campaign", "rivals")))
    def begin(self, which: str) -> None:
        self.policy = policies()[which]
        self.partition = Partition(self.policy)
        self.clock_s = START_S
        self.latest_s = START_S
        self.events = 0
        self.wishes = {name: Wishes() for name in ("ann", "bob", "cid")}
        self.gone: dict[str, str] = {}
        self.sent: dict[str, Sent] = {}
        self.settled: set[str] = set()
        self.decisions: dict[str, list[CareDecision]] = {}
        self.proposals: dict[str, CareProposal] = {}
        self.partition.tick(self.clock_s)

    # What happens

    @rule(name=NAMES, late_s=LATE_S)
    def buy(self, name: str, late_s: float) -> None:
        identity = f"b-{self.events}"
        self.happen(TRANSACTION, name, BOUGHT, self.clock_s + late_s, identity=identity)

    @rule(name=NAMES, number=st.integers(0, 30))
    def buy_again(self, name: str, number: int) -> None:
        """The same event once more, or one whose id was never seen."""
        self.happen(TRANSACTION, name, BOUGHT, self.clock_s, identity=f"b-{number}")

    @rule(hours=st.sampled_from((0.01, 0.5, 1, 3, 8, 13, 30)))
    def time_passes(self, hours: float) -> None:
        self.clock_s += hours * HOUR_S
        self.heard(self.partition.tick(self.clock_s), self.clock_s)

    @rule(
        name=NAMES,
        channel=st.sampled_from(("sms", "email")),
        purpose=st.sampled_from(("care", "service")),
        granted=st.booleans(),
    )
    def consents(self, name: str, channel: str, purpose: str, granted: bool) -> None:
        wishes = self.wishes[self.who(name)]
        data = {"channel": channel, "purpose": purpose, "granted": granted}
        if granted:
            wishes.denied.discard((channel, purpose))
        else:
            wishes.denied.add((channel, purpose))
        self.happen(CONSENT, name, data, self.newest_s())

    @rule(
        name=NAMES,
        tier=st.sampled_from(("gold", "ordinary")),
        zone=st.sampled_from(("Asia/Shanghai", "America/New_York", "Mars/Olympus")),
    )
    def moves(self, name: str, tier: str, zone: str) -> None:
        wishes = self.wishes[self.who(name)]
        wishes.tier, wishes.zone = tier, zone
        self.happen(PROFILE, name, {"tier": tier, "time_zone": zone}, self.newest_s())

    @precondition(lambda self: self.proposals)
    @rule(data=st.data(), verdict=st.sampled_from(("allocated", "not_funded")))
    def campaign_speaks(self, data: st.DataObject, verdict: str) -> None:
        proposal = self.proposals[data.draw(st.sampled_from(sorted(self.proposals)))]
        told = {"proposal": proposal.id, "campaign": "spring", "verdict": verdict, "reason": "r"}
        self.happen(DECIDED, proposal.customer, told, self.clock_s)

    @precondition(lambda self: self.sent)
    @rule(
        data=st.data(),
        result=st.sampled_from(("delivered", "failed", "suppressed", "expired")),
        channel=st.sampled_from(("sms", "email")),
    )
    def is_settled(self, data: st.DataObject, result: str, channel: str) -> None:
        action = data.draw(st.sampled_from(sorted(self.sent)))
        sent = self.sent[action]
        if action not in self.settled:  # only the first report counts
            self.settled.add(action)
            if result == "delivered":
                self.sent[action] = sent._replace(channel=channel)
            else:
                del self.sent[action]
        if result in ("delivered", "failed"):
            message = {"channel": channel, "about": action, "action": CARE, "purpose": "alert"}
            self.happen(f"touchpoint.message.{result}.v1", sent.customer, message, self.clock_s)
        else:
            told = {"action": action, "name": CARE, "channel": channel, "result": result}
            self.happen("touchpoint.care.settled.v1", sent.customer, told, self.clock_s)

    @precondition(lambda self: not self.gone)
    @rule()
    def two_are_one(self) -> None:
        stays, goes = self.wishes["ann"], self.wishes["bob"]
        stays.denied |= goes.denied
        stays.tier, stays.zone = stays.tier or goes.tier, stays.zone or goes.zone
        self.gone["bob"] = "ann"
        self.sent = {
            key: each._replace(customer=self.who(each.customer)) for key, each in self.sent.items()
        }
        merged = "touchpoint.customer.merged.v1"
        self.happen(merged, "ann", {"merged": "bob"}, self.newest_s())

    # What is heard of it

    def who(self, name: str) -> str:
        return self.gone.get(name, name)

    def newest_s(self) -> float:
        """A time that no earlier word is newer than."""
        self.latest_s = max(self.latest_s, self.clock_s) + 1.0
        return self.latest_s

    def happen(
        self, type_name: str, name: str, data: dict[str, Any], at_s: float, identity: str = ""
    ) -> None:
        self.events += 1
        time = datetime.fromtimestamp(at_s, UTC).isoformat()
        made = event(
            type_name, id=identity or f"e-{self.events}", subject=name, time=time, data=data
        )
        self.heard(self.partition.take(made), max(self.clock_s, at_s))

    def heard(self, said: list[Output], now_s: float) -> None:
        for output in said:
            if output.topic == ACTIONS:
                self.acts(msgspec.json.decode(output.value, type=CareAction), now_s)
            elif output.topic == DECISIONS:
                decision = msgspec.json.decode(output.value, type=CareDecision)
                self.decisions.setdefault(decision.id, []).append(decision)
            elif output.topic == PROPOSALS:
                kinds = CareProposal | CareDeclined | GiftSeen
                proposal = msgspec.json.decode(output.value, type=kinds)
                assert isinstance(proposal, CareProposal)
                assert proposal.id not in self.proposals
                self.proposals[proposal.id] = proposal

    def acts(self, action: CareAction, now_s: float) -> None:
        """An action goes out: no guard may be against it."""
        wishes, tier = self.wishes[action.customer], self.wishes[action.customer].tier
        for channel in (action.channel, *action.fallbacks):
            assert (channel, action.purpose) not in wishes.denied, "no action after an opt-out"
        assert action.expires_at is not None
        assert now_s <= action.expires_at.timestamp(), "nothing is done too late"
        self.not_at_night(action, tier or "ordinary", wishes.zone, now_s)
        if action.action_class == "required":
            return
        for name, most, per_s, channels, kinds in _caps():
            if action.channel not in channels or action.action_class not in kinds:
                continue
            earlier = [
                each
                for each in self.sent.values()
                if each.customer == action.customer
                and each.kind in kinds
                and each.channel in channels
                and each.at_s > now_s - per_s
            ]
            assert len(earlier) < most, f"cap {name} is broken"
        self.sent[action.id] = Sent(action.customer, now_s, action.action_class, action.channel)

    def not_at_night(self, action: CareAction, tier: str, zone: str | None, now_s: float) -> None:
        quiet = QUIET | QUIET["tiers"].get(tier, {})  # type: ignore[attr-defined]
        if action.action_class not in quiet["classes"]:
            assert action.quiet is None
            return
        where = zone_of(zone or "") or zone_of("Europe/Berlin")
        clock = datetime.fromtimestamp(now_s, where).strftime("%H:%M")
        assert quiet["ends"] <= clock < quiet["begins"], f"{clock} is quiet"
        assert action.quiet is not None
        assert (action.quiet.begins, action.quiet.ends) == (quiet["begins"], quiet["ends"])

    # What holds at any time

    @invariant()
    def every_proposal_ends_once_or_waits(self) -> None:
        if not self.decisions:
            return
        waiting = {
            each.id for state in self.partition.states().values() for each in state.care.pending
        }
        for identity, steps in self.decisions.items():
            outcomes = Counter[str](each.outcome for each in steps)
            assert max(outcomes.values()) == 1, "an id has each outcome once"
            final = sum(outcomes[each] for each in FINAL)
            assert final + (identity in waiting) == 1
        for proposal in self.proposals:
            assert any(each.outcome == "proposed" for each in self.decisions[proposal])

    @invariant()
    def the_counts_add_up(self) -> None:
        told: Counter[str] = Counter()
        for labels, count in self.partition.told.items():
            if labels[0] == "proposed":
                told[labels[1]] += count
            elif labels[0] == "decided" and labels[2] in FINAL:
                told[labels[1]] -= count
        open_ones = Counter(
            each.action for state in self.partition.states().values() for each in state.care.pending
        )
        assert {name: count for name, count in told.items() if count} == open_ones

    @invariant()
    def what_is_reserved_waits_or_went(self) -> None:
        """A place is given back exactly when it comes to nothing, and no other is."""
        states = self.partition.states() if self.events else {}
        for name, state in states.items():
            care, limits = state.care, self.policy.limits
            assert len(care.contacted) <= limits.remembered_contacts
            assert len(care.pending) <= limits.pending
            assert len(care.alarms) <= limits.alarms
            kept = [each.action for each in care.contacted]
            assert len(kept) == len(set(kept))
            waiting = {digest_of(each.id) for each in care.pending if self.counts(each.action)}
            went = {digest_of(key) for key, each in self.sent.items() if each.customer == name}
            assert waiting <= set(kept) <= waiting | went
            alarmed = {each.about for each in care.alarms}
            assert {digest_of(each.id) for each in care.pending} <= alarmed

    def counts(self, action: str) -> bool:
        return self.policy.actions[action].action_class != "required"

    def teardown(self) -> None:
        if not hasattr(self, "partition"):
            return
        log, once = self.partition.log, _care(self.partition.said)
        for chunk in (3, len(log)):
            other = replayed(self.policy, log, chunk)
            assert _care(other.said) == once
            assert other.states() == self.partition.states()


def _caps() -> Iterator[tuple[str, int, float, tuple[str, ...], tuple[str, ...]]]:
    for each in CAPS:
        channels = tuple(each.get("channels", ("sms", "email")))
        kinds = tuple(each.get("classes", ("service", "care", "marketing")))
        yield each["name"], each["most"], each["per_hours"] * HOUR_S, channels, kinds


def _care(said: list[Output]) -> dict[bytes, list[bytes]]:
    """Actions and decisions of each customer in order, as bytes."""
    found: dict[bytes, list[bytes]] = {}
    for output in said:
        if output.topic in (ACTIONS, DECISIONS):
            found.setdefault(output.key, []).append(output.value)
    return found


TestDeciding = Deciding.TestCase
TestDeciding.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
