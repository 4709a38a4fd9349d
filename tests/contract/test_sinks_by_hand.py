"""Care by hand reads from SQL as it was written, and nothing that does not concern it."""

from datetime import timedelta
from pathlib import Path

import msgspec
from sqlalchemy import Engine
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.tools.by_hand import from_records
from schemas.care import CareDecision, Cause
from schemas.perception import Contribution
from schemas.topics import CONTRIBUTIONS, DECISIONS
from sinks.sql.by_hand import records_by_hand
from sinks.sql.engine import make_engine
from sinks.sql.migrations import upgrade
from sinks.sql.rows import write_outputs
from tests.contract import outbound_samples as samples


def cared(number: int, customer: str) -> CareDecision:
    return msgspec.structs.replace(
        samples.decision(customer, number, outcome="recorded", reason="long_hair"),
        action="rubber_band",
        cause=Cause("crm", f"e{number}"),
        detail="score 70.0 before it",
        trigger="notice.missing_alert",
        cost=0.1,
    )


def history() -> tuple[list[CareDecision], list[Contribution]]:
    """Six customers cared for, another in the same situation, and one who has nothing to do
    with it."""
    decisions = [cared(n, f"c{n}") for n in range(6)]
    decisions.append(
        msgspec.structs.replace(
            samples.decision("c7", 7, outcome="withheld", reason="cap"),
            trigger="notice.missing_alert",
        )
    )
    contributions = []
    for n in range(6):
        touch = samples.contribution(f"c{n}", n)
        later = msgspec.structs.replace(
            touch, event=f"later{n}", time=touch.time + timedelta(days=1), score_after=65.0
        )
        contributions += [msgspec.structs.replace(touch, score_before=60.0), later]
    return decisions, contributions


def write(engine: Engine) -> None:
    decisions, contributions = history()
    other = samples.contribution("somebody else", 99)
    with engine.begin() as connection:
        records = [(DECISIONS, each) for each in decisions]
        more = [(CONTRIBUTIONS, each) for each in (*contributions, other)]
        outputs = [(topic, None, samples.encode(each)) for topic, each in (*records, *more)]
        assert write_outputs(connection, outputs).rejected == 0


def test_what_was_written_is_read(engine: Engine) -> None:
    write(engine)
    with records_by_hand(engine) as (decisions, contributions):
        found = from_records(decisions, contributions)
    assert found == from_records(*history())
    assert found.customers == 6  # not the one who has nothing to do with it
    assert found.situations == {"notice.missing_alert": 7}
    assert {(each.before, each.later) for each in found.cared} == {(60.0, 65.0)}


def test_the_command_reads_a_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'sink.db'}"
    engine = make_engine(url)
    upgrade(engine)
    write(engine)
    engine.dispose()
    done = CliRunner().invoke(app, ["rules", "propose", "--url", url])
    assert done.exit_code == 0, done.output
    assert "rubber_band because long_hair: 6 times for 6 customers" in done.output
    assert "7 customers were in it (notice.missing_alert); 86% got it." in done.output


def test_an_empty_database_proposes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'sink.db'}"
    engine = make_engine(url)
    upgrade(engine)
    engine.dispose()
    done = CliRunner().invoke(app, ["rules", "propose", "--url", url])
    assert (done.exit_code, done.output) == (0, "# nothing recurs in 0 times of care by hand\n")


def test_a_database_that_is_none_is_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["rules", "propose", "--url", "mysql://nowhere/x"])
    assert done.exit_code == 2
    assert "no such database" in done.output
