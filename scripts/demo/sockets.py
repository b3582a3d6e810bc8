"""Addresses of this machine: is one free, is it listened on, who has it. Reads /proc, changes nothing."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from service.faults import Fault


class Address(NamedTuple):
    """Where something listens."""

    host: str
    port: int
    transport: str = "udp"

    def __str__(self) -> str:
        return f"{self.transport}:{self.host}:{self.port}"


class Taken(Fault):
    """An address of the demo is not to be had."""


def require_free(address: Address, what: str, remedy: str) -> None:
    """Raises Taken, with who has the address, if `what` can't have it."""
    kind = socket.SOCK_DGRAM if address.transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as probe:
        if address.transport == "tcp":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as fault:
            holders = sorted(_holders(address))
            more = f" and {len(holders) - 1} more" if len(holders) > 1 else ""
            holder = holders[0] + more if holders else fault.strerror
            raise Taken(f"{what} needs {address}, and can't have it ({holder}): {remedy}") from fault


def is_bound(address: Address) -> bool:
    """Whether somebody listens exactly there: what is left of connections that have ended is nobody."""
    wanted = (_as_in_proc(address.host), address.port)
    found = [one for one in _sockets(address.transport) if (one.host, one.port) == wanted]
    return any(address.transport == "udp" or one.state == _LISTENS for one in found)


def _as_in_proc(host: str) -> str:
    return f"{struct.unpack('=I', socket.inet_aton(host))[0]:08X}"


class _Socket(NamedTuple):
    """A line of /proc/net/tcp or udp."""

    host: str
    """In hex."""
    port: int
    state: str
    inode: str


_LISTENS = "0A"
"""Of TCP. A connection keeps its port for a minute when both sides have gone, in another state."""


def _sockets(transport: str) -> Iterator[_Socket]:
    """Each of IPv4."""
    for line in Path(f"/proc/net/{transport}").read_text().splitlines()[1:]:
        fields = line.split()
        host, _, port = fields[1].partition(":")
        yield _Socket(host, int(port, 16), fields[3], fields[9])


def _holders(address: Address) -> Iterator[str]:
    """The processes that have the port, as far as we may see."""
    hosts = {_as_in_proc(address.host), "00000000"}
    of_port = [one for one in _sockets(address.transport) if one.port == address.port]
    inodes = {f"socket:[{one.inode}]" for one in of_port if one.host in hosts}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(link.readlink()) in inodes for link in (process / "fd").iterdir()):
                yield f"{(process / 'comm').read_text().strip()}, pid {process.name}"
        except OSError:
            continue
