"""The processes that the demo starts, and their end: exactly these, with all that they started themselves."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from service.faults import Fault

STOP_S = 8.0
LOG_TAIL_CHARACTERS = 2000
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class Ended(Fault):
    """A process of the demo ended, or never came up."""


def _die_with_parent() -> None:
    """In the child: if the demo itself is killed, its processes end too."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """One process in a session of its own."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name, self.process, self.log = name, process, log

    def wait_until(self, what: Callable[[], bool], within_s: float) -> None:
        """Returns when `what` is true. Raises Ended with the end of the log."""
        end = time.monotonic() + within_s
        while not what():
            code = self.process.poll()
            if code is not None or time.monotonic() > end:
                how = f"not ready within {within_s:.0f} s" if code is None else f"ended with code {code}"
                raise Ended(f"{self.name}: {how}; the end of its log {self.log}:\n{self.tail()}")
            time.sleep(0.02)

    def ends_within(self, seconds: float) -> bool:
        """Waits for the process to end by itself; False: it has not."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def tail(self) -> str:
        """The end of the log."""
        return self.log.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:] if self.log.exists() else ""

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends the process and what it started."""
        for signum in (how, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signum)
            try:
                self.process.wait(STOP_S)
                break
            except subprocess.TimeoutExpired:
                continue


class Children:
    """All of them; leaving the `with` ends them, the last started first."""

    def __init__(self) -> None:
        self._running: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in reversed(self._running):
            child.stop()
        self._running.clear()

    def start(self, name: str, command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None) -> Child:
        """Starts a program; standard output and error go to `log`."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as sink:
            process = subprocess.Popen(
                [str(word) for word in command],
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 -- the demo has no threads
            )
        child = Child(name, process, log)
        self._running.append(child)
        return child

    def stop(self, child: Child, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends one before the others."""
        child.stop(how)
        self._running.remove(child)

    def ended(self) -> Child | None:
        """One that ended by itself, if any did."""
        return next((child for child in self._running if child.process.poll() is not None), None)
