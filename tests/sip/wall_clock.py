"""A wall clock that a test sets, for whatever runs beneath it; what measures durations goes on as it is."""

from __future__ import annotations

from pathlib import Path

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
FILE = "FAKETIME_TIMESTAMP_FILE"
_LEFT = ("faketime_shm_*", "sem.faketime_sem_*")
"""Of whoever ends without saying goodbye to libfaketime: the next process with its number would not start."""

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


def sweep() -> None:
    """What nobody uses, also of runs that were killed: numbers come again."""
    for file in (file for left in _LEFT for file in Path("/dev/shm").glob(left)):
        if not Path("/proc", file.name.rpartition("_")[2]).exists():
            file.unlink(missing_ok=True)
