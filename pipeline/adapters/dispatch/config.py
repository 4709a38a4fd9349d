"""The channels file: which channel leads to which destination, and how to treat it there."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.adapters.dispatch.outlet import Limits
from pipeline.core.policy.faults import Fault, FileError, did_you_mean, faults_of
from pipeline.core.policy.nodes import located, read_yaml
from schemas.ids import Name
from schemas.touchpoints.common import Channel

DEFAULT_NAME: Final = "channels/default.yaml"

_STRICT: Final = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
_Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
_DEFAULTS: Final = Limits()


class ChannelsError(FileError):
    """A channels file that cannot be used."""


class _Destination(BaseModel):
    model_config = _STRICT

    timeout_seconds: Annotated[float, Field(gt=0, le=300, description="Of one attempt.")] = 10.0
    concurrency: Annotated[int, Field(ge=1, le=1_000, description="Attempts at once.")] = (
        _DEFAULTS.concurrency
    )
    queue: Annotated[
        int, Field(ge=1, le=100_000, description="Actions that wait for a place; more are put off.")
    ] = _DEFAULTS.queue
    per_second: Annotated[float | None, Field(gt=0, description="Attempts a second at most.")] = (
        _DEFAULTS.per_second
    )
    max_attempts: Annotated[int, Field(ge=1, le=100)] = _DEFAULTS.max_attempts
    max_age_seconds: Annotated[
        float, Field(gt=0, description="From the first wish to send it there, waiting included.")
    ] = _DEFAULTS.max_age_seconds

    def limits(self) -> Limits:
        """What the dispatcher is to keep to."""
        return Limits(
            concurrency=self.concurrency,
            queue=self.queue,
            per_second=self.per_second,
            max_attempts=self.max_attempts,
            max_age_seconds=self.max_age_seconds,
        )


class WebhookDestination(_Destination):
    """A URL that takes each action as a signed POST."""

    kind: Literal["webhook"]
    url: Annotated[str, Field(pattern=r"^https?://[^\s/]+")]
    secret_env: Annotated[
        _Variable | None,
        Field(description="Environment variable with the secret; unsigned without."),
    ] = None


class SmtpDestination(_Destination):
    """A mail server."""

    kind: Literal["smtp"]
    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    encryption: Literal["none", "starttls", "tls"] = "starttls"
    username: str | None = None
    password_env: Annotated[
        _Variable | None, Field(description="Environment variable with the password.")
    ] = None
    sender: Annotated[str, Field(pattern=r"^[^\s@]+@[^\s@]+$")]
    address: Annotated[str, Field(min_length=1, description="Jinja2 template over `action`.")]
    subject: Annotated[
        str, Field(min_length=1, description="Jinja2 template over `action` and `text`.")
    ] = "{{ text.splitlines()[0] }}"


class FileDestination(_Destination):
    """A file to which each action is appended as a line; ``-`` is standard output."""

    kind: Literal["file"]
    path: Annotated[str, Field(min_length=1)]


Destination = Annotated[
    WebhookDestination | SmtpDestination | FileDestination, Field(discriminator="kind")
]


class ChannelsFile(BaseModel):
    """A channels file."""

    model_config = _STRICT

    stale_after_hours: Annotated[
        float,
        Field(gt=0, description="An action without an expiry is not carried out later than this."),
    ] = 24.0
    destinations: Annotated[dict[Name, Destination], Field(min_length=1)]
    channels: dict[Literal[Channel, "staff"], Name]


def load_channels(text: str, *, name: str) -> ChannelsFile:
    """Read the text of a YAML file; ``name`` is the file's name for messages.

    Raises ``ChannelsError`` with one line a problem: file, line, what is wrong, what to do.
    """
    what = "a channels file is a mapping with destinations and channels"
    root, content, faults = read_yaml(text, what)
    if root is None:
        raise ChannelsError(name, faults)
    try:
        file = ChannelsFile.model_validate(content)
    except ValidationError as error:
        raise ChannelsError(
            name, [*faults, *located(root, faults_of(error, ChannelsFile))]
        ) from error
    faults += located(root, [*_unknown_destinations(file)])
    if faults:
        raise ChannelsError(name, faults)
    return file


def default_channels(path: Path | None = None) -> ChannelsFile:
    """The file shipped with the program, writing to ``path`` instead of standard output."""
    shipped = files("pipeline.channels") / "default.yaml"
    file = load_channels(shipped.read_text(encoding="utf-8"), name=DEFAULT_NAME)
    if path is None:
        return file
    lines = FileDestination(kind="file", path=str(path))
    return file.model_copy(update={"destinations": dict.fromkeys(file.destinations, lines)})


def missing_secrets(file: ChannelsFile, environment: Mapping[str, str]) -> list[str]:
    """In words, which variables the file names and the environment lacks."""
    named = {
        variable: name
        for name, destination in file.destinations.items()
        for variable in (
            getattr(destination, "secret_env", None),
            getattr(destination, "password_env", None),
        )
        if variable is not None
    }
    return [
        f"destination {name}: the environment variable {variable} is not set; "
        "set it to the secret, or take it out of the channels file"
        for variable, name in named.items()
        if not environment.get(variable)
    ]


def _unknown_destinations(file: ChannelsFile) -> list[Fault]:
    known = tuple(file.destinations)
    return [
        Fault(
            ("channels", channel),
            f"unknown destination {name!r}",
            known,
            did_you_mean(name, known) or "name a destination of this file",
        )
        for channel, name in file.channels.items()
        if name not in file.destinations
    ]
