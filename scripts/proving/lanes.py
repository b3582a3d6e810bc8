"""Lanes of stages beside each other: what waits in one leaves the processors to the others; no failure hides another.

The stages of a lane run one after the other, also after one that failed: a run tells all that is wrong. What a stage
wrote is printed when it ends, whole.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from scripts.proving.failures import end_of

_PR_SET_CHILD_SUBREAPER = 36
"""linux/prctl.h."""
_LIBC = ctypes.CDLL(None)
STOP_S = 20.0
"""So long has a test that is broken off for putting its things away."""


class Stage(NamedTuple):
    """Commands, each of which begins only after the one before has succeeded."""

    name: str
    commands: Sequence[Sequence[str]]


class Outcome(NamedTuple):
    """What became of a stage."""

    name: str
    code: int
    """Zero, or that of the command that failed; less than zero: the signal that ended it."""
    wall_s: float
    cpu_s: float
    """Of the stage's processes and of those that they waited for."""
    log: Path
    """What it wrote."""


class _Running(NamedTuple):
    stage: Stage
    left: list[Sequence[str]]
    then: list[Stage]
    log: Path
    began_s: float
    cpu_s: float


class Lanes:
    """What runs, by its process; ended with all that it started when the `with` is left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[int, _Running] = {}
        self.others_cpu_s = 0.0
        """Of what stages left in the background, as PostgreSQL's starter and Chromium do, and of what that started."""

    def __enter__(self) -> Self:
        if _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
            raise OSError("processes in the background can't be waited for")
        return self

    def __exit__(self, *_: object) -> None:
        self._signal(signal.SIGINT)
        end_s = time.monotonic() + STOP_S
        while self._are_alive() and time.monotonic() < end_s:
            time.sleep(0.05)
        self._signal(signal.SIGKILL)
        for running in self._running.values():
            _broken_off(running)
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)

    def _signal(self, how: signal.Signals) -> None:
        """To what still runs, and to all that it started."""
        for pid in self._running:
            with suppress(ProcessLookupError):
                os.killpg(pid, how)

    def _are_alive(self) -> bool:
        return any(os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None for pid in self._running)

    def run(self, *lanes: Sequence[Stage]) -> Iterator[Outcome]:
        """Each stage's outcome as it ends, its log printed by then."""
        for stages in lanes:
            self._begin(list(stages))
        while self._running:
            pid, status, usage = os.wait4(-1, 0)
            cpu_s = usage.ru_utime + usage.ru_stime
            running = self._running.pop(pid, None)
            if running is None:
                self.others_cpu_s += cpu_s
                continue
            running = running._replace(cpu_s=running.cpu_s + cpu_s)
            code = os.waitstatus_to_exitcode(status)
            if running.left and code == 0:
                self._start(running)
                continue
            yield _told(running, code)
            self._begin(running.then)

    def _begin(self, stages: list[Stage]) -> None:
        if stages:
            stage, *then = stages
            log = self._folder / f"{stage.name}.log"
            self._start(_Running(stage, list(stage.commands), then, log, time.monotonic(), 0.0))

    def _start(self, running: _Running) -> None:
        """Its next command, in a session of its own."""
        command, *left = running.left
        into = (os.POSIX_SPAWN_OPEN, 1, str(running.log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        program = shutil.which(command[0]) or command[0]
        actions = [into, (os.POSIX_SPAWN_DUP2, 1, 2)]
        pid = os.posix_spawn(program, list(command), os.environ, file_actions=actions, setsid=True)
        self._running[pid] = running._replace(left=left)


def _told(running: _Running, code: int) -> Outcome:
    found = Outcome(running.stage.name, code, time.monotonic() - running.began_s, running.cpu_s, running.log)
    how = "ok" if code == 0 else f"FAILED with {code}"
    print(f"== {found.name}: {how} after {found.wall_s:.0f} s, {found.cpu_s:.0f} s of a processor", flush=True)
    sys.stdout.write(running.log.read_text(errors="replace"))
    sys.stdout.flush()
    return found


def _broken_off(running: _Running) -> None:
    """Who is interrupted says where it was."""
    print(f"== {running.stage.name}: broken off after {time.monotonic() - running.began_s:.0f} s")
    print(*end_of(running.log.read_text(errors="replace")), sep="\n", flush=True)
