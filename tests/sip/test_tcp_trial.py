"""TCP: a Kamailio that a stranger can end does not start with it, unless a firewall is said to be there."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kemi.tcp_trial import dies_of_a_line
from tests.sip.attacks.cases import Case, request
from tests.sip.proxy import Proxy

WITH_TCP = "#!define WITH_TCP\n"
FIREWALLED = "#!define KAMBILL_TCP_IS_FIREWALLED\n"
MUTE = r"""#!/usr/bin/python3
import re, socket, sys, time
port = re.search(r"tcp:127.0.0.1:(\d+)", open(sys.argv[2]).read())[1]
heard = socket.create_server(("127.0.0.1", int(port)))
time.sleep(60)
"""
KAMAILIO = shutil.which("kamailio") or "/usr/sbin/kamailio"


@pytest.fixture
def make() -> Iterator[Callable[[str], Proxy]]:
    """Proxies that end with the test."""
    made: list[Proxy] = []

    def proxy(local: str) -> Proxy:
        made.append(Proxy())
        made[-1].local = f"{local}listen=tcp:{made[-1].ip}:{made[-1].port}\n"
        return made[-1]

    yield proxy
    for one in made:
        one.close()


def test_an_exposed_listener_is_refused(make: Callable[[str], Proxy]) -> None:
    """It says why and what to do, and is gone."""
    if not dies_of_a_line(KAMAILIO):
        pytest.skip("this Kamailio has the fix")
    proxy = make(WITH_TCP)
    with pytest.raises(AssertionError, match="Kamailio has ended"):
        proxy.start()
    assert "KAMBILL_TCP_IS_FIREWALLED" in proxy.tail()


def test_a_harmless_line_ends_no_kamailio() -> None:
    """It goes on answering: only that shows that it lives."""
    assert not dies_of_a_line(KAMAILIO, b"\r\n\r\n")


def test_a_program_that_only_goes_on_running_does_not_live(tmp_path: Path) -> None:
    """As a busy machine's Kamailio that hasn't come to its end yet: it listens, and answers nothing."""
    mute = tmp_path / "kamailio"
    mute.write_text(MUTE)
    mute.chmod(0o755)
    assert dies_of_a_line(str(mute))


def test_behind_a_firewall_it_listens(make: Callable[[str], Proxy]) -> None:
    """An OPTIONS of the trunk over TCP is answered; a stranger's is not."""
    proxy = make(WITH_TCP + FIREWALLED)
    proxy.start()
    proxy.furnish()
    for host, answered in (("127.0.0.2", True), ("127.0.0.97", False)):
        with socket.create_connection((proxy.ip, proxy.port), 3, (host, 0)) as end:
            end.settimeout(1)
            port = end.getsockname()[1]
            via = f"SIP/2.0/TCP {host}:{port};branch=z9hG4bKtcp{port}"
            end.sendall(Case("tcp", request("OPTIONS", body="", Via=via)).sent_by(port, f"tcp{port}"))
            if answered:
                assert end.recv(4096).startswith(b"SIP/2.0 200 OK")
            else:
                with pytest.raises(TimeoutError):
                    end.recv(4096)


def test_without_tcp_nobody_listens() -> None:
    """The default."""
    proxy = Proxy()
    try:
        proxy.start()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((proxy.ip, proxy.port), 1)
    finally:
        proxy.close()
