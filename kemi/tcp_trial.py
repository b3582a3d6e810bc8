"""Whether this Kamailio may listen on TCP or TLS: one malformed MSRP line ends Debian's 5.6.3 and all its calls.

By trial, since a version tells nothing of a distribution's fixes: another instance of the same program, on loopback,
with nothing in it, gets that line.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

LINE = b"MSRP a\r\n-------a+\r\n"
"""A transaction without a method: upstream's fix is 045bf283c0."""
INSTANCES = 4
"""Where its memory lies is chance, and so whether what the line makes it read is there: of a hundred instances that die
of it, about one lives on.
"""
START_S, END_S = 15.0, 5.0
LIVES_S = 10.0
"""How long it may take to show that it lives; a processor that is busy with other things makes that seconds."""
ASKED_S = 0.25
"""Between a line and the question behind it."""
ANSWERS = 4
"""Its one reader has read a line before the second question that is asked after it; twice that."""
QUESTION = (
    b"OPTIONS sip:probe SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKprobe\r\nFrom: <sip:a@probe>;tag=a\r\n"
    b"To: <sip:probe>\r\nCall-ID: probe\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)
CONFIG = """debug=-2
log_stderror=yes
disable_core_dump=yes
listen=tcp:127.0.0.1:{port}
children=1
tcp_children=1
loadmodule "sl.so"
request_route {{ sl_send_reply("200", "Alive"); }}
"""


class Exposed(Exception):
    """Kamailio must not start like this."""

    def __init__(self) -> None:
        super().__init__(
            "WITH_TCP or WITH_TLS is defined and a stranger could end this Kamailio by one malformed MSRP line: use a "
            "Kamailio that has upstream's fix 045bf283c0, or let nobody but known peers in by a firewall and say so in "
            "kamailio-local.cfg: #!define KAMBILL_TCP_IS_FIREWALLED (docs/security.md)"
        )


def program() -> str:
    """The Kamailio that runs this."""
    return os.readlink("/proc/self/exe")  # noqa: PTH115 -- a path as it stands


class _Tried(NamedTuple):
    port: int
    process: subprocess.Popen[bytes]


def dies_of_a_line(kamailio: str, line: bytes = LINE) -> bool:
    """Whether a Kamailio is ended by a line, or answers no more. Raises OSError if it can't be tried."""
    with contextlib.ExitStack() as all_end:
        return not _live_on([all_end.enter_context(_instance(kamailio)) for _ in range(INSTANCES)], line)


@contextlib.contextmanager
def _instance(kamailio: str) -> Iterator[_Tried]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="kambill-probe-") as folder:
        config = Path(folder, "probe.cfg")
        config.write_text(CONFIG.format(port=port), encoding="ascii")
        command = [kamailio, "-f", str(config), "-DD", "-E", "-m", "16", "-M", "4", "-Y", folder]
        tried = subprocess.Popen(
            command,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _await_listener(port)
            yield _Tried(port, tried)
        finally:
            _end(tried)


def _live_on(tried: Sequence[_Tried], line: bytes) -> bool:
    """Whether all go on answering. That one hasn't ended yet says nothing: ending takes its time on a busy machine. Nor
    does one line: somebody who listens needn't read yet, and may pass over what is gone again by then.
    """
    end = time.monotonic() + LIVES_S
    answers = [0] * len(tried)
    while min(answers) < ANSWERS and _are_running(tried) and time.monotonic() < end:
        time.sleep(ASKED_S)
        with contextlib.ExitStack() as strangers:
            for one in tried:
                with contextlib.suppress(OSError):
                    stranger = socket.create_connection(("127.0.0.1", one.port), 1)
                    strangers.enter_context(stranger).sendall(line)
            time.sleep(ASKED_S)
            answers = [heard + _answers(one.port) for heard, one in zip(answers, tried, strict=True)]
    return min(answers) >= ANSWERS and _are_running(tried)


def _are_running(tried: Sequence[_Tried]) -> bool:
    return all(one.process.poll() is None for one in tried)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as stranger:
        stranger.sendall(QUESTION)
        return stranger.recv(4096).startswith(b"SIP/2.0 200")
    return False


def _end(tried: subprocess.Popen[bytes]) -> None:
    """One whose worker has crashed may hang: it is killed."""
    tried.terminate()
    try:
        tried.wait(END_S)
    except subprocess.TimeoutExpired:
        os.killpg(tried.pid, signal.SIGKILL)
        tried.wait()


def _await_listener(port: int) -> None:
    """Until somebody listens. Raises OSError."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"the Kamailio that is tried on port {port} does not listen after {START_S} s")
