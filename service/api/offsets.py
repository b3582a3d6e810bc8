"""What a time zone's clocks are ahead of UTC by, over a span of time. Pure."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

_STEP = timedelta(days=7)
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
    found = [Offset(from_s, _offset_s(zone, from_s))]
    for at_s in range(from_s, until_s + int(_STEP.total_seconds()), int(_STEP.total_seconds())):
        if _offset_s(zone, at_s) != found[-1].seconds:
            found.append(_changed(zone, at_s - int(_STEP.total_seconds()), at_s))
    return tuple(reversed(found))


def _offset_s(zone: ZoneInfo, at_s: int) -> int:
    found = datetime.fromtimestamp(at_s, UTC).astimezone(zone).utcoffset()
    return int(found.total_seconds()) if found is not None else 0


def _changed(zone: ZoneInfo, before_s: int, after_s: int) -> Offset:
    """The moment between two at which the clocks are moved."""
    wanted = _offset_s(zone, after_s)
    while after_s - before_s > 1:
        middle_s = (before_s + after_s) // 2
        if _offset_s(zone, middle_s) == wanted:
            after_s = middle_s
        else:
            before_s = middle_s
    return Offset(after_s, wanted)
