"""What every answer to a reader has: JSON, how long it may be kept, and its entity tag."""

from collections.abc import Callable
from hashlib import blake2b
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import unquote

import msgspec
from fastapi import Header, Path, Query
from starlette.responses import Response

from pipeline.adapters.http.ports import Page
from pipeline.adapters.http.problems import ProblemError, parameter_problem

encode: Final = msgspec.json.Encoder().encode

Found = TypeVar("Found")

_NO_STORE: Final = {"Cache-Control": "no-store"}
# The browser of who may see it keeps it, and asks each time whether it still holds.
_REVALIDATE: Final = {"Cache-Control": "private, no-cache"}
# PostgreSQL has no text with a null character in it: nothing has such a name.
_TEXT: Final[dict[str, Any]] = {"max_length": 2_000, "pattern": r"^[^\x00]*$"}
CURSOR_TEXT: Final[dict[str, Any]] = {"max_length": 4_000, "pattern": r"^[^\x00]*$"}
"""A cursor may hold a customer's id."""

Customer = Annotated[str, Path(description="The event's subject, percent-encoded.")]
OfCustomer = Annotated[str | None, Query(**_TEXT, description="Only of this customer.")]
OfAction = Annotated[str | None, Query(**_TEXT, description="Only of this action.")]
OfReason = Annotated[str | None, Query(**_TEXT, description="Only for this reason.")]
OfTier = Annotated[str | None, Query(**_TEXT, description="Only customers of this tier.")]
Limit = Annotated[int, Query(ge=1, le=1_000, description="Rows at most.")]
Before = Annotated[str | None, Query(**_TEXT, description="`next` of the page before.")]
IfNoneMatch = Annotated[
    str | None, Header(description="The `ETag` of an earlier answer: 304 if it still holds.")
]
Name = Annotated[str, Query(min_length=1, **_TEXT)]
OfDimension = Annotated[str | None, Query(**_TEXT, description="Only this dimension.")]

UNCHANGED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "As in the answer with the `ETag` that was sent."}
}


def json_answer(value: object) -> Response:
    """An answer that nobody keeps: it tells of customers."""
    return Response(encode(value), media_type="application/json", headers=_NO_STORE)


def tagged_answer(
    value: object, if_none_match: str | None, *, tag_of: object | None = None
) -> Response:
    """An answer with a weak entity tag of its content, or 304 if the asker has that one.

    ``tag_of`` is ``value`` without what differs each time, if anything does.
    """
    body = encode(value)
    tagged = body if tag_of is None else encode(tag_of)
    tag = f'W/"{blake2b(tagged, digest_size=12).hexdigest()}"'
    headers = {**_REVALIDATE, "ETag": tag}
    if if_none_match is not None and _holds(tag, if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def page_answer(ask: Callable[[], Page], *, cursor: str = "before") -> Response:
    """A page; the problem 422 that names ``cursor`` where it is none of this list."""
    page = checked(ask, cursor)
    return json_answer({"items": page.items, "next": page.next})


def checked(ask: Callable[[], Found], cursor: str) -> Found:
    """What ``ask`` returns. Raises ``ProblemError`` for the ``ValueError`` of a bad cursor."""
    try:
        return ask()
    except ValueError as error:
        what = "is no cursor of this list; take `next` of an earlier answer"
        raise parameter_problem(cursor, what) from error


def customer_of(path: str) -> str:
    """The id in a path. Raises ``ProblemError`` 404 for one that no customer can have."""
    try:
        customer = unquote(path, errors="strict")
    except UnicodeDecodeError:
        raise unknown_customer() from None
    if "\0" in customer:
        raise unknown_customer()
    return customer


def unknown_customer() -> ProblemError:
    return ProblemError(404, "unknown_customer", "no event of this customer was processed")


def _holds(tag: str, if_none_match: str) -> bool:
    """Weak comparison of RFC 9110, 13.1.2."""
    given = [each.strip() for each in if_none_match.split(",")]
    return "*" in given or tag.removeprefix("W/") in [each.removeprefix("W/") for each in given]
