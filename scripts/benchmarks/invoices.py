"""How long a billing run takes: a month's calls, an invoice an account, on SQLite, papers not made."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import sqlalchemy as sa

from scripts.benchmarks.month import END_MS, month_of, write_accounts, write_calls
from service.billing.run import run
from service.config import Config
from service.database.billing_tables import invoice_calls, invoice_lines, taxes
from service.database.engine import reading
from service.ledger.by import By
from service.start import open_ledger

LIMIT_S = 120
"""Of 10,000 invoices of 1,000,000 calls."""


def bench(folder: Path, accounts: int, calls: int) -> int:
    """Prints what it took; 1: longer than the limit."""
    return asyncio.run(_bench(folder, accounts, calls))


async def _bench(folder: Path, accounts: int, calls: int) -> int:
    config = Config(run_dir=folder / "run", data_dir=folder, ratebook=folder / "ratebook")
    month = month_of(accounts, 0)
    async with open_ledger(config, END_MS) as engine:
        await write_accounts(engine, config, month)
        async with engine.begin() as conn:
            vat = {"name": "VAT", "category": "S", "services": [], "everybody": True}
            await conn.execute(sa.insert(taxes).values(account_id=1, percent_millionths=19_000_000, **vat))
        await write_calls(engine, month, calls)
        began_s, used_s = time.monotonic(), time.process_time()
        done = await run(engine, config, By("bench"), END_MS)
        seconds = round(time.monotonic() - began_s, 1)
        cpu_s = round(time.process_time() - used_s, 1)
        async with reading(engine) as conn:
            counts = [
                (await conn.execute(sa.select(sa.func.count()).select_from(table))).scalar_one()
                for table in (invoice_lines, invoice_calls)
            ]
    told: dict[str, float] = {
        "invoices": len(done.invoice_ids),
        "lines": counts[0],
        "calls": counts[1],
        "seconds": seconds,
    }
    told["cpu_seconds"] = cpu_s
    print(json.dumps(told), flush=True)
    return int(seconds > LIMIT_S * calls / 1_000_000)
