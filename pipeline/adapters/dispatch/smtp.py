"""A channel that sends e-mail over SMTP, one connection a message.

The ``Message-ID`` is made of the action's id: a mail that is sent twice can be known by it.
"""

import asyncio
import ssl
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal

import aiosmtplib
from jinja2 import TemplateError

from pipeline.adapters.dispatch.port import Clock, Done, Failed, Message, Settled, TryAgain
from pipeline.adapters.dispatch.render import text_environment

Encryption = Literal["none", "starttls", "tls"]


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """Where mail is handed in, and what stands on it.

    ``address`` and ``subject`` are Jinja2 templates over ``action`` (with its ``fields``) and, for
    the subject, ``text``.
    """

    host: str
    port: int
    sender: str
    address: str
    subject: str = "{{ text.splitlines()[0] }}"
    encryption: Encryption = "starttls"
    username: str | None = None
    password: str | None = None
    timeout_seconds: float = 20.0


class SmtpChannel:
    """Hands mail in at one server."""

    def __init__(self, mailbox: Mailbox, *, clock: Clock) -> None:
        """Raises ``ValueError`` for a template or a sender that is none."""
        self._mailbox = mailbox
        self._clock = clock
        environment = text_environment()
        try:
            self._sender = Address(addr_spec=mailbox.sender)
            self._address = environment.from_string(mailbox.address)
            self._subject = environment.from_string(mailbox.subject)
        except (TemplateError, MessageError, IndexError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        self._tls = None if mailbox.encryption == "none" else ssl.create_default_context()

    async def send(self, message: Message) -> Settled:
        if message.text is None:
            return Failed(f"no text: the policy has no template {message.action.template!r}")
        try:
            mail = self._mail(message, message.text)
        except (TemplateError, MessageError, IndexError, ValueError) as error:
            # Without the error's own words: they may quote an address.
            return Failed(f"no mail can be made of it: {type(error).__name__}")
        try:
            async with asyncio.timeout(self._mailbox.timeout_seconds):
                return await self._hand_in(mail)
        except TimeoutError:
            return TryAgain(f"no answer within {self._mailbox.timeout_seconds:g} s", in_doubt=True)

    async def close(self) -> None:
        """Nothing to do: no connection outlives its message."""

    def _mail(self, message: Message, text: str) -> EmailMessage:
        action = message.action
        # One address and nothing else: a comma in a customer's id must not add a recipient.
        to = Address(addr_spec=self._address.render(action=action).strip())
        if not to.username or not to.domain:
            raise ValueError("not an address")
        mail = EmailMessage()
        mail["From"] = self._sender
        mail["To"] = to
        mail["Subject"] = self._subject.render(action=action, text=text).strip()
        mail["Message-ID"] = f"<{action.id}@{self._sender.domain}>"
        mail["Date"] = format_datetime(self._clock.now())
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        mail.set_content(text)
        return mail

    async def _hand_in(self, mail: EmailMessage) -> Settled:
        box = self._mailbox
        try:
            await aiosmtplib.send(
                mail,
                hostname=box.host,
                port=box.port,
                username=box.username,
                password=box.password,
                use_tls=box.encryption == "tls",
                start_tls=box.encryption == "starttls",
                tls_context=self._tls,
                timeout=box.timeout_seconds,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _refused([refused.code for refused in error.recipients])
        except aiosmtplib.SMTPConnectError as error:
            return TryAgain(f"cannot connect: {type(error).__name__}")
        except (aiosmtplib.SMTPAuthenticationError, aiosmtplib.SMTPSenderRefused) as error:
            # The same for all mail: a wrong password holds it up and does not burn it.
            return TryAgain(f"SMTP {error.code}: the server does not take mail from us")
        except aiosmtplib.SMTPResponseException as error:
            return _refused([error.code])
        except (aiosmtplib.SMTPException, OSError) as error:
            return TryAgain(f"connection failed: {type(error).__name__}", in_doubt=True)
        return Done()


def _refused(codes: list[int]) -> Settled:
    detail = f"SMTP {', '.join(map(str, codes))}"
    return Failed(detail) if all(code >= 500 for code in codes) else TryAgain(detail)
