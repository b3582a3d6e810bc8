"""A real SMTP server in this process, and what it got."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from scripts.benchmarks.ports import free_port
from service.config import Mail
from tests.waiting import PATIENCE_S


class Mailroom:
    """Takes everything, but for what it is told to answer."""

    def __init__(self) -> None:
        self.port = 0
        self.got: list[Envelope] = []
        self.answers: dict[str, list[str]] = {}
        """What a recipient's next mails are answered; `break`: the connection ends after the mail was taken."""
        self.most: int | None = None
        """So many in all are answered; of more, each is kept and whoever sent it waits. None: all."""

    async def handle_RCPT(  # noqa: N802 -- the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuses whom it shall refuse."""
        scripted = self.answers.get(address, [])
        if scripted and scripted[0] != "break":
            return scripted.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keeps it."""
        self.got.append(envelope)
        if self.most is not None and len(self.got) > self.most:
            await asyncio.Event().wait()
        scripted = self.answers.get(envelope.rcpt_tos[0], [])
        if scripted:
            scripted.pop(0)
            assert server.transport is not None
            server.transport.abort()
        return "250 OK"

    @property
    def letters(self) -> list[EmailMessage]:
        """What it has."""
        return [letter_of(envelope) for envelope in self.got]

    @property
    def recipients(self) -> list[str]:
        """Of all, in their order."""
        return [envelope.rcpt_tos[0] for envelope in self.got]

    def config(self, **more: Any) -> Mail:
        """How the service reaches it."""
        values: dict[str, Any] = {"host": "127.0.0.1", "port": self.port, "tls": "none", "rate_per_s": 10_000}
        return Mail(**values | {"sender": "no-reply@mail.example", "portal": "https://portal.example"} | more)


def letter_of(envelope: Envelope) -> EmailMessage:
    """As a mail program reads it."""
    assert isinstance(envelope.content, bytes)
    letter = message_from_bytes(envelope.content, policy=default)
    assert isinstance(letter, EmailMessage)
    return letter


def part(letter: EmailMessage, kind: str) -> str:
    """Its text, `plain` or `html`."""
    body = letter.get_body((kind,))
    assert body is not None
    return str(body.get_content())


@contextmanager
def mailroom() -> Iterator[Mailroom]:
    """Open."""
    room = Mailroom()
    room.port = free_port()
    controller = Controller(room, hostname="127.0.0.1", port=room.port, ready_timeout=PATIENCE_S)
    controller.start()
    try:
        yield room
    finally:
        controller.stop()
