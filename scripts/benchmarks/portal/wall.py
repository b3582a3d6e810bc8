"""What o'clock it is for the service: reports of today add up or take out as many hours as it is from midnight."""

from __future__ import annotations

import time
from unittest import mock

from scripts.benchmarks.portal.plan import DAY_MS, HOUR_MS

HOUR = 11
"""From here on until noon the most is taken out of a day's sums: the ledger has calls of the whole day."""


def shift_ms(hour: int, now_ms: int) -> int:
    """From a moment to an hour's beginning on the same day, UTC."""
    return now_ms // DAY_MS * DAY_MS + hour * HOUR_MS - now_ms


def move(by_ms: int) -> None:
    """Moves this process's wall clock, whoever asks for it from now on."""
    real_ns = time.time_ns

    def moved_ns() -> int:
        return real_ns() + by_ms * 1_000_000

    mock.patch.object(time, "time_ns", moved_ns).start()
