"""Time as a value: what is measured and what is shown. Everything else takes `Now` as a parameter."""

from __future__ import annotations

import time
from typing import NamedTuple


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
    return Now(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000, time.time_ns() // 1_000_000)


def boot_id() -> str:
    """Names this boot of the machine: boot times of two different ones can't be compared."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123 -- read once, by the clerk
        return file.read().strip()
