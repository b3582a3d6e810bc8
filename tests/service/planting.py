"""Accounts for tests that need no more than a tree."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from service.accounts.changes import insert
from service.accounts.storage import find_account
from service.commands.outbox import lock_node


async def plant(conn: AsyncConnection, specs: Sequence[tuple[str, str, str]], now_ms: int, *, agents: str = "") -> None:
    """Name, parent's name and kind of each; each parent first. `agents`: names of commission resellers."""
    await lock_node(conn, "local")
    for name, parent, kind in specs:
        values = {
            "name": name,
            "kind": kind,
            "currency": "EUR",
            "billing": "prepaid",
            "commission": name in agents.split(),
        }
        await insert(conn, "local", await find_account(conn, parent), values, now_ms)
