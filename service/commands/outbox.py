"""Numbers commands for a node's store, in the transaction that makes them true.

The node's row is locked up to the commit, so that number order is commit order. Every transaction that writes
to the ledger takes this lock before all others (`lock_node`): no two of one node can wait for each other.

Locks have one order, so that those of several nodes don't either: the node's row (all of them by their ids), the
gateway that tells of a payment, the account (`lock_account`), balances as entries are posted, invoices and what
payments gave them, the audit's head.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.database.engine import is_sqlite
from service.database.tables import commands, nodes
from service.faults import Fault


class UnknownNode(Fault):
    """The ledger has no node of this name."""

    def __init__(self, node: str) -> None:
        super().__init__(f"node {node!r} is not in the ledger: start `kambill serve` with this configuration once")


class Node(NamedTuple):
    """A node's row, as locked."""

    id: int
    epoch: int
    """Of the store that commands are for; 0: none was seen yet."""
    last_command: int


async def ensure_node(conn: AsyncConnection, name: str) -> None:
    """Makes the node's row if there is none."""
    insert = sqlite.insert if is_sqlite(conn) else postgresql.insert
    await conn.execute(insert(nodes).values(name=name).on_conflict_do_nothing())


_TURNS: WeakKeyDictionary[AsyncEngine, asyncio.Lock] = WeakKeyDictionary()
"""Of each engine: its writers wait here, in their order, and not in a crowd before the node's lock."""


@asynccontextmanager
async def writing(engine: AsyncEngine, node: str) -> AsyncIterator[AsyncConnection]:
    """A transaction that holds the node's lock."""
    turn = _TURNS.setdefault(engine, asyncio.Lock())
    async with turn, engine.begin() as conn:
        await lock_node(conn, node)
        yield conn


async def lock_node(conn: AsyncConnection, name: str) -> Node:
    """The first statement of every writing transaction. Raises UnknownNode."""
    columns = sa.select(nodes.c.id, nodes.c.epoch, nodes.c.last_command)
    row = (await conn.execute(columns.where(nodes.c.name == name).with_for_update())).first()
    if row is None:
        raise UnknownNode(name)
    return Node(row.id, row.epoch, row.last_command)


class Command(NamedTuple):
    """What the store is to do, not yet numbered."""

    body: dict[str, Any]
    """`do` and its fields, without `n` and `epoch`."""
    account_id: int | None = None
    """Whose balance in the store it changes, for the doctor; None: nobody's."""
    amount_micros: int = 0
    """By how much."""


async def enqueue(
    conn: AsyncConnection,
    node: str,
    body: dict[str, Any],
    *,
    now_ms: int,
    account_id: int | None = None,
    amount_micros: int = 0,
) -> int:
    """Numbers one command for the node's present store and keeps it. Returns its number. Raises UnknownNode."""
    return await enqueue_all(conn, node, [Command(body, account_id, amount_micros)], now_ms=now_ms)


async def enqueue_all(conn: AsyncConnection, node: str, wanted: Sequence[Command], *, now_ms: int) -> int:
    """Numbers commands in their order. Returns the last number. Raises UnknownNode."""
    count = len(wanted)
    numbering = sa.update(nodes).where(nodes.c.name == node).values(last_command=nodes.c.last_command + count)
    row = (await conn.execute(numbering.returning(nodes.c.id, nodes.c.epoch, nodes.c.last_command))).first()
    if row is None:
        raise UnknownNode(node)
    last = int(row.last_command)
    if wanted:
        rows = [
            {
                "node_id": row.id,
                "number": number,
                "epoch": row.epoch,
                "body": {**command.body, "epoch": row.epoch},
                "account_id": command.account_id,
                "amount_micros": command.amount_micros,
                "created_ms": now_ms,
            }
            for number, command in enumerate(wanted, start=last - count + 1)
        ]
        await conn.execute(sa.insert(commands), rows)
    return last
