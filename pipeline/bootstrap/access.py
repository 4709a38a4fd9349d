"""Who may come in: keys, sessions and the audit log of one store, for one server."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Engine

from pipeline.adapters.http.access import (
    PSEUDONYMS,
    Access,
    check_environment_key,
    is_loopback,
)
from pipeline.adapters.http.keys import KeyRing, make_key
from pipeline.adapters.http.masking import Masker
from pipeline.adapters.http.oidc_provider import OidcProvider
from pipeline.adapters.http.rates import Rates
from pipeline.adapters.http.sessions import Sessions
from pipeline.config import AccessSettings
from sinks.sql.access import SqlAccessStore
from sinks.sql.audit import SqlAudit

log = logging.getLogger(__name__)

FIRST_KEY: Final = "first key"


def check_environment(settings: AccessSettings) -> None:
    """Raise ``AccessRefused`` for a key that can be guessed, before anything starts."""
    check_environment_key(settings.api_key)


def open_access(
    engine: Engine,
    settings: AccessSettings,
    *,
    host: str,
    tell: Callable[[str], None],
    always_keyed: bool = False,
) -> Access:
    """Access to a server bound to ``host``, on a store with the schema of this release.

    While only this machine can reach it and there is no key at all, it is open to this machine;
    keys made later are asked for from the next start on. ``always_keyed`` leaves that out. Where
    a key is needed and there is none, one for an admin is made and told, once, to ``tell``.
    """
    store, audit = SqlAccessStore(engine), SqlAudit(engine)
    any_key = settings.api_key is not None or bool(store.all_keys()) or settings.oidc is not None
    local = is_loopback(host) and not always_keyed and not any_key
    if not local and settings.api_key is None:
        _make_first(store, audit, tell)
    keys = KeyRing(store, now=_now, environment=settings.api_key)
    return Access(
        local=local,
        store=store,
        keys=keys,
        sessions=Sessions(store, keys, now=_now),
        audit=audit,
        masker=Masker(store.secret(PSEUDONYMS)),
        rates=Rates(settings.rates),
        public_url=settings.public_url,
    )


def provider_of(settings: AccessSettings) -> OidcProvider | None:
    """The identity provider, if one is set."""
    return None if settings.oidc is None else OidcProvider(settings.oidc)


def _make_first(store: SqlAccessStore, audit: SqlAudit, tell: Callable[[str], None]) -> None:
    made = make_key(FIRST_KEY, ("admin",), now=_now())
    if not store.add_first_key(made.held):
        return
    key = made.held.key
    audit.note("key.create", who="first start", how="local", target=f"key:{key.id}")
    tell(
        f"a key for an admin was made, and is shown this once: {made.text}\n"
        f"make others by `touchpoint keys create`, then `touchpoint keys revoke {key.id}`"
    )


def _now() -> datetime:
    return datetime.now(UTC)
