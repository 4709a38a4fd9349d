"""What a replay gives does not depend on how its lines are cut into chunks."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.load import load_policy
from pipeline.tools.replay import replay
from pipeline.tools.replay_files import FILES
from tests.unit.events import DEFAULT_POLICY, EXAMPLES, event

START = datetime(2026, 3, 2, tzinfo=UTC)
TYPES = sorted(EXAMPLES)

# Remembers two events only, so that one may be a duplicate, then forgotten, then new again.
FORGETFUL = load_policy(
    DEFAULT_POLICY.replace("remembered_events: 48", "remembered_events: 2"), name="forgetful.yaml"
).policy


def _line(number: int, customer: int, kind: str, minutes: int) -> bytes:
    changes: dict[str, Any] = {"id": f"e-{number}", "time": (START + timedelta(minutes=minutes))}
    changes["time"] = changes["time"].isoformat()
    if kind != "touchpoint.clock.ticked.v1":
        changes |= {"subject": f"c-{customer}"} if customer else {"subject": None}
        if not customer:
            changes["anonymous"] = True
    return json.dumps(event(kind, **changes)).encode()


events = st.builds(
    _line,
    st.integers(0, 15),  # few ids: many duplicates
    st.integers(0, 3),
    st.sampled_from([*TYPES, *["touchpoint.transaction.completed.v1"] * 12]),
    st.integers(-600, 600),
)
bad = st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b" "))
streams = st.lists(events | events | events | bad, max_size=40)


def _outputs(lines: list[bytes], chunk_lines: int, policy: Policy) -> dict[str, Any]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "events.jsonl").write_bytes(b"\n".join(lines))
        report = replay(
            folder / "events.jsonl",
            folder / "out",
            lambda _, __: None,
            policy=policy,
            version="test",
            chunk_lines=chunk_lines,
        )
        assert report.read == report.processed + report.duplicates + report.rejected
        found: dict[str, Any] = {file: (folder / "out" / file).read_bytes() for file in FILES}
        return found | {"report": report}


@given(streams)
def test_chunks_of_any_size_give_the_same_files(lines: list[bytes]) -> None:
    one = _outputs(lines, 1, FORGETFUL)
    assert _outputs(lines, 7, FORGETFUL) == one
    assert _outputs(lines, 1_000, FORGETFUL) == one
