"""More comes than can be decided: new calls are refused then, so that those that run keep their time.

How late a message is looked at, is how many wait before it. A worker that has an INVITE asks the kernel how full the
queue is that it came out of, of the socket that it has from Kamailio: nothing is opened for that, and it takes half a
microsecond. From a share of the queue on new calls get 503, in all workers, until it is down to three fifths of that.

What processes share lies in memory of our own, made before the fork, as in `kemi.counters`.
"""

from __future__ import annotations

import mmap
import os
import socket
import stat
import struct
from collections.abc import Iterable
from ipaddress import ip_address

from kemi.clock import Now

SO_MEMINFO = 55
"""Of Linux, since 4.12: what a socket's messages take, and what they may. Python 3.11 has no name for it."""
_FILLED = struct.Struct("@II")
"""Bytes that wait, bookkeeping included, and how many may."""
SOCKETS_MAX = 256
"""Sockets that are looked at; new calls of further ones are never refused."""
PROCESSES_MAX = 1024
_COUNT = struct.Struct("@q")
PLACES = 131_072
"""INVITEs that are remembered: the later one of two that meet in one place."""
_REFUSED = struct.Struct("@qq")
"""The INVITE's hash; a second."""
_COUNTS = 1 + SOCKETS_MAX
_COUNTS += -_COUNTS % _COUNT.size
_PLACES = _COUNTS + PROCESSES_MAX * _COUNT.size
REMEMBERED_S = 32
"""An INVITE is repeated for so long (RFC 3261, 64*T1)."""
CALM_MS = 5_000
"""It is over when for so long nothing was refused."""

BEGAN = (
    "kambill: overload: more comes than can be decided: the queue of a socket is {} % full, new calls get 503 "
    "(docs/operations.md)"
)
OVER = "kambill: the overload is over: {} new calls got 503 in {} s"


class Overload:
    """Made before the fork; `join` in each process."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _PLACES + PLACES * _REFUSED.size)
        self._queues: dict[str, tuple[int, socket.socket]] = {}
        self._count_at = _COUNTS

    def join(self, rank: int, sockets: Iterable[str]) -> bool:
        """In a process: finds the sockets that it has from Kamailio, by their places (`transport:address:port`). False:
        none of those of UDP, or the kernel doesn't tell.
        """
        self._count_at = _COUNTS + rank % PROCESSES_MAX * _COUNT.size
        own = {place: at for at, place in enumerate(sockets) if place.startswith("udp:")}
        self._queues = {
            place: (1 + own[place], one)
            for place, one in _open_sockets().items()
            if place in own and own[place] < SOCKETS_MAX
        }
        return bool(self._queues)

    def is_full(self, place: str, percent: int) -> bool:
        """Whether new calls that come by one of our sockets are refused. `percent`: of its queue; 0: never. By a
        transport that has no queue of ours: if any other one is full, since the processors are the same.
        """
        if not (percent and self._queues):
            return False
        queue = self._queues.get(place) or self._named(place)
        if queue is None:
            return any(self._is_full(*one, percent) for one in self._queues.values())
        return self._is_full(*queue, percent)

    def _is_full(self, at: int, queue: socket.socket, percent: int) -> bool:
        waiting, size = _FILLED.unpack(queue.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, _FILLED.size))
        is_on = self._memory[at]
        full = bool(waiting * (500 if is_on else 100) > size * percent * (3 if is_on else 1))
        if full != is_on:
            self._memory[at] = full
        return full

    def _named(self, place: str) -> tuple[int, socket.socket] | None:
        """A queue by a place that is written otherwise; it is known by that from here on."""
        found = self._queues.get(_normal(place))
        if found is not None:
            self._queues[place] = found
        return found

    def percent(self) -> int:
        """How full the fullest queue is."""
        filled = [
            _FILLED.unpack(queue.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, _FILLED.size))
            for _, queue in self._queues.values()
        ]
        return max((waiting * 100 // size for waiting, size in filled), default=0)

    def refuse(self, invite: str, now: Now) -> None:
        """Counts an INVITE that was refused. `invite`: what it has in common with its repetitions."""
        (count,) = _COUNT.unpack_from(self._memory, self._count_at)
        _COUNT.pack_into(self._memory, self._count_at, count + 1)
        name = hash(invite)
        _REFUSED.pack_into(self._memory, _PLACES + name % PLACES * _REFUSED.size, name, now.boot_ms // 1000)
        self._memory[0] = 1

    def remembers(self) -> bool:
        """Whether an INVITE may be the repetition of one that was refused."""
        return bool(self._memory[0])

    def has_refused(self, invite: str, now: Now) -> bool:
        """Whether it is: its sender has given it up, and whoever it rang at would be alone."""
        name = hash(invite)
        known, second = _REFUSED.unpack_from(self._memory, _PLACES + name % PLACES * _REFUSED.size)
        return bool(known == name and now.boot_ms // 1000 - second < REMEMBERED_S)

    def forget(self) -> None:
        """Nothing was refused for as long as INVITEs are repeated."""
        self._memory[0] = 0

    @property
    def refused(self) -> int:
        """How many INVITEs were refused since Kamailio's start."""
        counts = self._memory[_COUNTS:_PLACES]
        return sum(count for (count,) in _COUNT.iter_unpack(counts))


class Watch:
    """Of the process that tells of it: once when it begins, once when it is over."""

    def __init__(self, overload: Overload) -> None:
        self._overload = overload
        self._seen = overload.refused
        self._began: tuple[int, int] | None = None
        """When, and how many had been refused before; None: there is none."""
        self._last_ms = 0

    def look(self, now: Now) -> str:
        """A line for the log; empty: nothing has changed."""
        refused, before = self._overload.refused, self._seen
        self._seen = refused
        if refused != before:
            self._last_ms = now.boot_ms
            if self._began is None:
                self._began = (now.boot_ms, before)
                return BEGAN.format(self._overload.percent())
        elif self._began is not None and now.boot_ms - self._last_ms >= CALM_MS:
            since_ms, first = self._began
            self._began = None
            return OVER.format(refused - first, (self._last_ms - since_ms) // 1000 + 1)
        elif self._last_ms and now.boot_ms - self._last_ms > REMEMBERED_S * 1000:
            self._last_ms = 0
            self._overload.forget()
        return ""


def _open_sockets() -> dict[str, socket.socket]:
    """The UDP sockets that this process has, by their places; under numbers of our own, so that nobody's is closed."""
    found: dict[str, socket.socket] = {}
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 -- names are numbers, not paths
        try:
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
        except OSError:
            continue  # closed meanwhile: the folder's own
        one = socket.socket(fileno=os.dup(int(name)))
        if place := _place_of(one):
            found[place] = one
    return found


def _place_of(one: socket.socket) -> str:
    """Where a UDP socket listens; empty: it is none, or its queue can't be asked for."""
    if one.type != socket.SOCK_DGRAM or one.family not in {socket.AF_INET, socket.AF_INET6}:
        return ""
    try:
        one.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, _FILLED.size)
        host, port = one.getsockname()[:2]
    except OSError:
        return ""
    return f"udp:{ip_address(host)}:{port}"


def _normal(place: str) -> str:
    """A place with its address as Python writes it, without brackets."""
    transport, _, rest = place.partition(":")
    host, _, port = rest.rpartition(":")
    try:
        return f"{transport}:{ip_address(host.strip('[]'))}:{port}"
    except ValueError:
        return place
