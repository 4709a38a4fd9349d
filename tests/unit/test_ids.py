"""Ids made from what caused them."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import action_id

NAMESPACE = UUID("06da6fbb-cafe-57ba-9e64-90f588dfe7e4")
printable = st.text(st.characters(codec="utf-8", min_codepoint=0x20), min_size=1)


@given(printable, printable, printable, printable)
def test_an_action_id_is_the_standard_uuid5_of_its_cause(
    action: str, customer: str, source: str, event: str
) -> None:
    expected = uuid5(NAMESPACE, "\x00".join((action, customer, source, event)))
    assert action_id(action, customer, source, event) == str(expected)


def test_parts_cannot_run_into_one_another() -> None:
    assert action_id("alert", "ab", "c", "d") != action_id("alert", "a", "bc", "d")
