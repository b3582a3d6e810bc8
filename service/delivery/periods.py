"""When files are cut. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

HOUR_MS = 3_600_000
LOOK_MS = 30_000
"""How often it is looked whether there are enough calls."""


def next_cut_ms(period: str, zone: str, after_ms: int) -> int:
    """The first border behind a moment: a full hour or midnight in the zone; of `calls` the next look."""
    if period == "calls":
        return after_ms + LOOK_MS
    local = datetime.fromtimestamp(after_ms // 1000, UTC).astimezone(ZoneInfo(zone))
    if period == "daily":
        day = local.date() + timedelta(days=1)
        return int(datetime(day.year, day.month, day.day, tzinfo=local.tzinfo).timestamp()) * 1000
    offset = local.utcoffset()
    shift_ms = 0 if offset is None else int(offset.total_seconds()) * 1000
    return (after_ms + shift_ms) // HOUR_MS * HOUR_MS + HOUR_MS - shift_ms
