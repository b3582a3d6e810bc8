"""What rules come to together."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.commission.rules import CHARGE
from service.database.commission_tables import commission_rules
from service.database.paths import is_below, path_ids
from service.database.tables import accounts


async def most_together(conn: AsyncConnection, earner: Row[Any]) -> int:
    """The most that a charge below could pay to all commission resellers on one way through this account, in millionths
    of a per cent, whichever rules hold: of each the greatest one of the charge itself.
    """
    steps = path_ids(earner.path)
    known = is_below(accounts.c.path, earner.path) | accounts.c.id.in_(steps)
    query = sa.select(accounts.c.id, accounts.c.parent_id, accounts.c.commission).where(known)
    rows = {row.id: row for row in await conn.execute(query.order_by(accounts.c.depth))}
    parts = await _greatest(conn, [row.id for row in rows.values() if row.commission])
    together: defaultdict[int, int] = defaultdict(int)
    for number, row in rows.items():
        if row.commission:
            together[number] = parts.get(number, 0) + together[row.parent_id]
    return max((sum_ for number, sum_ in together.items() if number not in steps[:-1]), default=0)


async def _greatest(conn: AsyncConnection, account_ids: list[int]) -> dict[int, int]:
    key = commission_rules.c.account_id
    of_charge = key.in_(account_ids) & (commission_rules.c.share_of == CHARGE)
    query = sa.select(key, sa.func.max(commission_rules.c.percent_millionths)).where(of_charge).group_by(key)
    return {number: int(most) for number, most in await conn.execute(query)}
