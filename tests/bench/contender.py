"""What every contender is told on its command line, and the core that all of them share.

A contender is run by the interpreter of its own environment: nothing here may import more than
the core does.
"""

import argparse
import json
from pathlib import Path
from typing import Final, NamedTuple

from ruamel.yaml import YAML

from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.load import load_policy
from pipeline.stages.perceive import PerceiveStage

ROOT: Final = Path(__file__).parents[2]
PARTITIONS: Final = 4


class Place(NamedTuple):
    """Where a contender works: ``prefix`` is before the name of every topic and of the group."""

    bootstrap: str
    prefix: str
    data_dir: Path

    def arguments(self) -> list[str]:
        """As a contender's command line."""
        return [self.bootstrap, self.prefix, str(self.data_dir)]


def parse_place() -> Place:
    """The ``Place`` on this process's command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bootstrap")
    parser.add_argument("prefix")
    parser.add_argument("data_dir", type=Path)
    given = parser.parse_args()
    return Place(given.bootstrap, given.prefix, given.data_dir)


def bench_policy_text() -> str:
    """The policy shipped, as JSON, for events of another time that nobody carries out.

    Their alerts would be too late, and missed: so they never expire, and are not awaited.
    """
    text = (ROOT / "deploy/policies/default.yaml").read_text(encoding="utf-8")
    content = YAML(typ="safe", pure=True).load(text)
    content["care"]["transaction_alert"]["expires_hours"] = 10_000_000
    del content["patterns"]["missing_alert"]
    return json.dumps(content, default=str)


def load_bench_policy() -> Policy:
    """``bench_policy_text`` as a policy."""
    return load_policy(bench_policy_text(), name="bench").policy


def make_stage() -> PerceiveStage:
    """The same pure core for every contender."""
    return PerceiveStage(load_bench_policy(), version="bench")
