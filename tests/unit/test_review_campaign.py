"""A campaign file is refused with file, line, what is wrong and what is known instead."""

import pytest

from pipeline.tools.review_campaign import CampaignError, load_campaign
from tests.unit.core import default_policy
from tests.unit.events import ROOT

EXAMPLE_TEXT = (ROOT / "deploy/campaigns/spring_gift.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "at", "what"),
    [
        (
            "gift: tea",
            "gfit: tea",
            "gfit:",
            "unknown key 'gfit'; known: after_days, to, does, gift",
        ),
        ("does: gift", "does: gif", "does: gif", "did you mean 'gift'?"),
        ("dimension: waiting", "dimension: wating", "wating", "did you mean 'waiting'?"),
        ("tiers: [gold]}", "tiers: [golf]}", "golf", "unknown tier 'golf'; known: ordinary, gold"),
        ("level: 0.8", "level: 8", "level: 8", "must be less than or equal to 1 (here: 8)"),
        ("late_share: 0.1", "late_share: 0.2", "does: promise", "together must be at most 1"),
        ("by: 0.05", "", "does: benchmark", "say by or to_level, and not both"),
        ("00:00:00Z", "00:00:00", "starts:", "write date, time and zone"),
        ("days: 60", "days: 16", "does: promise", "the step ends on day 17; days must be more"),
        ("count: 3", "count: 3\n    count: 4", "count: 4", "stands here again, first in line"),
        ("days: 60", "day: 60", "day: 60", "unknown key 'day'"),
    ],
)
def test_a_bad_campaign_is_refused_with_file_and_line(
    old: str, new: str, at: str, what: str
) -> None:
    text = EXAMPLE_TEXT.replace(old, new, 1)
    line = next(n for n, line in enumerate(text.splitlines(), 1) if at in line)
    with pytest.raises(CampaignError) as refused:
        load_campaign(text, name="plan.yaml", policy=default_policy())
    told = [each for each in str(refused.value).splitlines() if f"plan.yaml:{line}: " in each]
    assert any(what in each for each in told), str(refused.value)
    assert "policy schema" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "- 1\n", "name: [\n"])
def test_text_that_is_no_campaign_is_refused(text: str) -> None:
    with pytest.raises(CampaignError, match=r"^plan\.yaml:\d+: "):
        load_campaign(text, name="plan.yaml", policy=default_policy())
