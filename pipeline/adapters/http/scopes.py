"""Which scope each route asks for: the one table, and what is not in it is refused."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from starlette.routing import compile_path

from schemas.access import Scope

Need = Scope | Literal["open", "any"]
"""``open``: nobody is asked who they are; ``any``: whoever is known, with whatever scopes."""

SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))

TABLE: Final[Mapping[tuple[str, str], Need]] = {
    ("GET", "/livez"): "open",
    ("GET", "/readyz"): "read",
    ("GET", "/metrics"): "read",
    ("GET", "/openapi.json"): "any",
    ("POST", "/v1/events"): "ingest",
    ("GET", "/v1/customers/{customer:path}/explanation"): "identify",
    ("GET", "/v1/customers/{customer:path}/trail"): "identify",
    ("GET", "/v1/customers/{customer:path}/history"): "identify",
    ("POST", "/v1/customers/{customer:path}/care"): "operate",
    ("GET", "/v1/customers/{customer:path}"): "identify",
    # Their cursors hold customers' ids.
    ("GET", "/v1/scores"): "identify",
    ("GET", "/v1/insights/silent"): "identify",
    # Told alike to all who listen.
    ("GET", "/v1/stream"): "identify",
    **{
        ("GET", f"/v1/insights/{name}"): "read"
        for name in (
            *("levels", "curve", "matrix", "icebergs", "falls", "churn", "costs"),
            *("experiments", "care-rules"),
        )
    },
    ("GET", "/v1/actions"): "read",
    # People's own words say why something is held, and may name anybody.
    ("GET", "/v1/actions/waiting"): "identify",
    ("GET", "/v1/decisions"): "read",
    ("GET", "/v1/cases"): "read",
    # Whoever subscribes has us post to a URL of theirs, and is told customers' ids.
    **dict.fromkeys(
        (
            ("GET", "/v1/subscriptions"),
            ("POST", "/v1/subscriptions"),
            ("GET", "/v1/subscriptions/{subscription}"),
            ("PATCH", "/v1/subscriptions/{subscription}"),
            ("DELETE", "/v1/subscriptions/{subscription}"),
            ("POST", "/v1/subscriptions/{subscription}/test"),
            ("GET", "/v1/subscriptions/{subscription}/deliveries"),
            ("POST", "/v1/deliveries/{delivery}/redeliver"),
            ("POST", "/v1/actions/{action}/orders"),
            ("POST", "/v1/dead-letters/{letter}/redrive"),
            ("POST", "/console/actions/{action}/{order}"),
            ("POST", "/console/dead-letters/{letter}/redrive"),
        ),
        "operate",
    ),
    # They hold the original bytes, which name customers in places nobody can know.
    ("GET", "/v1/dead-letters"): "identify",
    ("GET", "/v1/who"): "any",
    ("GET", "/v1/audit"): "admin",
    ("GET", "/v1/keys"): "admin",
    ("POST", "/v1/keys"): "admin",
    ("POST", "/v1/keys/{key_id}/revoke"): "admin",
    ("GET", "/console/login"): "open",
    ("POST", "/console/login"): "open",
    ("GET", "/console/login/oidc"): "open",
    ("GET", "/console/login/oidc/callback"): "open",
    ("POST", "/console/logout"): "any",
    ("GET", "/console/static/{name}"): "open",
    ("GET", "/console"): "any",
    # Its pages name customers.
    **{
        ("GET", f"/console/{page}"): "identify"
        for page in (
            "",
            "customers/{customer:path}",
            "operator",
            "silent",
            "care",
            "campaigns",
            "health",
        )
    },
    ("GET", "/console/{rest:path}"): "any",
}
"""By method and the route's path as it is declared; HEAD asks for what GET does.

Where several paths fit, the first decides, as with the routes themselves.
"""


class Found(NamedTuple):
    """What the table says of a path: the ``need`` of the method, ``None`` if there is no such
    method, and the ``methods`` that there are; none at all for an unknown path."""

    need: Need | None
    methods: frozenset[str]


class ScopeTable:
    """A table made ready for looking up: paths without a variable first, by their text."""

    def __init__(self, table: Mapping[tuple[str, str], Need] = TABLE) -> None:
        needs: dict[str, dict[str, Need]] = {}
        for (method, path), need in table.items():
            needs.setdefault(path, {})[method] = need
        self._needs = needs
        self._variable = [(compile_path(path)[0], path) for path in needs if "{" in path]

    def find(self, method: str, path: str) -> Found:
        """What a request of ``method`` for ``path``, encoded as the routes see it, needs."""
        template = self.template(path)
        needs = {} if template is None else self._needs[template]
        wanted = "GET" if method == "HEAD" else method
        return Found(needs.get(wanted), frozenset(needs))

    def template(self, path: str) -> str | None:
        """The declared path that decides over ``path``."""
        if "{" not in path and path in self._needs:
            return path
        return next((each for pattern, each in self._variable if pattern.match(path)), None)
