"""A service's operating-system process that the tests may stop, kill, freeze and start again."""

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

# Below the range from which the system takes ports for outgoing connections: otherwise a client
# that retries while its broker is down may be given, and hold, the broker's own port.
_PORTS = range(15_000, 32_000)
_TAIL_LINES = 40


class ServiceMissingError(Exception):
    """A service cannot be had on this machine; the text says what is lacking and the remedy."""


class ServiceFailedError(Exception):
    """A service is there but did not do as it was told; the text ends with its log's last lines."""


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Return once ``condition`` holds; ``TimeoutError`` naming ``what`` after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s in vain: {what}")
        time.sleep(0.05)


def free_ports(count: int) -> list[int]:
    """``count`` different TCP ports of 127.0.0.1 that nobody listens on just now."""
    found: list[int] = []
    for port in random.sample(_PORTS, k=1_000):
        with closing(socket.socket()) as probe:
            # As servers do: a port in TIME_WAIT is as good as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise ServiceMissingError(f"no {count} free TCP ports in {_PORTS}")


def port_answers(port: int) -> bool:
    """Whether something listens on this TCP port of 127.0.0.1."""
    with closing(socket.socket()) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class ServiceProcess:
    """One command, run as often as wanted, its output appended to one log file.

    The process is in a session of its own, so Ctrl-C reaches the tests alone, and a guard ends it
    if the tests' process dies without cleaning up, by kill -9 too.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] = MappingProxyType({}),
        owner: tuple[int, int] | None = None,
        guard_signal: signal.Signals = signal.SIGKILL,
    ) -> None:
        """``owner`` is the (user id, group id) to run as; ``guard_signal`` ends an orphan."""
        self._command = [str(part) for part in command]
        self._log = log
        self._environment = dict(environment)
        self._owner = owner
        self._guard_signal = guard_signal
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the process exists (a frozen one does)."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id; ``ServiceFailedError`` if it does not run."""
        if self._process is None or not self.running:
            raise ServiceFailedError(f"{self._command[0]} does not run\n{self.log_tail()}")
        return self._process.pid

    def start(self) -> None:
        """Start the process; no effect if it runs. Does not wait for the service to answer."""
        if self.running:
            return
        user, group = self._owner or (None, None)
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | self._environment,
                cwd=self._log.parent,
                user=user,
                group=group,
                extra_groups=None if self._owner is None else [],
                start_new_session=True,
            )
        self._guard = _start_guard(self._process.pid, self._guard_signal)

    def wait_ready(self, ready: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Return once ``ready``; ``ServiceFailedError`` if the process ends or time runs out."""

        def ready_or_dead() -> bool:
            return not self.running or ready()

        try:
            wait_until(ready_or_dead, seconds=seconds, what=what)
        except TimeoutError as exc:
            raise ServiceFailedError(f"{exc}\n{self.log_tail()}") from exc
        if not self.running:
            raise ServiceFailedError(f"{what}: the process ended\n{self.log_tail()}")

    def stop(self, how: signal.Signals = signal.SIGTERM, *, seconds: float = 20.0) -> None:
        """Ask the process to end and wait; killed after ``seconds``. No effect if it is down."""
        if self._process is None:
            return
        if self.running:
            os.kill(self._process.pid, how)
            os.kill(self._process.pid, signal.SIGCONT)  # a frozen process ends only once thawed
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._dismiss_guard()

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self.stop(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze it (SIGSTOP): sockets stay open, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Thaw a frozen process."""
        os.kill(self.pid, signal.SIGCONT)

    def log_tail(self) -> str:
        """The last lines the service wrote, for failure messages."""
        if not self._log.exists():
            return f"({self._log} does not exist)"
        lines = self._log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join([f"--- {self._log}, last {len(lines)} lines", *lines])

    def _dismiss_guard(self) -> None:
        # Before anything else may take the process id: the guard must not end a stranger.
        if self._guard is None or self._guard.stdin is None:
            return
        self._guard.kill()
        self._guard.wait()
        self._guard.stdin.close()
        self._guard = None


def _start_guard(pid: int, how: signal.Signals) -> "subprocess.Popen[bytes]":
    """A shell that reads from a pipe only we hold: it reads the end when we are gone."""
    return subprocess.Popen(
        ["/bin/sh", "-c", 'read -r _; kill -"$0" "$1"', str(int(how)), str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
