"""The server that takes our mails: one connection, kept while there is something to send."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import aiosmtplib

from service.config import Mail
from service.faults import Fault

TIMEOUT_S = 30
"""Of one step: connecting, a command, the message itself."""
FAULT_CHARACTERS_MAX = 500
OURS = frozenset({530, 534, 535, 538})
"""Of signing in (RFC 4954): the configuration's fault, not the mail's."""


class RelayAway(Fault):
    """The server takes nothing from us now: it says no more about one mail than about another."""


class Taken(NamedTuple):
    """What the server said of one mail."""

    fault: str
    """Its words; empty: it has the mail."""
    is_final: bool = False
    """Trying again changes nothing."""
    state: str = "failed"
    """What the mail is then."""


class Relay:
    """Of one service. Closed at the end."""

    def __init__(self, mail: Mail) -> None:
        self._mail = mail
        self._smtp: aiosmtplib.SMTP | None = None

    async def open(self) -> None:
        """Connects and signs in, unless it has. Raises RelayAway."""
        if self._smtp is not None and self._smtp.is_connected:
            return
        mail = self._mail
        smtp = aiosmtplib.SMTP(
            hostname=mail.host,
            port=mail.port,
            use_tls=mail.tls == "tls",
            start_tls=mail.tls == "starttls",
            timeout=TIMEOUT_S,
        )
        try:
            password = "" if mail.password_file is None else password_of(mail.password_file)
            await smtp.connect()
            if mail.user:
                await smtp.login(mail.user, password)
        except (aiosmtplib.SMTPException, OSError, ValueError) as fault:
            smtp.close()
            raise RelayAway(
                f"mail server {mail.host}:{mail.port}: {told(fault)}: see `mail` in kambill.yaml"
            ) from fault
        self._smtp = smtp

    async def send(self, envelope: str, recipient: str, content: bytes) -> Taken:
        """One mail to one address. Where the connection breaks nobody knows if it was taken: to be tried again."""
        assert self._smtp is not None
        try:
            await self._smtp.sendmail(envelope, [recipient], content)
        except aiosmtplib.SMTPRecipientsRefused as fault:
            worst = fault.recipients[0]
            return Taken(told(worst), is_final=worst.code >= 500)
        except aiosmtplib.SMTPResponseException as fault:
            if fault.code == 421:
                await self.close()
            return Taken(told(fault), is_final=fault.code >= 500 and fault.code not in OURS)
        except (aiosmtplib.SMTPNotSupported, UnicodeError) as fault:
            return Taken(told(fault), is_final=True)
        except (aiosmtplib.SMTPException, OSError) as fault:
            await self.close()
            return Taken(told(fault))
        return Taken("")

    async def close(self) -> None:
        """Says goodbye, if there is somebody to say it to."""
        smtp, self._smtp = self._smtp, None
        if smtp is None or not smtp.is_connected:
            return
        try:
            await smtp.quit(timeout=2)
        except (aiosmtplib.SMTPException, OSError):
            smtp.close()


def told(fault: BaseException) -> str:
    """The server's words, with its code where it has one. What is no UTF-8 or can't be printed becomes a mark for it:
    no ledger takes it, and a refusal that can't be noted would be asked for again and again.
    """
    if isinstance(fault, aiosmtplib.SMTPResponseException):
        text = f"{fault.code} {fault.message}"
    else:
        text = str(fault) or type(fault).__name__
    plain = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(text.split()))
    return plain[:FAULT_CHARACTERS_MAX]


def password_of(file: Path) -> str:
    """The first line. Raises OSError, ValueError: there is none."""
    lines = file.read_text().splitlines()
    if not lines or not lines[0].strip():
        raise ValueError(f"{file} is empty: write the password into its first line")
    return lines[0].strip()
