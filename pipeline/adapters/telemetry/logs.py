"""The log: one line an occurrence, to standard error, without customer data."""

import logging
import time
from logging.config import dictConfig

# What the client libraries tell at INFO is of no use to an operator and frequent.
_CHATTY = ("aiokafka", "kafka", "faust", "mode", "alembic", "uvicorn.access")


def configure_logs(level: str = "INFO") -> None:
    """Send records of ``level`` and above to standard error; libraries only from WARNING on."""
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "format": "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s",
                    "datefmt": "%Y-%m-%dT%H:%M:%S",
                    "()": "pipeline.adapters.telemetry.logs.UtcFormatter",
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"level": level, "handlers": ["stderr"]},
            "loggers": {name: {"level": "WARNING"} for name in _CHATTY},
        }
    )


class UtcFormatter(logging.Formatter):
    """A formatter whose times are UTC."""

    def converter(self, timestamp: float | None) -> time.struct_time:
        return time.gmtime(timestamp)
