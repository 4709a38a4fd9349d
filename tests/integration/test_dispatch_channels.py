"""The channels against real servers of this machine: HTTP, SMTP, and a file."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default as mail_policy
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from pipeline.adapters.dispatch.file import FileChannel
from pipeline.adapters.dispatch.port import (
    SYSTEM_CLOCK,
    Channel,
    Done,
    Failed,
    Message,
    Settled,
    TryAgain,
)
from pipeline.adapters.dispatch.smtp import Mailbox, SmtpChannel
from pipeline.adapters.dispatch.webhook import WebhookChannel, understand
from tests.services.process import free_ports
from tests.services.receiver import SECRET, Reaction, Receiver
from tests.unit.dispatching import an_action

CALM = Message(an_action(), "push", "12.00 EUR at Café")


def send(channel: Channel[Message], *messages: Message) -> list[Settled]:
    async def send_all() -> list[Settled]:
        try:
            return [await channel.send(message) for message in messages]
        finally:
            await channel.close()

    return asyncio.run(send_all())


def webhook(url: str, secret: str | None = SECRET, timeout_seconds: float = 5.0) -> WebhookChannel:
    return WebhookChannel(url, secret, timeout_seconds=timeout_seconds, clock=SYSTEM_CLOCK)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def test_a_webhook_carries_the_signed_action_its_channel_and_text(receiver: Receiver) -> None:
    assert send(webhook(receiver.url), CALM, CALM) == [Done(), Done()]
    assert receiver.seen == {"a-1": 2}
    assert receiver.forged == 0
    body = receiver.acted["a-1"].body
    assert body["channel"] == "push"
    assert body["text"] == "12.00 EUR at Café"
    assert body["customer"] == "customer-1"
    assert body["fields"] == {"amount": "12.00"}


def test_another_secret_is_noticed_and_holds_the_action_up(receiver: Receiver) -> None:
    wrong = "whsec_b3RoZXI="
    assert send(webhook(receiver.url, wrong), CALM) == [TryAgain("HTTP 401")]
    assert send(webhook(receiver.url, None), CALM) == [TryAgain("HTTP 401")]
    assert (receiver.forged, receiver.acted) == (2, {})


def test_a_receiver_that_hangs_is_left_and_the_action_is_in_doubt(receiver: Receiver) -> None:
    receiver.behave = lambda number, body: Reaction(hangs=True)
    (settled,) = send(webhook(receiver.url, timeout_seconds=0.3), CALM)
    assert settled == TryAgain("no answer within 0.3 s", in_doubt=True)


def test_nobody_there_is_no_doubt() -> None:
    (port,) = free_ports(1)
    assert send(webhook(f"http://127.0.0.1:{port}/"), CALM) == [
        TryAgain("cannot connect: ConnectionRefusedError")
    ]


def test_retry_after_is_heard(receiver: Receiver) -> None:
    receiver.behave = lambda number, body: Reaction(503, acts=False, retry_after="7")
    assert send(webhook(receiver.url), CALM) == [TryAgain("HTTP 503", 7.0)]


NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "settled"),
    [
        *[(status, Done()) for status in (200, 201, 202, 204)],
        *[(status, Failed(f"HTTP {status}")) for status in (400, 410, 413, 422)],
        *[(status, TryAgain(f"HTTP {status}")) for status in (401, 403, 404, 425, 429, 503)],
        *[(status, TryAgain(f"HTTP {status}", in_doubt=True)) for status in (408, 409, 500, 504)],
    ],
)
def test_what_a_status_means(status: int, settled: Settled) -> None:
    assert understand(status, "", NOW) == settled


def test_redirects_are_not_followed() -> None:
    settled = understand(302, "", NOW)
    assert isinstance(settled, Failed)
    assert "set the URL it leads to" in settled.detail


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("999999999999", 3_600.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str, seconds: float | None) -> None:
    assert understand(429, value, NOW) == TryAgain("HTTP 429", seconds)


def test_a_secret_that_is_none_is_refused() -> None:
    for secret in ("", "whsec_", "whsec_\u00e9"):
        with pytest.raises(ValueError, match="not a Standard Webhooks secret"):
            webhook("http://127.0.0.1/", secret)


class MailServer:
    """An SMTP server that keeps what it gets, and refuses what it is told to refuse."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.recipient_answer = "250 OK"
        self.data_answer = "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: object, session: object, envelope: Any, address: str, options: object
    ) -> str:
        if self.recipient_answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient_answer

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: object, session: object, envelope: Any
    ) -> str:
        parsed = BytesParser(policy=mail_policy).parsebytes(envelope.content)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        self.recipients.append(envelope.rcpt_tos)
        return self.data_answer


@pytest.fixture
def mail_server() -> Iterator[tuple[MailServer, int]]:
    handler = MailServer()
    (port,) = free_ports(1)
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, port
    controller.stop()


def mailbox(port: int, **changes: Any) -> SmtpChannel:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "sender": "service@bank.example",
        "address": "{{ action.customer }}@mail.example",
        "encryption": "none",
        "timeout_seconds": 5.0,
    }
    return SmtpChannel(Mailbox(**{**values, **changes}), clock=SYSTEM_CLOCK)


def test_a_mail_has_its_address_subject_text_and_an_id_of_the_action(
    mail_server: tuple[MailServer, int],
) -> None:
    server, port = mail_server
    text = "尊敬的客户\n12.00 EUR"
    assert send(mailbox(port), Message(an_action(), "email", text)) == [Done()]
    (mail,) = server.mails
    assert server.recipients == [["customer-1@mail.example"]]
    assert mail["To"] == "customer-1@mail.example"
    assert mail["Subject"] == "尊敬的客户"
    assert mail["Message-ID"] == "<a-1@bank.example>"
    assert mail.get_content().splitlines() == text.splitlines()


@pytest.mark.parametrize(
    ("answer", "settled"),
    [("550 no such user", Failed("SMTP 550")), ("451 later", TryAgain("SMTP 451"))],
)
def test_what_a_mail_server_says_of_a_recipient(
    mail_server: tuple[MailServer, int], answer: str, settled: Settled
) -> None:
    server, port = mail_server
    server.recipient_answer = answer
    assert send(mailbox(port), CALM) == [settled]


def test_a_mail_server_that_is_away_or_full_is_tried_again(
    mail_server: tuple[MailServer, int],
) -> None:
    server, port = mail_server
    server.data_answer = "452 full"
    assert send(mailbox(port), CALM) == [TryAgain("SMTP 452")]
    (other,) = free_ports(1)
    (away,) = send(mailbox(other), CALM)
    assert isinstance(away, TryAgain)
    assert not away.in_doubt


@pytest.mark.parametrize(
    "customer",
    ["victim@bank.example, c", "c\r\nBcc: victim@bank.example", "c <victim@bank.example>", ""],
)
def test_a_customers_id_can_add_no_recipient(
    mail_server: tuple[MailServer, int], customer: str
) -> None:
    server, port = mail_server
    message = Message(an_action(customer=customer), "email", "text")
    (settled,) = send(mailbox(port), message)
    assert isinstance(settled, Failed)
    assert server.mails == []


def test_a_subject_of_two_lines_is_no_subject(mail_server: tuple[MailServer, int]) -> None:
    server, port = mail_server
    (settled,) = send(mailbox(port, subject="{{ text }}"), Message(an_action(), "email", "a\nb"))
    assert isinstance(settled, Failed)
    assert server.mails == []


def test_mail_without_a_text_is_not_sent(mail_server: tuple[MailServer, int]) -> None:
    _, port = mail_server
    (settled,) = send(mailbox(port), Message(an_action(), "email", None))
    assert settled == Failed("no text: the policy has no template 'alert'")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_an_id_stands_in_the_file_once_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "new" / "sent.jsonl"
    other = Message(an_action(id="a-2"), "sms", None)
    assert send(FileChannel(path), CALM, CALM) == [Done(), Done()]
    assert send(FileChannel(path), CALM, other) == [Done(), Done()]
    assert [line["id"] for line in lines(path)] == ["a-1", "a-2"]
    assert lines(path)[0]["text"] == CALM.text


def test_a_line_that_was_cut_short_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "sent.jsonl"
    path.write_bytes(b'{"id": "a-1", "cust')
    assert send(FileChannel(path), CALM) == [Done()]
    first, second = path.read_bytes().splitlines()
    assert first == b'{"id": "a-1", "cust'
    assert json.loads(second)["id"] == "a-1"


def test_a_file_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "sent.jsonl"
    channel = FileChannel(path)
    path.unlink()
    (settled,) = send(channel, CALM)
    assert isinstance(settled, TryAgain)
