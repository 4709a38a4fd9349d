"""What is read over HTTP: scores bit by bit, explanations that add up, lists page by page."""

from math import fsum, nextafter
from typing import Any

import msgspec
import pytest
from sqlalchemy.exc import OperationalError

from pipeline.adapters.http.explanation import ExplanationInWords
from schemas.perception import Score
from tests.unit.http_fakes import World, problem_of

SCORE = nextafter(61.3, 100.0)


def stored_score(customer: str) -> dict[str, object]:
    parts: list[dict[str, object]] = [
        {"dimension": "waiting", "points": -9.25, "touchpoint": "visit", "event": "v-1"},
        {"dimension": "attitude", "points": 1.5, "touchpoint": "visit", "event": "v-1"},
        {"dimension": "attitude", "points": -4.125},
        {"dimension": "forgotten", "points": 0.25, "touchpoint": "call", "event": "c-1"},
        {"dimension": "fatigue", "points": 0.0},
    ]
    rest = SCORE - 75.0 - fsum(float(str(part["points"])) for part in parts)
    parts[-1]["points"] = rest
    return {
        "customer": customer,
        "score": SCORE,
        "baseline": 75.0,
        "confidence": 0.1 + 0.2,
        "low": 5e-324,
        "high": 100.0,
        "impression": 70.25,
        "loyalty": 200 / 3,
        "ratio": 0.7 + 0.1,
        "band": "tolerated",
        "value": 2 / 3,
        "over_servicing": 0.0,
        "as_of": "2026-01-05T09:30:00Z",
        "events": 4,
        "tier": "ordinary",
        "behaviour": None,
        "stage": {"name": "exchange", "signs": []},
        "open_failures": 1,
        "open_promises": 2,
        "overdue_promises": 1,
        "merged_into": None,
        "policy": {"name": "default", "version": "1", "digest": "00"},
        "dimensions": [
            {
                "dimension": "waiting",
                "perceived": 0.5,
                "expected": 0.75,
                "weight": 0.1,
                "norm": 0.75,
            }
        ],
        "outlooks": [],
        "parts": parts,
    }


@pytest.fixture
def world() -> World:
    world = World()
    for customer in ("ann", "a/b", "a/explanation", "50% off?", "客户#1", ".."):
        world.read.scores[customer] = stored_score(customer)
    return world


def test_score_comes_bit_for_bit_and_without_its_parts(world: World) -> None:
    body = world.get("/v1/customers/ann").json()
    stored = stored_score("ann")
    del stored["parts"]
    assert body == stored
    assert body["score"].hex() == SCORE.hex()
    assert body["low"] == 5e-324


def test_example_of_a_score_is_one(world: World) -> None:
    answers = world.get("/openapi.json").json()["paths"]["/v1/customers/{customer}"]["get"]
    example = answers["responses"]["200"]["content"]["application/json"]["example"]
    score = msgspec.json.decode(msgspec.json.encode(example | {"parts": []}), type=Score)
    # FastAPI leaves what is null out of its document.
    told = {name for name, value in msgspec.to_builtins(score).items() if value is not None}
    assert told == example.keys() | {"parts"}


@pytest.mark.parametrize(
    ("path", "customer"),
    [
        ("a%2Fb", "a/b"),
        ("a/b", "a/b"),
        ("a%2Fexplanation", "a/explanation"),
        ("50%25%20off%3F", "50% off?"),
        ("%E5%AE%A2%E6%88%B7%231", "客户#1"),
        ("%2E%2E", ".."),
    ],
)
def test_odd_ids_are_found(world: World, path: str, customer: str) -> None:
    assert world.get(f"/v1/customers/{path}").json()["customer"] == customer
    assert world.get(f"/v1/customers/{path}/explanation").json()["customer"] == customer


@pytest.mark.parametrize("path", ["bob", "%FF", "%00", "ann/", "x" * 1_000, "bob/explanation"])
def test_unknown_customer_is_not_found(world: World, path: str) -> None:
    answer = world.get(f"/v1/customers/{path}")
    assert answer.status_code == 404
    problem_of(answer)


def test_every_way_of_adding_up_gives_the_difference(world: World) -> None:
    body = world.get("/v1/customers/ann/explanation").json()
    assert body["difference"] == SCORE - 75.0
    for way in ("event", "dimension", "layer", "touchpoint", "department"):
        points = fsum(each["points"] for each in body["sums"][way])
        assert points == pytest.approx(body["difference"], abs=1e-9)


def test_parts_are_placed_by_the_policy(world: World) -> None:
    body = world.get("/v1/customers/ann/explanation").json()
    parts: list[dict[str, Any]] = body["parts"]
    assert [abs(p["points"]) for p in parts] == sorted(abs(p["points"]) for p in parts)[::-1]
    placed = {p["dimension"]: (p["layer"], p["department"]) for p in parts}
    assert placed == {
        "waiting": ("supporting_service", "shops"),
        "attitude": ("interaction", "front_line"),
        "forgotten": (None, None),
        "fatigue": ("emotion", "care"),
    }
    by_event = {each["name"]: each["points"] for each in body["sums"]["event"]}
    assert by_event["v-1"] == -7.75


@pytest.mark.parametrize(
    ("query", "header", "language", "headline"),
    [
        ("", None, "en", "The score is 61.3: 13.7 points below"),
        ("?lang=zh", "en", "zh", "评分为 61.3，"),
        ("", "fr, zh-CN;q=0.9, en;q=0.8", "zh", "评分为 61.3，"),
        ("?lang=tlh", None, "en", "The score is 61.3"),
    ],
)
def test_explanation_comes_in_words_of_the_language_asked_for(
    world: World, query: str, header: str | None, language: str, headline: str
) -> None:
    headers = None if header is None else {"Accept-Language": header}
    answer = world.get(f"/v1/customers/ann/explanation{query}", headers)
    assert answer.headers["Content-Language"] == answer.json()["language"] == language
    assert answer.headers["Vary"] == "Accept-Language"
    assert answer.json()["words"][0].startswith(headline)


def test_overlong_language_is_refused(world: World) -> None:
    answer = world.get(f"/v1/customers/ann/explanation?lang={'z' * 36}")
    assert answer.status_code == 422
    assert problem_of(answer)["detail"].startswith("lang: ")


def test_example_of_an_explanation_is_one(world: World) -> None:
    paths = world.get("/openapi.json").json()["paths"]
    answers = paths["/v1/customers/{customer}/explanation"]["get"]["responses"]
    example = answers["200"]["content"]["application/json"]["example"]
    told = msgspec.convert(example, ExplanationInWords)
    parts = [{k: v for k, v in p.items() if v is not None} for p in example["parts"]]
    known = {k: v for k, v in example.items() if k in Score.__struct_fields__}
    world.read.scores["example"] = (
        stored_score("example")
        | known
        | {
            "parts": parts,
            "open_failures": 0,
            "overdue_promises": 0,
        }
    )
    answer = world.get("/v1/customers/example/explanation").content
    given = msgspec.json.decode(answer, type=ExplanationInWords)
    assert given.words == told.words
    assert given.parts == told.parts
    assert given.difference == pytest.approx(told.difference)
    for way in ("event", "dimension", "layer", "touchpoint", "department"):
        assert [each.name for each in getattr(given.sums, way)] == [
            each.name for each in getattr(told.sums, way)
        ]


def test_actions_are_paged(world: World) -> None:
    world.read.action_rows = [{"id": str(i), "customer": "ab"[i % 2]} for i in range(5)]
    first = world.get("/v1/actions?limit=2").json()
    assert [row["id"] for row in first["items"]] == ["0", "1"]
    last = world.get(f"/v1/actions?limit=3&before={first['next']}").json()
    assert [row["id"] for row in last["items"]] == ["2", "3", "4"]
    assert last["next"] is None
    of_b = world.get("/v1/actions?customer=b").json()
    assert [row["id"] for row in of_b["items"]] == ["1", "3"]


@pytest.mark.parametrize("path", ["/v1/decisions", "/v1/cases", "/v1/dead-letters"])
def test_other_lists_have_the_same_form(world: World, path: str) -> None:
    assert world.get(path).json() == {"items": [], "next": None}


def test_cases_are_asked_for_by_customer_and_status(world: World) -> None:
    statuses = ["open", "closed", "open"]
    world.read.case_rows = [
        {"id": str(i), "customer": "ab"[i % 2], "status": status}
        for i, status in enumerate(statuses)
    ]
    assert [row["id"] for row in world.get("/v1/cases").json()["items"]] == ["0", "1", "2"]
    still_open = world.get("/v1/cases?status=open&customer=a").json()
    assert [row["id"] for row in still_open["items"]] == ["0", "2"]
    refused = world.get("/v1/cases?status=lost")
    assert refused.status_code == 422
    assert problem_of(refused)["detail"].startswith("status: ")


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"), ("before=x", "before")],
)
def test_bad_parameter_is_named(world: World, query: str, field: str) -> None:
    answer = world.get(f"/v1/actions?{query}")
    assert answer.status_code == 422
    assert problem_of(answer)["detail"].startswith(f"{field}: ")


def test_path_and_method_that_do_not_exist_are_problems(world: World) -> None:
    assert problem_of(world.get("/nothing"))["status"] == 404
    answer = world.get("/v1/events")
    assert problem_of(answer)["status"] == 405
    assert answer.headers["Allow"] == "POST"


def test_error_of_ours_tells_nothing_of_our_insides(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.read.failing = ZeroDivisionError("customer ann has no money")
    answer = world.get("/v1/customers/ann")
    assert answer.status_code == 500
    assert problem_of(answer)["detail"] == "an error of ours; it is in the log"
    (record,) = caplog.records
    assert "ZeroDivisionError" in record.getMessage()
    assert "ann" not in record.getMessage()


def test_database_that_does_not_answer_is_503(world: World) -> None:
    world.read.failing = OperationalError("SELECT secret", {}, RuntimeError("locked"))
    answer = world.get("/v1/customers/ann")
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert "secret" not in answer.text


def test_openapi_document_describes_every_route(world: World) -> None:
    document = world.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert {
        "/v1/events",
        "/v1/customers/{customer}",
        "/v1/customers/{customer}/explanation",
        "/v1/actions",
        "/v1/decisions",
        "/v1/cases",
        "/v1/dead-letters",
        "/livez",
        "/readyz",
        "/metrics",
    } <= set(document["paths"])
    text = world.get("/openapi.json").text
    known = document["components"]["schemas"]
    for used in text.split('"#/components/schemas/')[1:]:
        assert used.split('"')[0] in known
