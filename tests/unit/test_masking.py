"""Pseudonyms: stable, short, not to be undone, and wherever a row names a customer."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.http.masking import CUSTOMER_FIELDS, Masker
from pipeline.adapters.http.ports import Change
from pipeline.adapters.http.who import Who, implied
from schemas.access import Scope
from schemas.insights import Fall
from tests.unit.access_fakes import START, Gate
from tests.unit.http_fakes import World, problem_of

MASKER = Masker(b"k" * 32)


def who(*scopes: Scope) -> Who:
    return Who(name="ann", id="key:1", scopes=implied(scopes), how="key")


READER, SEER = who("read"), who("read", "identify")

_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*sorted(CUSTOMER_FIELDS), "id", "row", "items"]), inner, max_size=3
        )
    ),
    max_leaves=10,
)


@given(customer=st.text())
def test_a_pseudonym_is_stable_and_has_one_form(customer: str) -> None:
    assert re.fullmatch(r"~[a-z2-7]{13}", MASKER.pseudonym(customer))
    assert MASKER.pseudonym(customer) == MASKER.pseudonym(customer)
    assert MASKER.pseudonym(customer) != Masker(b"l" * 32).pseudonym(customer)


@given(one=st.text(), other=st.text())
def test_different_customers_have_different_pseudonyms(one: str, other: str) -> None:
    assert (MASKER.pseudonym(one) == MASKER.pseudonym(other)) == (one == other)


@given(item=_JSON)
def test_whoever_may_identify_sees_rows_as_they_are(item: object) -> None:
    assert MASKER.mask(item, SEER) is item


@given(item=_JSON)
def test_no_text_of_a_customers_field_is_left(item: object) -> None:
    def check(masked: object) -> None:
        if isinstance(masked, dict):
            for name, value in masked.items():
                each = value if isinstance(value, list) else [value]
                if name in CUSTOMER_FIELDS:
                    assert all(e.startswith("~") for e in each if isinstance(e, str))
                check(value)
        elif isinstance(masked, list):
            for each in masked:
                check(each)

    check(MASKER.mask(item, READER))


def test_what_names_nobody_stays() -> None:
    row = {"id": "a-1", "score": 0.1 + 0.2, "customer": "ann", "merged_into": None}
    masked = MASKER.mask(row, READER)
    assert masked == row | {"customer": MASKER.pseudonym("ann")}


def test_rows_of_every_make_are_masked() -> None:
    fall = Fall(
        customer="ann",
        at=START,
        event="e-1",
        touchpoint="call",
        dimension="waiting",
        department=None,
        points=-9.5,
        score=61.0,
    )
    change = Change("score", {"customer": "ann", "merged_into": "bob"})
    text = msgspec.json.encode(MASKER.mask([fall, change], READER)).decode()
    assert "ann" not in text
    assert "bob" not in text
    assert text.count(MASKER.pseudonym("ann")) == 2
    assert "2026-01-05T09:30:00Z" in text


def test_fields_of_a_message_are_not_shown() -> None:
    row = {"customer": "ann", "template": "alert", "fields": {"name": "Ann Other"}}
    assert "Ann" not in str(MASKER.mask(row, READER))


@pytest.fixture
def world() -> tuple[Gate, World]:
    gate = Gate()
    world = World(access=gate.access)
    world.read.action_rows = [{"id": "a-1", "customer": "customer-7", "fields": {"n": "Ann"}}]
    world.read.case_rows = [{"id": "c-1", "customer": "customer-7", "status": "open"}]
    return gate, world


@pytest.mark.parametrize("path", ["/v1/actions", "/v1/cases"])
def test_lists_are_masked_for_readers_alone(world: tuple[Gate, World], path: str) -> None:
    gate, app = world
    masked = app.get(path, {"Authorization": f"Bearer {gate.make_key('read')}"})
    (item,) = masked.json()["items"]
    assert item["customer"] == gate.access.masker.pseudonym("customer-7")
    assert "customer-7" not in masked.text
    plain = app.get(path, {"Authorization": f"Bearer {gate.make_key('operate')}"})
    assert plain.json()["items"][0]["customer"] == "customer-7"


@pytest.mark.parametrize("path", ["/v1/actions", "/v1/decisions", "/v1/cases"])
def test_readers_may_not_ask_whose_a_pseudonym_is(world: tuple[Gate, World], path: str) -> None:
    gate, app = world
    path += "?customer=customer-7"
    refused = app.get(path, {"Authorization": f"Bearer {gate.make_key('read')}"})
    assert problem_of(refused)["status"] == 403
    allowed = app.get(path, {"Authorization": f"Bearer {gate.make_key('read', 'identify')}"})
    assert allowed.status_code == 200
