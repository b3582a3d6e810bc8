"""Ports for what tests and benches start: nobody else is given one between its finding and its use."""

from __future__ import annotations

import errno
import random
import socket
from collections import deque

OURS = range(20_000, 27_000)
"""Below those that Linux gives to whoever names none, and not among those that benches name."""
KEPT_MAX = 200
"""The oldest ones are long in use, or no more."""
_kept: deque[socket.socket] = deque()
"""The names of this process's ports; they go with it."""


def free_port() -> int:
    """A port that nobody has, neither UDP nor TCP, and that no other process with this function is given."""
    for port in random.sample(OURS, len(OURS)):
        if _keep(port) and _is_free(port):
            return port
    raise OSError(errno.EADDRNOTAVAIL, f"none of the ports {OURS.start} to {OURS.stop - 1} is free")


def _keep(port: int) -> bool:
    """Whether it is ours now: abstract names are of a network namespace, as ports are."""
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0kambill-port-{port}")
    except OSError:
        name.close()
        return False
    _kept.append(name)
    if len(_kept) > KEPT_MAX:
        _kept.popleft().close()
    return True


def _is_free(port: int) -> bool:
    """On every address of this machine."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("", port))
            except OSError:
                return False
    return True
