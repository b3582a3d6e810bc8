"""A mail server in a process of its own, to be killed: `python -m tests.service.mail_server PORT FILE MOST`.

What it takes stands in the file before it says so: Message-ID, recipient and From, a mail a line. It dies
before it says so of the last one of MOST.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.waiting import PATIENCE_S


class Keeper:
    """Writes down what came."""

    def __init__(self, path: Path, most: int) -> None:
        self.file = path.open("a")
        self.left = most

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """On the disk, then taken."""
        letter = message_from_bytes(bytes(envelope.content or b""), policy=default)
        self.file.write(f"{letter['Message-ID']}\t{envelope.rcpt_tos[0]}\t{letter['From']}\n")
        self.file.flush()
        os.fsync(self.file.fileno())
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)
        return "250 OK"


if __name__ == "__main__":
    Controller(
        Keeper(Path(sys.argv[2]), int(sys.argv[3])),
        hostname="127.0.0.1",
        port=int(sys.argv[1]),
        ready_timeout=PATIENCE_S,
    ).start()
    threading.Event().wait()
