"""Real calls through import and replay: every one accounted for, the same result each time."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pipeline.tools.importing import ImportReport, import_file
from pipeline.tools.replay import replay
from tests.unit.core import default_policy

MAPPING = Path(__file__).parents[2] / "deploy" / "mappings" / "anonymous_bank_calls.sql"
CALLS = 33_344
PHANTOM = 278
DAMAGED = 21
GOLD = 2_163  # customers of priority 2 with a call that is no phantom
CALL = "touchpoint.call.completed.v1"
PROFILE = "touchpoint.customer.profiled.v1"

pytestmark = pytest.mark.data


class Imported(NamedTuple):
    path: Path
    report: ImportReport
    events: list[dict[str, Any]]
    rejects: list[dict[str, Any]]


def _import(data: Path, folder: Path, source: str = "calls_1999_02.tsv.gz") -> Imported:
    out, rejects = folder / "events.jsonl", folder / "rejects.jsonl"
    report = import_file(
        data / "anonymous_bank_calls" / source,
        MAPPING,
        out,
        rejects,
        lambda _, __: None,
        policy=default_policy(),
    )
    return Imported(out, report, _lines(out), _lines(rejects))


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def imported(data_dir: Path, tmp_path: Path) -> Imported:
    return _import(data_dir, tmp_path)


def test_every_call_is_imported_or_rejected_with_a_reason(imported: Imported) -> None:
    report = imported.report
    assert (report.read, report.skipped) == (CALLS, 0)
    assert (report.imported, report.rejected) == (CALLS - PHANTOM - DAMAGED, PHANTOM + DAMAGED)
    assert report.types == {CALL: report.imported, PROFILE: GOLD}
    assert len(imported.events) == report.events == report.imported + GOLD
    whys = Counter(reject["detail"].partition(":")[0] for reject in imported.rejects)
    assert whys == {"PHANTOM": PHANTOM, "customer_id is damaged": DAMAGED}
    rows = {reject["row"] for reject in imported.rejects}
    assert len(rows) == PHANTOM + DAMAGED
    assert all(1 <= row <= CALLS for row in rows)


def test_callers_nobody_knows_are_anonymous(imported: Imported) -> None:
    calls = [event for event in imported.events if event["type"] == CALL]
    anonymous = [event for event in calls if event.get("anonymous")]
    # 19,558 rows have customer 0; 56 of them are phantoms.
    assert len(anonymous) == imported.report.anonymous == 19_502
    assert all("subject" not in event for event in anonymous)
    known = {event["subject"] for event in calls if "subject" in event}
    assert len(known) == 4_012
    assert all(name.isdigit() for name in known)


def test_ids_are_unique_and_times_rise(imported: Imported) -> None:
    assert len({event["id"] for event in imported.events}) == len(imported.events)
    times = [event["time"] for event in imported.events]
    assert times == sorted(times)
    assert times[0].startswith("1999-01-31T22:")  # midnight of 1 February in Israel
    assert times[-1] < "1999-02-28T22:30:00Z"


def test_a_profile_stands_before_its_customers_later_calls(imported: Imported) -> None:
    gold: Counter[str] = Counter()
    for event in imported.events:
        if event["type"] == PROFILE:
            gold[event["subject"]] += 1
    assert len(gold) == GOLD
    assert set(gold.values()) == {1}


def test_the_same_calls_in_another_order_of_rows_give_the_same_events(
    imported: Imported, data_dir: Path, tmp_path: Path
) -> None:
    source = data_dir / "anonymous_bank_calls" / "calls_1999_02.tsv.gz"
    head, *rows = gzip.decompress(source.read_bytes()).splitlines(keepends=True)
    turned = tmp_path / "turned.tsv"
    turned.write_bytes(head + b"".join(reversed(rows)))
    folder = tmp_path / "turned"
    folder.mkdir()
    other = _import(data_dir, folder, str(turned))
    by_id = {event["id"]: event for event in other.events}
    assert by_id == {event["id"]: event for event in imported.events}


def test_replay_is_stable_across_runs_and_chunks(imported: Imported, tmp_path: Path) -> None:
    reports = [
        replay(
            imported.path,
            tmp_path / f"run-{number}",
            lambda _, __: None,
            policy=default_policy(),
            version="test",
            chunk_lines=lines,
        )
        for number, lines in enumerate([2_000, 2_000, 7])
    ]
    assert reports[0] == reports[1] == reports[2]
    assert reports[0].read == reports[0].processed == imported.report.events
    assert reports[0].customers == 4_012
    hours = {event["time"][:13] for event in imported.events}
    assert reports[0].ticks == len(hours)
