"""What is read of what happened over time: the trail, the history, and scores that changed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from pipeline.adapters.http.trail import Touch, Trail
from schemas.perception import Contribution, Details, Felt
from tests.unit.http_fakes import NOW_MS, World, problem_of
from tests.unit.test_http_read import stored_score

NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)

BEFORE = 60 + 1 / 3


def touch(number: int, *, hours_ago: float, customer: str = "ann") -> Contribution:
    return Contribution(
        event=f"e-{number}",
        source="/calls",
        type="touchpoint.call.completed.v1",
        touchpoint="call",
        time=NOW - timedelta(hours=hours_ago),
        customer=customer,
        tier="gold",
        intent="help",
        felt=(Felt("connect_speed", 0.25, 0.5, -0.75),),
        score_before=BEFORE,
        score_after=max(0.0, BEFORE - number),
        policy="abc",
        channel="phone",
        topic="billing",
        department="call_centre",
        staff="agent-1",
        details=Details(ivr_path=("1", "2"), wait_seconds=95.0, seconds=30.5),
    )


def case(name: str, status: str, *, customer: str = "ann", due: str | None = None) -> Any:
    return {
        "id": name,
        "customer": customer,
        "case": "complaint_recovery",
        "kind": "complaint",
        "status": status,
        "tier": "gold",
        "opened_at": "2025-11-01T00:00:00Z",
        "as_of": "2025-11-01T00:00:00Z",
        "policy": "abc",
        "next_due": due,
    }


def action(name: str, decided_at: datetime, *, customer: str = "ann") -> Any:
    return {
        "id": name,
        "action": "call_back",
        "action_class": "care",
        "customer": customer,
        "channel": "staff",
        "cause": {"source": "/calls", "event": "e-1"},
        "decided_at": decided_at.isoformat(),
        "reason": "low_score",
        "template": "call_back",
        "fields": {},
        "policy": "abc",
    }


@pytest.fixture
def world() -> World:
    world = World()
    world.read.scores["ann"] = stored_score("ann")
    return world


def test_trail_has_everything_the_agent_needs(world: World) -> None:
    world.history.touches = [
        touch(1, hours_ago=1),
        touch(9, hours_ago=2, customer="bob"),
        touch(2, hours_ago=47),
        touch(3, hours_ago=49),
    ]
    world.read.case_rows = [
        case("c-open", "open", due="2026-01-05T16:00:00Z"),
        case("c-resolved", "resolved"),
        case("c-closed", "closed"),
        case("c-other", "open", customer="bob"),
    ]
    world.read.action_rows = [
        action("a-new", NOW - timedelta(hours=3)),
        action("a-old", NOW - timedelta(hours=50)),
    ]
    answer = world.get("/v1/customers/ann/trail")
    trail = msgspec.json.decode(answer.content, type=Trail)
    assert trail.as_of == NOW
    assert trail.since == NOW - timedelta(hours=48)
    assert [each.event for each in trail.touches] == ["e-1", "e-2"]
    assert not trail.more
    first = trail.touches[0]
    assert (first.touchpoint, first.type) == ("call", "touchpoint.call.completed.v1")
    assert (first.channel, first.topic) == ("phone", "billing")
    assert (first.department, first.staff) == ("call_centre", "agent-1")
    assert first.details == Details(ivr_path=("1", "2"), wait_seconds=95.0, seconds=30.5)
    assert first.felt == (Felt("connect_speed", 0.25, 0.5, -0.75),)
    assert first.points == (BEFORE - 1) - BEFORE
    assert [each.id for each in trail.cases] == ["c-open", "c-resolved"]
    assert trail.cases[0].next_due == datetime(2026, 1, 5, 16, tzinfo=UTC)
    assert [each.id for each in trail.actions] == ["a-new"]
    assert trail.standing is not None
    assert (trail.standing.stage, trail.standing.behaviour) == ("exchange", None)


def test_trail_reaches_as_far_back_as_asked(world: World) -> None:
    world.history.touches = [touch(1, hours_ago=1), touch(2, hours_ago=335)]
    wide = world.get("/v1/customers/ann/trail?hours=336").json()
    assert [each["event"] for each in wide["touches"]] == ["e-1", "e-2"]
    narrow = world.get("/v1/customers/ann/trail?hours=1").json()
    assert [each["event"] for each in narrow["touches"]] == ["e-1"]


def test_long_trail_says_that_there_is_more(world: World) -> None:
    world.history.touches = [touch(n, hours_ago=n / 1_000) for n in range(501)]
    trail = world.get("/v1/customers/ann/trail").json()
    assert len(trail["touches"]) == 500
    assert trail["more"] is True


@pytest.mark.parametrize("page", ["trail", "history"])
def test_unknown_customer_has_neither_trail_nor_history(world: World, page: str) -> None:
    for customer in ("bob", "%FF", "%00"):
        answer = world.get(f"/v1/customers/{customer}/{page}")
        assert answer.status_code == 404
        problem_of(answer)


def test_ids_with_slashes_have_a_trail(world: World) -> None:
    world.read.scores["a/trail"] = stored_score("a/trail")
    assert world.get("/v1/customers/a%2Ftrail/trail").json()["customer"] == "a/trail"
    assert world.get("/v1/customers/a%2Ftrail").json()["customer"] == "a/trail"


def test_trail_is_not_sent_again_while_nothing_changed(world: World) -> None:
    world.history.touches = [touch(1, hours_ago=1)]
    first = world.get("/v1/customers/ann/trail")
    assert first.headers["cache-control"] == "private, no-cache"
    tag = first.headers["etag"]
    world.now_ms += 60_000
    again = world.get("/v1/customers/ann/trail", {"If-None-Match": f'"other", {tag}'})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == tag
    world.history.touches.insert(0, touch(2, hours_ago=0))
    changed = world.get("/v1/customers/ann/trail", {"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


@pytest.mark.parametrize("path", ["/v1/customers/ann", "/v1/customers/ann/explanation"])
def test_customer_is_not_sent_again_while_nothing_changed(world: World, path: str) -> None:
    tag = world.get(path).headers["etag"]
    assert tag.startswith('W/"')
    for sent in (tag, tag.removeprefix("W/"), "*"):
        assert world.get(path, {"If-None-Match": sent}).status_code == 304
    world.read.scores["ann"]["open_failures"] = 7
    assert world.get(path, {"If-None-Match": tag}).status_code == 200


def test_explanations_in_two_languages_have_two_tags(world: World) -> None:
    tags = {
        world.get(f"/v1/customers/ann/explanation?lang={lang}").headers["etag"]
        for lang in ("en", "zh")
    }
    assert len(tags) == 2


def test_history_is_paged_while_new_events_come_in(world: World) -> None:
    world.history.touches = [touch(n, hours_ago=n) for n in range(1, 8)]
    seen: list[str] = []
    before: str | None = None
    while True:
        more = "" if before is None else f"&before={before}"
        page = world.get(f"/v1/customers/ann/history?limit=3{more}").json()
        seen += [each["event"] for each in page["items"]]
        before = page["next"]
        if before is None:
            break
        world.history.touches.insert(0, touch(100 + len(seen), hours_ago=0))
    assert seen == [f"e-{n}" for n in range(1, 8)]


def test_history_has_the_score_after_each_event_and_what_moved_it(world: World) -> None:
    world.history.touches = [touch(2, hours_ago=1)]
    (row,) = world.get("/v1/customers/ann/history").json()["items"]
    one = msgspec.convert(row, Touch)
    assert one.score_after == BEFORE - 2
    assert one.points == (BEFORE - 2) - BEFORE
    assert one.felt[0].dimension == "connect_speed"


def test_history_begins_where_asked(world: World) -> None:
    world.history.touches = [touch(1, hours_ago=1), touch(2, hours_ago=5)]
    since = (NOW - timedelta(hours=2)).astimezone(UTC).isoformat().replace("+00:00", "Z")
    page = world.get(f"/v1/customers/ann/history?since={since}").json()
    assert [each["event"] for each in page["items"]] == ["e-1"]


def test_every_filtered_score_comes_once_however_few_pass(world: World) -> None:
    for number in range(400):
        row = stored_score(f"c-{number:03}")
        row["tier"] = "gold" if number % 90 == 7 else "ordinary"
        row["band"] = "failing" if number % 180 == 7 else "tolerated"
        world.history.write("score", {k: v for k, v in row.items() if k != "parts"})
    for query, step in (("tier=gold", 90), ("tier=gold&band=failing", 180)):
        seen: list[str] = []
        cursor = ""
        while True:
            answer = world.get(f"/v1/scores?limit=20&{query}{cursor}").json()
            seen += [row["customer"] for row in answer["items"]]
            if cursor == (cursor := f"&changed_since={answer['next']}"):
                break
        assert seen == [f"c-{number:03}" for number in range(7, 400, step)]


def test_scores_that_change_while_paging_come_again_as_they_are(world: World) -> None:
    for number in range(6):
        world.history.write("score", {"customer": f"c-{number}", "score": 50.0})
    first = world.get("/v1/scores?limit=4").json()
    assert [row["customer"] for row in first["items"]] == ["c-0", "c-1", "c-2", "c-3"]
    world.history.write("score", {"customer": "c-1", "score": 40.0})
    world.history.write("score", {"customer": "c-5", "score": 30.0})
    rest = world.get(f"/v1/scores?limit=4&changed_since={first['next']}").json()
    assert [(row["customer"], row["score"]) for row in rest["items"]] == [
        ("c-4", 50.0),
        ("c-1", 40.0),
        ("c-5", 30.0),
    ]
    end = world.get(f"/v1/scores?changed_since={rest['next']}").json()
    assert end == {"items": [], "next": rest["next"]}


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/customers/ann/trail?hours=0", "hours"),
        ("/v1/customers/ann/trail?hours=337", "hours"),
        ("/v1/customers/ann/history?since=yesterday", "since"),
        ("/v1/customers/ann/history?since=2026-01-05T09:30:00", "since"),
        ("/v1/customers/ann/history?since=0001-01-01T00:00:00%2B23:00", "since"),
        ("/v1/customers/ann/history?before=x", "before"),
        ("/v1/customers/ann/history?limit=0", "limit"),
        ("/v1/scores?changed_since=x", "changed_since"),
        ("/v1/scores?changed_since=%00", "changed_since"),
        ("/v1/scores?band=odd", "band"),
        ("/v1/scores?limit=1001", "limit"),
        ("/v1/cases?kind=odd", "kind"),
        ("/v1/cases?overdue=perhaps", "overdue"),
        ("/v1/decisions?outcome=odd", "outcome"),
        ("/v1/actions?action_class=odd", "action_class"),
        ("/v1/actions?since=2026-01-06T00:00:00Z&until=2026-01-05T00:00:00Z", "since"),
        ("/v1/actions?customer=%00", "customer"),
    ],
)
def test_bad_parameter_is_named(world: World, path: str, field: str) -> None:
    answer = world.get(path)
    assert answer.status_code == 422
    problem = problem_of(answer)
    assert problem["detail"].startswith(f"{field}: ")
    assert problem["fields"][0]["field"] == field


def test_overdue_cases_are_those_due_before_now(world: World) -> None:
    world.read.case_rows = [
        case("late", "open", due="2026-01-05T09:29:59Z"),
        case("in-time", "open", due="2026-01-05T09:30:01Z"),
        case("done", "closed"),
    ]
    late = world.get("/v1/cases?overdue=true").json()["items"]
    assert [row["id"] for row in late] == ["late"]
    assert len(world.get("/v1/cases?overdue=false").json()["items"]) == 3
    world.now_ms += 2_000
    assert len(world.get("/v1/cases?overdue=true").json()["items"]) == 2


def test_actions_and_decisions_are_filtered(world: World) -> None:
    world.read.action_rows = [
        action("a-1", NOW),
        action("a-2", NOW - timedelta(days=2)) | {"action": "gift", "action_class": "marketing"},
    ]
    for query in ("action=gift", "action_class=marketing", "until=2026-01-05T00:00:00Z"):
        rows = world.get(f"/v1/actions?{query}").json()["items"]
        assert [row["id"] for row in rows] == ["a-2"]
    world.read.decision_rows = [
        action("d-1", NOW) | {"outcome": "requested", "reason": "low_score"},
        action("d-2", NOW) | {"outcome": "withheld", "reason": "weekly_cap"},
    ]
    for query in ("outcome=withheld", "reason=weekly_cap", "action=call_back&outcome=withheld"):
        rows = world.get(f"/v1/decisions?{query}").json()["items"]
        assert [row["id"] for row in rows] == ["d-2"]


def test_answers_about_customers_are_not_kept(world: World) -> None:
    for path in ("/v1/actions", "/v1/scores", "/v1/customers/ann/history"):
        assert world.get(path).headers["cache-control"] == "no-store"
