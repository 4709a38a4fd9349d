"""What carries actions out: channels as their file says, and the worker on Kafka."""

import logging
import os
import random
from collections.abc import Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry

from pipeline.adapters.dispatch.config import (
    ChannelsFile,
    FileDestination,
    SmtpDestination,
    WebhookDestination,
    default_channels,
    load_channels,
    missing_secrets,
)
from pipeline.adapters.dispatch.dispatcher import Dispatcher
from pipeline.adapters.dispatch.file import STANDARD_OUTPUT, ConsoleChannel, FileChannel
from pipeline.adapters.dispatch.journey import Means, Rules
from pipeline.adapters.dispatch.outlet import Outlet
from pipeline.adapters.dispatch.port import (
    SYSTEM_CLOCK,
    Channel,
    ConsentView,
    Message,
    OrderView,
)
from pipeline.adapters.dispatch.render import make_render
from pipeline.adapters.dispatch.smtp import Mailbox, SmtpChannel
from pipeline.adapters.dispatch.webhook import WebhookChannel
from pipeline.adapters.http.health import make_health_app
from pipeline.adapters.http.server import serve_beside
from pipeline.adapters.kafka.dispatch import DispatchWorker
from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.adapters.telemetry.dispatch import DispatchWatcher
from pipeline.adapters.telemetry.metrics import Metrics
from pipeline.bootstrap.common import read_policy
from pipeline.config import ConfigError, program_version
from pipeline.core.policy.compiled import Policy

log = logging.getLogger(__name__)


def run_dispatch_worker(
    settings: KafkaSettings,
    *,
    policy_file: Path | None,
    channels_file: Path | None,
    host: str,
    port: int | None,
) -> int:
    """Carry out the actions on Kafka until a signal ends it; returns the exit code.

    ``port`` is where ``/livez``, ``/readyz`` and ``/metrics`` are served, ``None`` for nowhere.
    Raises ``ConfigError``, ``PolicyError``, ``ChannelsError``, ``WorkerRefusedError``,
    ``PortTaken``.
    """
    metrics = Metrics(CollectorRegistry())
    channels = read_channels(channels_file)
    policy = read_policy(policy_file)
    worker = DispatchWorker(
        settings,
        make=lambda consents, orders: make_dispatcher(
            channels, policy, consents, orders, metrics=metrics
        ),
        version=program_version(),
    )
    if port is not None:
        serve_beside(make_health_app(worker, metrics.registry), host, port)
    return worker.run()


def read_channels(path: Path | None, *, lines: Path | None = None) -> ChannelsFile:
    """The channels file at ``path``, or the one shipped, which then writes to the file ``lines``.

    Raises ``ConfigError`` if it or a secret that it names cannot be had, and ``ChannelsError``.
    """
    if path is None:
        if lines is None:
            log.warning(
                "no channels file: actions are written to standard output and count as done"
            )
        return default_channels(lines)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    file = load_channels(text, name=str(path))
    missing = missing_secrets(file, os.environ)
    if missing:
        raise ConfigError(f"{path}: " + "; ".join(missing))
    return file


def make_dispatcher(
    file: ChannelsFile,
    policy: Policy,
    consents: ConsentView,
    orders: OrderView,
    *,
    metrics: Metrics,
) -> Dispatcher:
    """A dispatcher over the channels of ``file``. Raises ``ConfigError``."""
    watcher = DispatchWatcher(metrics, file.destinations)
    # No secret: it only spreads retries.
    chance = random.Random()  # noqa: S311
    outlets: dict[str, Outlet[Message]] = {}
    for name, destination in file.destinations.items():
        try:
            channel = _channel(destination, os.environ)
        except (ValueError, OSError) as error:
            raise ConfigError(f"destination {name}: {error}") from error
        outlets[name] = Outlet(
            name,
            channel,
            destination.limits(),
            clock=SYSTEM_CLOCK,
            chance=chance,
            circuit_changed=watcher.circuit,
        )
    return Dispatcher(
        Means(
            outlets={channel: outlets[name] for channel, name in file.channels.items()},
            consents=consents,
            orders=orders,
            render=make_render(policy.file.templates, policy.file.language),
            watcher=watcher,
            clock=SYSTEM_CLOCK,
            rules=Rules(stale_after_seconds=file.stale_after_hours * 3_600),
        )
    )


def _channel(
    destination: WebhookDestination | SmtpDestination | FileDestination,
    environment: Mapping[str, str],
) -> Channel[Message]:
    match destination:
        case WebhookDestination():
            secret = destination.secret_env and environment[destination.secret_env]
            return WebhookChannel(
                destination.url,
                secret,
                timeout_seconds=destination.timeout_seconds,
                clock=SYSTEM_CLOCK,
            )
        case SmtpDestination():
            password = destination.password_env and environment[destination.password_env]
            mailbox = Mailbox(
                host=destination.host,
                port=destination.port,
                sender=destination.sender,
                address=destination.address,
                subject=destination.subject,
                encryption=destination.encryption,
                username=destination.username,
                password=password,
                timeout_seconds=destination.timeout_seconds,
            )
            return SmtpChannel(mailbox, clock=SYSTEM_CLOCK)
        case FileDestination(path=path):
            return ConsoleChannel() if path == STANDARD_OUTPUT else FileChannel(Path(path))
