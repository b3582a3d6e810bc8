"""One person who asks, on one connection, and what each answer took: on the clock, and of the processors."""

from __future__ import annotations

import http.client
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from scripts.benchmarks.portal.people import Person

HOST, PORT = "127.0.0.1", 27072
READ_BYTES = 1 << 20
_TIMEOUT_S = 60
"""The service gives up what takes half of that."""
NO_ANSWER = 0
"""A status."""


class Took(NamedTuple):
    """Milliseconds of one answer."""

    wall: float
    cpu: float
    """Of the service, and of the database's processes."""


class Processes:
    """Those that do the work."""

    def __init__(self, service: int, database: int | None) -> None:
        self._service = service
        self._database = database

    def cpu_ns(self) -> int:
        """What they have used so far, all threads."""
        found = 0
        for pid in [self._service, *(_with_children(self._database) if self._database else [])]:
            for stat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                try:
                    found += int(stat.read_text().split()[0])
                except OSError:
                    continue  # it has ended
        return found if self._database is None else found + _ended_ns(self._database)

    def memory_kib(self) -> int:
        """What the service holds of its own: pages of the ledger's file are the system's."""
        status = Path(f"/proc/{self._service}/status").read_text()
        return int(status.split("RssAnon:")[1].split()[0])


def _with_children(pid: int) -> list[int]:
    """A server and its processes, without looking at all that there are: it is asked before and after each answer."""
    return [pid, *(int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def _ended_ns(pid: int) -> int:
    """What processes of a server have used that have ended, as those beside a statement: in steps of 10 ms or so."""
    told = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    user, system = (int(one) for one in told[13:15])
    return (user + system) * (1_000_000_000 // os.sysconf("SC_CLK_TCK"))


def _connection() -> http.client.HTTPConnection:
    return http.client.HTTPConnection(HOST, PORT, timeout=_TIMEOUT_S)


class Asker:
    """Somebody's connection."""

    def __init__(self, person: Person, processes: Processes) -> None:
        self.person = person
        self.processes = processes
        self._connection = _connection()

    def _sent(self, path: str) -> http.client.HTTPResponse:
        session = self.person.session
        self._connection.request(
            "GET", path, headers={"Cookie": f"kambill_session={session}", "Authorization": f"Bearer {session}"}
        )
        return self._connection.getresponse()

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body; NO_ANSWER: it didn't come in time."""
        try:
            answer = self._sent(path)
            return answer.status, answer.read()
        except TimeoutError:
            self._connection.close()
            self._connection = _connection()
            return NO_ANSWER, b"{}"

    def timed(self, path: str) -> tuple[int, Took]:
        """Status, and what the answer took to its last byte."""
        used, started = self.processes.cpu_ns(), time.perf_counter()
        status, _ = self.get(path)
        wall = time.perf_counter() - started
        used = max(0, self.processes.cpu_ns() - used)  # a process of the database may have ended, and its time with it
        return status, Took(wall * 1000, used / 1e6)

    def parts(self, path: str) -> Iterator[bytes]:
        """A long body while it comes."""
        answer = self._sent(path)
        if answer.status != http.client.OK:
            raise RuntimeError(f"{path}: {answer.status} {answer.read()[:200]!r}")
        while part := answer.read(READ_BYTES):
            yield part
