"""The token of a session in a form, read before the form is handed on."""

from typing import Final, NamedTuple
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Message, Receive

FORM: Final = "application/x-www-form-urlencoded"
FIELD: Final = "csrf"

_MOST_BYTES: Final = 64 * 1024
_MOST_FIELDS: Final = 100


class FormToken(NamedTuple):
    """What stood in the form, and where the body can be read, from its beginning."""

    token: str | None
    receive: Receive


def form_fields(body: bytes) -> dict[str, str]:
    """The fields of a form, of each name the first; ``{}`` for what is no form."""
    try:
        found = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items()}


async def form_token(headers: Headers, receive: Receive) -> FormToken:
    """The token in a form; of other bodies, and of forms above 64 KB, nothing is read."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return FormToken(None, receive)
    body, messages = b"", list[Message]()
    while True:
        message = await receive()
        messages.append(message)
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body"):
            break
        if len(body) > _MOST_BYTES:
            return FormToken(None, receive)

    async def again() -> Message:
        return messages.pop(0) if messages else await receive()

    return FormToken(form_fields(body).get(FIELD), again)
