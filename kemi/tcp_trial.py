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
from pathlib import Path

LINE = b"MSRP a\r\n-------a+\r\n"
"""A transaction without a method: upstream's fix is 045bf283c0."""
START_S, LIVES_S, END_S = 5.0, 2.0, 5.0
CONFIG = """debug=-2
log_stderror=yes
disable_core_dump=yes
listen=tcp:127.0.0.1:{port}
children=1
tcp_children=1
request_route {{ drop; }}
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


def dies_of_a_line(kamailio: str) -> bool:
    """Whether a Kamailio is ended by the line. Raises OSError if it can't be tried."""
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
            _send(port)
            with contextlib.suppress(subprocess.TimeoutExpired):
                tried.wait(LIVES_S)
        finally:
            has_ended = not _ends(tried)
        return has_ended


def _ends(tried: subprocess.Popen[bytes]) -> bool:
    """Whether a Kamailio that lives ends when it is told to. One whose worker has crashed may hang: it is killed."""
    if tried.poll() is not None:
        return False
    tried.terminate()
    try:
        tried.wait(END_S)
    except subprocess.TimeoutExpired:
        os.killpg(tried.pid, signal.SIGKILL)
        tried.wait()
        return False
    return True


def _send(port: int) -> None:
    """The line, as soon as somebody listens. Raises OSError."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 1) as stranger:
            stranger.sendall(LINE)
            time.sleep(0.25)
            return
        time.sleep(0.05)
    raise TimeoutError(f"the Kamailio that is tried on port {port} does not listen after {START_S} s")
