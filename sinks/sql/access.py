"""Keys, sessions and the secrets of the HTTP interface, in the SQL store."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Engine,
    Index,
    LargeBinary,
    Row,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from schemas.access import HeldKey, Key, Session
from sinks.sql.engine import read_only
from sinks.sql.tables import UtcTime, metadata

SECRET_BYTES: Final = 32

access_keys = Table(
    "access_keys",
    metadata,
    Column("id", Text, primary_key=True),
    # Of a random secret of 256 bits, which nobody can guess: a slow hash protects what people
    # choose, and would only slow down each request.
    Column("digest", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("expires", UtcTime),
    Column("last_used", UtcTime),
    Column("revoked", UtcTime),
)
"""Who may call the interface; the secret itself is nowhere."""

access_sessions = Table(
    "access_sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("name", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("expires", UtcTime, nullable=False),
    Index("access_sessions_expires", "expires"),
)
"""Who is logged in to the console; the id in the cookie itself is nowhere."""

access_secrets = Table(
    "access_secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
"""Random values that all processes on this store share: for pseudonyms, and for what is signed."""


class SqlAccessStore:
    """Keys and sessions over ``engine`` (of ``make_engine``). Each call is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = read_only(engine)

    def add_key(self, held: HeldKey) -> None:
        """Store a new key. ``ValueError`` if its id is taken."""
        try:
            with self._engine.begin() as connection:
                _insert_key(connection, held)
        except IntegrityError as error:
            raise ValueError(f"there is a key {held.key.id} already") from error

    def add_first_key(self, held: HeldKey) -> bool:
        """Store it if there is no key at all, not even a revoked one; whether it was stored."""
        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
                connection.execute(text("LOCK TABLE access_keys IN EXCLUSIVE MODE"))
            if connection.execute(select(func.count()).select_from(access_keys)).scalar_one():
                return False
            _insert_key(connection, held)
            return True

    def key(self, key_id: str) -> HeldKey | None:
        """The key of this id, whether it stands or not."""
        wanted = select(access_keys).where(access_keys.c.id == key_id)
        with self._reading.connect() as connection:
            row = connection.execute(wanted).one_or_none()
        return None if row is None else HeldKey(_key(row), bytes(row.digest))

    def all_keys(self) -> Sequence[Key]:
        """All keys, the oldest first."""
        wanted = select(access_keys).order_by(access_keys.c.created, access_keys.c.id)
        with self._reading.connect() as connection:
            return [_key(row) for row in connection.execute(wanted)]

    def revoke_key(self, key_id: str, at: datetime) -> bool:
        """Whether there was such a key that was not revoked yet; it opens nothing from now on."""
        wanted = (access_keys.c.id == key_id) & access_keys.c.revoked.is_(None)
        with self._engine.begin() as connection:
            changed = connection.execute(update(access_keys).where(wanted).values(revoked=at))
            return changed.rowcount > 0

    def key_used(self, key_id: str, at: datetime) -> None:
        """Note when it was last used; told at most every few minutes."""
        with self._engine.begin() as connection:
            row = access_keys.c.id == key_id
            connection.execute(update(access_keys).where(row).values(last_used=at))

    def add_session(self, session: Session) -> None:
        """Store a session, and forget those that had expired when it was made."""
        values = {name: getattr(session, name) for name in session.__struct_fields__}
        old = access_sessions.c.expires <= session.created
        with self._engine.begin() as connection:
            connection.execute(delete(access_sessions).where(old))
            connection.execute(
                insert(access_sessions).values(values | {"scopes": list(session.scopes)})
            )

    def session(self, digest: bytes) -> Session | None:
        """The session with this digest, expired or not."""
        wanted = select(access_sessions).where(access_sessions.c.digest == digest)
        with self._reading.connect() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            return None
        return Session(
            digest=bytes(row.digest),
            name=row.name,
            source=row.source,
            scopes=tuple(row.scopes),
            created=row.created,
            expires=row.expires,
        )

    def prolong_session(self, digest: bytes, expires: datetime) -> None:
        """Let it last longer."""
        row = access_sessions.c.digest == digest
        with self._engine.begin() as connection:
            connection.execute(update(access_sessions).where(row).values(expires=expires))

    def end_session(self, digest: bytes) -> None:
        """Forget it; nothing happens if there is none."""
        with self._engine.begin() as connection:
            connection.execute(delete(access_sessions).where(access_sessions.c.digest == digest))

    def secret(self, name: str) -> bytes:
        """The random value of this name, made when first asked for, then the same for all."""
        wanted = select(access_secrets.c.value).where(access_secrets.c.name == name)
        with self._reading.connect() as connection:
            found = connection.execute(wanted).scalar_one_or_none()
        if found is not None:
            return bytes(found)
        made = secrets.token_bytes(SECRET_BYTES)
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(access_secrets).values(name=name, value=made))
        except IntegrityError:  # another process was quicker
            return self.secret(name)
        return made


def _insert_key(connection: Connection, held: HeldKey) -> None:
    values = {name: getattr(held.key, name) for name in held.key.__struct_fields__}
    values |= {"scopes": list(held.key.scopes), "digest": held.digest}
    connection.execute(insert(access_keys).values(values))


def _key(row: Row[tuple[object, ...]]) -> Key:
    values = {name: getattr(row, name) for name in Key.__struct_fields__}
    return Key(**values | {"scopes": tuple(row.scopes)})
