"""Time as a value: what is measured and what is shown. Everything else takes `Now` as a parameter."""

from __future__ import annotations

import time
from typing import NamedTuple

_clock_ns, _wall_ns, _BOOTTIME = time.clock_gettime_ns, time.time_ns, time.CLOCK_BOOTTIME


class Now(NamedTuple):
    """One moment on both clocks, in milliseconds."""

    boot_ms: int
    """CLOCK_BOOTTIME: every duration and deadline. Nobody can set it; it starts anew at each boot."""
    wall_ms: int
    """Since 1970, UTC: for display, for rates' dates, and to carry a call over a reboot."""

    @property
    def wall_s(self) -> int:
        """Wall-clock time in whole seconds."""
        return self.wall_ms // 1000


def now() -> Now:
    """This moment."""
    moment = _clock_ns(_BOOTTIME) // 1_000_000, _wall_ns() // 1_000_000
    return tuple.__new__(Now, moment)


def boot_id() -> str:
    """Names this boot of the machine: boot times of two different ones can't be compared."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123 -- read once, by the clerk
        return file.read().strip()
