"""Processes of Kamailio's that take turns: one runs at a time, and each may be stopped wherever another one's work can
show: before and behind a transaction of the store, at a look into it, at a call of Kamailio's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any

import pytest

from kemi.store import environment
from kemi.store.change import Change
from tests.waiting import PATIENCE_S

WAIT_S = PATIENCE_S
"""Nothing here takes so long: whoever waits for it hangs."""


class Hangs(AssertionError):
    """Everybody waits for somebody else."""


class Turns:
    """Runs some processes by a schedule. `wanted`: who goes on at each stop; where that one can't, and behind the last
    of these, the first one that can does.
    """

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = iter(wanted)
        self._gone: dict[str, bool] = {}
        self._waits: dict[str, Callable[[], bool]] = {}
        self._gates: dict[str, threading.Semaphore] = {}
        self._faults: list[BaseException] = []
        self._own = threading.local()
        self.path: list[str] = []
        """Who went on at each stop."""

    def run(self, processes: dict[str, Callable[[], None]]) -> None:
        """All of them, to their ends."""
        self._gone = dict.fromkeys(processes, False)
        self._waits = dict.fromkeys(processes, lambda: True)
        self._gates = {name: threading.Semaphore(0) for name in processes}
        threads = [threading.Thread(target=self._go, args=one, daemon=True) for one in processes.items()]
        for thread in threads:
            thread.start()
        self._gates[self._next()].release()
        for thread in threads:
            thread.join(WAIT_S)
        if self._faults:
            raise self._faults[0]
        assert all(self._gone.values()), self.path

    def stop(self, until: Callable[[], bool] = lambda: True) -> None:
        """Others may go on here; this one when it is chosen, and `until` says so. Not inside a transaction."""
        name = self.name
        if not name or getattr(self._own, "writes", False):
            return
        self._waits[name] = until
        following = self._next()
        if following != name:
            self._gates[following].release()
            self._await(name)

    def writes(self, *, begins: bool) -> None:
        """A transaction of the process at work begins or has ended."""
        self._own.writes = begins

    @property
    def name(self) -> str:
        """Of the process at work; empty: none of these."""
        return getattr(self._own, "name", "")

    def _go(self, name: str, work: Callable[[], None]) -> None:
        self._own.name = name
        try:
            self._await(name)
            work()
            self._gone[name] = True
            if not all(self._gone.values()):
                self._gates[self._next()].release()
        except BaseException as fault:  # noqa: BLE001 -- told by `run`
            self._faults.append(fault)
            for gate in self._gates.values():
                gate.release()

    def _await(self, name: str) -> None:
        if not self._gates[name].acquire(timeout=WAIT_S) or self._faults:
            raise Hangs(self.path)

    def _next(self) -> str:
        able = [name for name, gone in self._gone.items() if not gone and self._waits[name]()]
        if not able:
            raise Hangs(self.path)
        wanted = next(self._wanted, "")
        self.path.append(wanted if wanted in able else able[0])
        return self.path[-1]


def take_turns(monkeypatch: pytest.MonkeyPatch, store: Any, turns: Turns) -> None:
    """Every look into a store and every transaction of it is a stop of these."""
    begin_read, begin_write, end = store.env.begin, partial(store.env.begin, write=True), Change.__exit__

    def read() -> Any:
        turns.stop()
        return begin_read()

    def write() -> Any:
        turns.stop()
        turns.writes(begins=True)
        return begin_write()

    def exit_(
        change: Change, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end(change, kind, error, trace)
        turns.writes(begins=False)
        turns.stop()

    assert isinstance(store, environment.HotStore)
    monkeypatch.setattr(store, "read", read)
    monkeypatch.setattr(store, "write", write)
    monkeypatch.setattr(Change, "__exit__", exit_)
