"""Settings from the environment: one variable a setting, checked before anything starts.

Every setting with its default and reason stands with the part it is for; ``KafkaSettings`` in
``adapters/kafka/settings.py`` is read from ``TOUCHPOINT_KAFKA_<FIELD>``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from pipeline.adapters.http.oidc_provider import OidcSettings
from pipeline.adapters.http.rates import Rates, RateSettings
from pipeline.adapters.kafka.settings import KafkaSettings

KAFKA_PREFIX: Final = "TOUCHPOINT_KAFKA_"

API_KEY: Final = "TOUCHPOINT_API_KEY"
PUBLIC_URL: Final = "TOUCHPOINT_PUBLIC_URL"
RATE_PREFIX: Final = "TOUCHPOINT_RATE_"
OIDC_PREFIX: Final = "TOUCHPOINT_OIDC_"


class ConfigError(Exception):
    """A setting that cannot be used; the message names the variable and what it may be."""


def kafka_settings(environment: Mapping[str, str], **given: Any) -> KafkaSettings:
    """Kafka's settings: what is ``given`` and not ``None``, else the environment, else defaults.

    Raises ``ConfigError`` for a variable of the prefix that is no setting, and for a bad value.
    """
    known = {each.name for each in fields(KafkaSettings)}
    values: dict[str, Any] = {}
    for name, value in environment.items():
        if name.startswith(KAFKA_PREFIX):
            setting = name.removeprefix(KAFKA_PREFIX).lower()
            if setting not in known:
                choices = ", ".join(KAFKA_PREFIX + k.upper() for k in sorted(known))
                raise ConfigError(f"{name} is no setting; known: {choices}")
            values[setting] = value
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        return TypeAdapter(KafkaSettings).validate_python(values)
    except ValidationError as error:
        what = "; ".join(
            f"{KAFKA_PREFIX}{e['loc'][0]}".upper() + f": {e['msg']}" for e in error.errors()
        )
        raise ConfigError(what) from error


@dataclass(frozen=True, kw_only=True)
class AccessSettings:
    """Who may come in over HTTP, as far as the environment says.

    ``api_key`` is an admin's key. ``public_url`` is where browsers find the server, as
    ``https://care.example.org``; it must be given behind a proxy that ends TLS, and for ``oidc``.
    """

    api_key: str | None = field(default=None, repr=False)
    public_url: str | None = None
    rates: RateSettings = field(default_factory=RateSettings)
    oidc: OidcSettings | None = None


def access_settings(environment: Mapping[str, str]) -> AccessSettings:
    """``TOUCHPOINT_API_KEY``, ``_PUBLIC_URL``, ``_RATE_READ``, ``_RATE_INGEST``, ``_RATE_LOGIN``
    (``50/second``, or ``none``), ``_OIDC_ISSUER``, ``_CLIENT_ID``, ``_CLIENT_SECRET``, ``_CLAIM``
    and ``_SCOPES`` (``care-team=operate;analysts=read,identify``). Raises ``ConfigError``.
    """
    url = environment.get(PUBLIC_URL)
    if url is not None and not url.startswith(("https://", "http://")):
        raise ConfigError(f"{PUBLIC_URL}: {url} is no http or https URL")
    given = {name: environment.get(RATE_PREFIX + name.upper()) for name in RateSettings._fields}
    rates = RateSettings()._replace(
        **{
            name: None if text == "none" else text
            for name, text in given.items()
            if text is not None
        }
    )
    try:
        Rates(rates)
    except ValueError as error:
        raise ConfigError(f"{RATE_PREFIX}*: {error}; as 200/4 second, 5/minute, or none") from error
    oidc = _oidc_settings(environment)
    if oidc is not None and url is None:
        raise ConfigError(f"{OIDC_PREFIX}ISSUER needs {PUBLIC_URL}: where people are sent back to")
    return AccessSettings(api_key=environment.get(API_KEY), public_url=url, rates=rates, oidc=oidc)


def _oidc_settings(environment: Mapping[str, str]) -> OidcSettings | None:
    names = ("ISSUER", "CLIENT_ID", "CLIENT_SECRET", "CLAIM", "SCOPES")
    given = {name: environment.get(OIDC_PREFIX + name) for name in names}
    if given["ISSUER"] is None:
        return None
    missing = [OIDC_PREFIX + name for name in ("CLIENT_ID", "SCOPES") if not given[name]]
    if missing:
        raise ConfigError(f"{OIDC_PREFIX}ISSUER needs {' and '.join(missing)}")
    pairs = (each.partition("=") for each in (given["SCOPES"] or "").split(";") if each.strip())
    values: dict[str, Any] = {
        "issuer": given["ISSUER"],
        "client_id": given["CLIENT_ID"],
        "client_secret": given["CLIENT_SECRET"],
        "claim": given["CLAIM"] or "groups",
        "scopes": {
            name.strip(): tuple(scope.strip() for scope in scopes.split(","))
            for name, _, scopes in pairs
        },
    }
    try:
        return OidcSettings(**values)
    except ValueError as error:
        raise ConfigError(f"{OIDC_PREFIX}*: {error}") from error


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
