"""Ports that tests are given: to nobody else, whether they listen there already or not."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from scripts.benchmarks import ports
from scripts.benchmarks.ports import free_port

ASKS = """
import sys
from scripts.benchmarks import ports
ports.OURS = range(int(sys.argv[1]), int(sys.argv[1]) + 1)
ports.free_port()
"""


def test_a_port_is_of_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything listens there; another process looks elsewhere, and says so where there is nothing else."""
    port = free_port()
    monkeypatch.setattr(ports, "OURS", range(port, port + 1))
    with pytest.raises(OSError, match="is free"):
        free_port()
    asked = [sys.executable, "-c", ASKS, str(port)]
    assert b"is free" in subprocess.run(asked, check=False, capture_output=True).stderr


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_that_somebody_has_is_not_given(monkeypatch: pytest.MonkeyPatch, kind: socket.SocketKind) -> None:
    """On one address of this machine, UDP or TCP."""
    with socket.socket(socket.AF_INET, kind) as theirs:
        theirs.bind(("127.0.0.1", 0))
        port = theirs.getsockname()[1]
        monkeypatch.setattr(ports, "OURS", range(port, port + 1))
        with pytest.raises(OSError, match="is free"):
            free_port()


def test_names_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run asks for more ports than a process may have files."""
    monkeypatch.setattr(ports, "KEPT_MAX", 3)
    monkeypatch.setattr(ports, "_kept", type(ports._kept)())
    assert len({free_port() for _ in range(10)}) >= 8
    assert len(ports._kept) == 3
    for name in ports._kept:
        name.close()
