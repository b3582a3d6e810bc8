"""`kambill doctor`: does everything add up, on the running system?"""

from __future__ import annotations

import asyncio

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from kemi.clock import Now
from service.config import Config
from service.database.engine import reading
from service.doctor import (
    billing,
    checks,
    commissions,
    corrections,
    numbers,
    packages,
    statements,
    sums,
    taxes,
    terms,
)
from service.doctor.evidence import Check, Report, read_ledger, read_store
from service.start import open_ledger

__all__ = ["Report", "of_ledger", "of_system", "run"]


async def run(config: Config, now_ms: int, boot_ms: int, *, whole: bool = False) -> Report:
    """As `of_system`, for who has no engine yet."""
    async with open_ledger(config, now_ms) as engine:
        return await of_system(engine, config, Now(boot_ms, now_ms), whole=whole)


async def of_system(engine: AsyncEngine, config: Config, now: Now, *, whole: bool = False) -> Report:
    """Looks at the store once and at the ledger once, and compares. Changes nothing. `whole`: what `sums` looks at in
    turns otherwise, too.
    """
    store = await asyncio.to_thread(read_store, config)
    async with reading(engine) as conn:
        ledger = await read_ledger(conn, config, store)
        found = await of_ledger(conn, now.wall_ms, whole=whole)
    between = await asyncio.to_thread(checks.events_between, config, store, ledger)
    found += checks.of_store(store, ledger, between, now.boot_ms)
    return Report(all(check.ok for check in found), found)


async def of_ledger(conn: AsyncConnection, now_ms: int, *, whole: bool = False) -> list[Check]:
    """Everything that the ledger says alone."""
    return [
        await checks.conservation(conn),
        await checks.batches(conn),
        await corrections.explained(conn),
        await billing.invoiced(conn),
        await numbers.gapless(conn),
        await statements.stated(conn),
        await terms.without_terms(conn),
        await terms.misplaced(conn),
        await packages.explained(conn),
        await commissions.explained(conn),
        await taxes.explained(conn, now_ms),
        await sums.agree(conn, now_ms, whole=whole),
        await checks.trail(conn),
    ]
