"""What providers were paid for attempts of calls: records of their own, found again by the calls' attempts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from kemi.store.queues import ATTEMPT
from service.calls.attempts import Attempt, attempts_of
from service.database.among import among
from service.database.tables import cdrs


class Fee(NamedTuple):
    """Of one attempt."""

    provider_id: int
    micros: int
    currency: str


class Fees:
    """Those of some calls."""

    def __init__(self, found: dict[tuple[str, int, int], Fee]) -> None:
        self._found = found

    def of(self, call: Row[Any], attempt: Attempt) -> Fee | None:
        """Of an attempt of a call's; None: it has no record of its own, as the one that its call ended with."""
        return self._found.get((call.call_id, attempt.gateway_id, attempt.start_ms))


NO_FEES = Fees({})


async def fees_of(conn: AsyncConnection, calls: Sequence[Row[Any]]) -> Fees:
    """Nothing is looked up where no gateway was left for another one."""
    moments = {one.start_ms for row in calls for one in [*attempts_of(row.attempts)][:-1] if one.gateway_id}
    if not moments:
        return NO_FEES
    columns = (cdrs.c.call_id, cdrs.c.gateway_id, cdrs.c.start_ms)
    paid = (cdrs.c.cost_account_id, cdrs.c.cost_micros, cdrs.c.cost_currency)
    query = sa.select(*columns, *paid).where(among(conn, cdrs.c.start_ms, moments), cdrs.c.kind == ATTEMPT)
    return Fees({(name, gateway, at_ms): Fee(*fee) for name, gateway, at_ms, *fee in await conn.execute(query)})
