"""Who asks for a page, and what that person may do."""

from typing import Final

import msgspec
from starlette.requests import Request

SCOPE_KEY: Final = "touchpoint.who"
"""Where in an ASGI scope the edge says who asks; any object with the fields of ``Who``."""

OPERATE: Final = "operate"


class Who(msgspec.Struct, frozen=True):
    """A caller. ``csrf`` is a token that forms send back, empty where there are no sessions."""

    name: str = ""
    scopes: frozenset[str] = frozenset({"read"})
    csrf: str = ""

    @property
    def may_operate(self) -> bool:
        """Whether buttons that change something are shown; whether they work is the edge's."""
        return OPERATE in self.scopes


def who_of(request: Request) -> Who:
    """Who asks, as the edge says; without a word of it somebody who may read."""
    found = request.scope.get(SCOPE_KEY)
    if found is None:
        return Who()
    return Who(
        name=str(getattr(found, "name", "")),
        scopes=frozenset(getattr(found, "scopes", ())),
        csrf=str(getattr(found, "csrf", None) or ""),
    )
