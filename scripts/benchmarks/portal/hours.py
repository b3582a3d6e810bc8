"""The operator's sums by the hour, which came when ledgers stood already: these get them as an operator's ledger does.

Apart from the makers of what else is in a ledger: by what those say its folder is known.
"""

from __future__ import annotations

from importlib import import_module

import sqlalchemy as sa

from service.calls.sums import HOURLY
from service.config import Config
from service.database.engine import open_engine
from service.database.traffic_tables import call_sums
from service.ledger.rules import ROOT_ID

_MIGRATION = "service.database.migrations.versions.0064_hours_of_operator"


async def add_hours(config: Config) -> None:
    """To a ledger that was filled after its migrations; one that has them is left alone."""
    engine = open_engine(config.database_url)
    hourly = (call_sums.c.account_id == ROOT_ID) & (call_sums.c.dimension == HOURLY["account"])
    first = sa.select(sa.func.min(call_sums.c.span_ms)).where(hourly)
    async with engine.begin() as conn:
        if (await conn.execute(first)).scalar() is None:
            await conn.run_sync(import_module(_MIGRATION).add_up)
    await engine.dispose()
