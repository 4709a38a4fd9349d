"""Settings from the environment: one variable a setting, checked before anything starts.

Every setting with its default and reason stands with the part it is for; ``KafkaSettings`` in
``adapters/kafka/settings.py`` is read from ``TOUCHPOINT_KAFKA_<FIELD>``.
"""

from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from pipeline.adapters.kafka.settings import KafkaSettings

KAFKA_PREFIX: Final = "TOUCHPOINT_KAFKA_"


class ConfigError(Exception):
    """A setting that cannot be used; the message names the variable and what it may be."""


def kafka_settings(environment: Mapping[str, str], **given: Any) -> KafkaSettings:
    """Kafka's settings: what is ``given`` and not ``None``, else the environment, else defaults.

    Raises ``ConfigError`` for a variable of the prefix that is no setting, and for a bad value.
    """
    known = {field.name for field in fields(KafkaSettings)}
    values: dict[str, Any] = {}
    for name, value in environment.items():
        if name.startswith(KAFKA_PREFIX):
            field = name.removeprefix(KAFKA_PREFIX).lower()
            if field not in known:
                choices = ", ".join(KAFKA_PREFIX + k.upper() for k in sorted(known))
                raise ConfigError(f"{name} is no setting; known: {choices}")
            values[field] = value
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        return TypeAdapter(KafkaSettings).validate_python(values)
    except ValidationError as error:
        what = "; ".join(
            f"{KAFKA_PREFIX}{e['loc'][0]}".upper() + f": {e['msg']}" for e in error.errors()
        )
        raise ConfigError(what) from error


def policy_text(path: Path | None) -> tuple[str, str]:
    """The text of the policy file and its name; the one shipped with the program by default."""
    if path is None:
        shipped = files("pipeline.policies") / "default.yaml"
        return shipped.read_text(encoding="utf-8"), "default.yaml"
    try:
        return path.read_text(encoding="utf-8"), str(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error


def program_version() -> str:
    """The installed version of this program."""
    try:
        return version("touchpoint-pipeline")
    except PackageNotFoundError:
        return "unknown"
