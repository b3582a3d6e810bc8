"""A wall clock that a test sets, for whatever runs beneath it; what measures durations goes on as it is."""

from __future__ import annotations

from pathlib import Path

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
FILE = "FAKETIME_TIMESTAMP_FILE"
_LEFT = ("faketime_shm_{}", "sem.faketime_sem_{}")

assert FAKETIME.exists(), "libfaketime is not installed: scripts/install --test"


class Clock:
    """The one that all processes see that are given `environment`."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.set(0)

    @property
    def environment(self) -> dict[str, str]:
        """Of whoever is to see it."""
        return {
            "LD_PRELOAD": str(FAKETIME),
            FILE: str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, offset_s: int) -> None:
        """So much ahead of the real one."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{offset_s:+d}\n")
        new.rename(self.file)


def forget(pid: int) -> None:
    """What is left of a process that ended without goodbye: the next one with its number would not start."""
    for left in _LEFT:
        Path("/dev/shm", left.format(pid)).unlink(missing_ok=True)
