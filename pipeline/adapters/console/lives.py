"""What became of each proposal: the steps of its life, and where it stands now."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from schemas.care import CareAction, CareDecision

Stage = Literal["held", "waiting", "under_way", "done", "refused"]


class Life(NamedTuple):
    """A proposal: its latest step, the action if it became one, and all steps, oldest first."""

    latest: CareDecision
    steps: tuple[CareDecision, ...]
    action: CareAction | None

    @property
    def id(self) -> str:
        return self.latest.id

    @property
    def stage(self) -> Stage:
        """Where it stands: what was asked for is under way until it is settled."""
        outcomes = {step.outcome for step in self.steps}
        if "settled" in outcomes or "recorded" in outcomes:
            return "done"
        if "requested" in outcomes:
            return "under_way"
        if outcomes & {"withheld", "not_funded", "expired"}:
            return "refused"
        return "waiting" if self.latest.outcome in ("proposed", "allocated") else "held"

    @property
    def channel(self) -> str | None:
        return self.latest.channel if self.action is None else self.action.channel

    @property
    def expires_at(self) -> datetime | None:
        return None if self.action is None else self.action.expires_at


class Lives(NamedTuple):
    """Proposals by where they stand, those that moved last first."""

    held: tuple[Life, ...]
    waiting: tuple[Life, ...]
    under_way: tuple[Life, ...]
    done: tuple[Life, ...]
    refused: tuple[Life, ...]


def lives_of(decisions: Sequence[CareDecision], actions: Sequence[CareAction]) -> Lives:
    """Decisions, newest first as they are read, gathered by proposal."""
    steps: dict[str, list[CareDecision]] = {}
    for decision in decisions:
        steps.setdefault(decision.id, []).append(decision)
    by_id = {action.id: action for action in actions}
    lives = [Life(own[0], tuple(reversed(own)), by_id.get(key)) for key, own in steps.items()]

    def of(stage: Stage) -> tuple[Life, ...]:
        return tuple(life for life in lives if life.stage == stage)

    return Lives(
        held=of("held"),
        waiting=of("waiting"),
        under_way=of("under_way"),
        done=of("done"),
        refused=of("refused"),
    )
