"""Who asks: what every handler may know of a caller, and what the caller may do.

The edge puts a ``Who`` into each request that it lets pass; a handler asks ``who_of(request)``.
"""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec
from starlette.requests import Request
from starlette.types import Scope as AsgiScope

from schemas.access import SCOPES, Scope

KEY: Final = "touchpoint.who"
"""Where the ASGI scope holds it."""

How = Literal["local", "environment", "key", "session"]

_IMPLIED: Final[dict[Scope, frozenset[Scope]]] = {
    "operate": frozenset(("read", "identify")),
    "admin": frozenset(SCOPES),
}


def implied(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """These scopes and all that they include."""
    named = frozenset(scopes)
    return named.union(*(_IMPLIED.get(scope, frozenset()) for scope in named))


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """A caller that was let in.

    ``name`` is for people and the audit log, ``id`` tells callers apart (``key:<id>``, a session's
    digest). ``scopes`` hold what they imply too. ``csrf`` is the session's token, to be sent back
    as ``X-CSRF-Token`` or the form field ``csrf``; ``None`` where no cookie speaks for the caller.
    """

    name: str
    id: str
    scopes: frozenset[Scope]
    how: How
    csrf: str | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the caller has this scope."""
        return scope in self.scopes


LOCAL: Final = Who(name="local", id="local", scopes=implied(("admin",)), how="local")
"""Anyone on this machine, of a server that only this machine can reach."""


def who_of(request: Request | AsgiScope) -> Who:
    """Who sent this request. ``LookupError`` on a path that is open to everybody."""
    scope = request.scope if isinstance(request, Request) else request
    who = scope.get(KEY)
    if not isinstance(who, Who):
        raise LookupError("nobody is known on a path that is open to everybody")
    return who
