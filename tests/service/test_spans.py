"""What a report reads: days' sums as far as they go, and what else only where somebody called in the rest of a day."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from service.calls.sums import DAY_MS, HOUR_MS
from service.calls.traffic_api import AskedTraffic
from service.database.engine import reading
from service.reports.spans import Part, Span, Spans, spans_of
from tests.service.sums import scatter
from tests.service.test_money import House


async def test_a_day_in_which_nobody_calls_any_more_is_whole(
    engine: AsyncEngine, database: str, tmp_path: Path
) -> None:
    """For the operator as for everybody: most reports go to now, and what is beside the sums is hours or calls."""
    house = House(engine, database, tmp_path)
    await house.open()
    async with engine.begin() as conn:
        times = (DAY_MS + 4 * HOUR_MS, DAY_MS + 10 * HOUR_MS)
        await scatter(conn, random.Random(1), [house.ids["customer"]], [house.ids["carrier"]], times)
    whole, first = Span(DAY_MS, 2 * DAY_MS), Span(DAY_MS, DAY_MS + 5 * HOUR_MS)
    async with reading(engine) as conn:

        async def spans(depth: int, hours: int) -> Spans:
            account: Any = SimpleNamespace(kind="reseller", depth=depth)
            call: Any = SimpleNamespace(conn=conn)
            return await spans_of(call, "account", AskedTraffic(account, DAY_MS, DAY_MS + hours * HOUR_MS))

        assert [await spans(depth, 10) for depth in (0, 1)] == [Spans(whole, [], []), Spans(whole, [])]
        assert [await spans(depth, 5) for depth in (0, 1)] == [
            Spans(None, [], [Part(first, 1)]),
            Spans(None, [Part(first, 1)]),
        ]
