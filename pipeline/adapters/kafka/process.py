"""The process around the Faust app: its signals, and a watchdog over its consumer."""

import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, cast

import faust
from mode import Service

from pipeline.adapters.kafka.transport import ChunkApp, ChunkConsumer

log = logging.getLogger(__name__)

WATCH_SECONDS = 1.0
EXIT_SOFTWARE = 70


class Watchdog(Service):
    """Frees a parked group coordinator, and ends a process whose consumer is dead."""

    def __init__(self, app: ChunkApp, end: Callable[[int], None] = os._exit) -> None:
        super().__init__()
        self._app = app
        self._end = end

    @Service.task
    async def _watch(self) -> None:
        while not self.should_stop:
            await self.sleep(WATCH_SECONDS)
            consumer = self._app._consumer
            if consumer is None or self._app.should_stop:
                continue
            dead = await cast(ChunkConsumer, consumer).watch()
            if dead is not None and not self._app.should_stop:
                log.critical("this worker cannot go on: %s", dead)
                self._end(EXIT_SOFTWARE)


class QuietWorker(faust.Worker):
    """Faust's worker with an end to its patience."""

    def __init__(self, *services: Any, hard_exit_seconds: float) -> None:
        super().__init__(*services, quiet=True, redirect_stdouts=False)
        self._hard_exit_seconds = hard_exit_seconds
        self.spinner = None

    def _setup_logging(self) -> None:
        """Nothing: how to log is the business of whoever starts the process."""

    def _on_sigterm(self) -> None:
        self._arm_hard_exit()
        super()._on_sigterm()

    def _on_sigint(self) -> None:
        self._arm_hard_exit()
        super()._on_sigint()

    def _arm_hard_exit(self) -> None:
        timer = threading.Timer(self._hard_exit_seconds, self._exit_hard)
        timer.daemon = True
        timer.start()

    def _exit_hard(self) -> None:
        # Safe: what counts is in committed transactions, an open one is aborted by the next owner.
        log.error("stopping took longer than %g s: exiting", self._hard_exit_seconds)
        sys.stderr.flush()
        os._exit(0)
