"""How far the default policy's guess of who calls again holds in a month of real calls."""

from pathlib import Path

import pytest

from pipeline.core.attend import attend, wake
from pipeline.core.customer import Customer
from pipeline.core.moment import Said
from pipeline.core.steps import perceive_step
from pipeline.tools.calibration import calibration_of, matured, remedy_of
from pipeline.tools.histories import Histories, read_histories
from pipeline.tools.importing import import_file
from schemas.outlook import OutlookCheck
from tests.unit.core import default_policy
from tests.unit.events import ROOT

MAPPING = ROOT / "deploy/mappings/anonymous_bank_calls.sql"

pytestmark = pytest.mark.data


def histories(data: Path, folder: Path) -> Histories:
    out, rejects = folder / "events.jsonl", folder / "rejects.jsonl"
    source = data / "anonymous_bank_calls/calls_1999_02.tsv.gz"
    import_file(source, MAPPING, out, rejects, lambda *_: None, policy=default_policy())
    return read_histories(out, default_policy(), lambda *_: None)


def checked(found: Histories) -> list[OutlookCheck]:
    """The checks of all customers whose horizon the data cover."""
    policy, said = default_policy(), list[Said]()
    for name, events in found.customers.items():
        customer: Customer | None = None
        for admitted in events:
            if customer is not None:
                said += wake(name, customer, policy, admitted.time_s).said
            outcome = perceive_step(name, customer, admitted, policy)
            customer = outcome.customer
            said += attend(name, admitted, outcome, policy, admitted.time_s).said
        assert customer is not None
        said += wake(name, customer, policy, found.last_s).said
    checks = [each.record for each in said if isinstance(each.record, OutlookCheck)]
    return matured(checks, found.last_s)


def test_who_calls_again_is_told_a_little_better_than_by_the_base_rate_and_too_surely(
    data_dir: Path, tmp_path: Path
) -> None:
    checks = checked(histories(data_dir, tmp_path))
    calls = [each for each in checks if each.outlook == "repeat_contact"]
    told = calibration_of(calls)
    assert told.checks == 6_211
    assert told.base_rate == pytest.approx(0.2956, abs=0.0005)
    assert told.said == pytest.approx(0.3240, abs=0.0005)
    assert told.brier == pytest.approx(0.2011, abs=0.0001)
    assert told.skill is not None
    assert 0.03 < told.skill < 0.04
    assert told.calibrated is False  # as the policy says
    remedy = remedy_of([(each.probability, each.happened) for each in calls])
    assert remedy is not None
    assert remedy.slope == pytest.approx(0.573, abs=0.001)
    assert remedy.shift == pytest.approx(-0.459, abs=0.001)
    assert [each.outlook for each in checks if each.happened and each not in calls] == []
