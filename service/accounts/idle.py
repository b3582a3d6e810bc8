"""Whether an account is at rest: nothing runs below it, nothing is on its way between store and ledger."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from kemi.store.environment import StoreAbsent, snapshot_of
from kemi.store.layout import Account
from service.config import Config
from service.database.tables import commands, nodes, operations

SOON = "try again in a second"


class _Seen(NamedTuple):
    """What the store says of one account."""

    epoch: int
    applied_command: int
    account: Account | None


def _look(config: Config, account_id: int) -> _Seen | None:
    try:
        with snapshot_of(config.run_dir) as snapshot:
            return _Seen(snapshot.epoch, snapshot.applied_command, snapshot.account(account_id))
    except StoreAbsent:
        return None


async def why_not_idle(conn: AsyncConnection, config: Config, account: Row[Any]) -> str | None:
    """What keeps an account with a balance of nothing from being closed; None: nothing. Holds under the node's lock."""
    asked = (operations.c.account_id == account.id) | (operations.c.to_account_id == account.id)
    waiting = sa.select(operations.c.id).where(asked & (operations.c.state == "asked")).limit(1)
    if (await conn.execute(waiting)).first() is not None:
        return "a refund or a transfer waits for the call path: let it end, or cancel it"
    seen = await asyncio.to_thread(_look, config, account.id)
    if seen is None or seen.account is None:
        return None
    if seen.account.is_active:
        return f"its calls are not stopped yet: suspend it first, or {SOON}"
    if seen.account.channels or seen.account.held:
        return f"{seen.account.channels} calls of it are running: they end, or can be cut"
    if seen.account.balance or await _are_coming(conn, config, account.id, seen):
        return f"its last calls and payments are on their way to the books: {SOON}"
    return None


async def _are_coming(conn: AsyncConnection, config: Config, account_id: int, seen: _Seen) -> bool:
    """Whether commands that move the account's balance have not reached the store."""
    here = (commands.c.account_id == account_id) & (commands.c.number > seen.applied_command)
    query = sa.select(commands.c.number).join(nodes, nodes.c.id == commands.c.node_id)
    where = here & (nodes.c.name == config.node) & (commands.c.epoch == seen.epoch)
    return (await conn.execute(query.where(where).limit(1))).first() is not None
