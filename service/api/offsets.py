"""What a time zone's clocks are ahead of UTC by, over a span of time. Pure."""

from __future__ import annotations

import functools
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ratebook.clocks import DAY_S, changed_s, offset_s

_STEP_S = 7 * DAY_S
"""No zone's clocks are moved twice within it."""


class Offset(NamedTuple):
    """A zone's distance from UTC, from a moment on."""

    from_s: int
    seconds: int

    @property
    def text(self) -> str:
        """As ISO 8601 has it."""
        minutes = abs(self.seconds) // 60
        return f"{'-' if self.seconds < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"


@functools.lru_cache(maxsize=256)
def offsets(zone: ZoneInfo, from_s: int, until_s: int) -> tuple[Offset, ...]:
    """Those that a zone has in a span of time, the latest first; the earliest holds before it, too."""
    found = [Offset(from_s, offset_s(zone, from_s))]
    for at_s in range(from_s, until_s + _STEP_S, _STEP_S):
        if (ahead_s := offset_s(zone, at_s)) != found[-1].seconds:
            found.append(Offset(changed_s(zone, at_s - _STEP_S, at_s), ahead_s))
    return tuple(reversed(found))
