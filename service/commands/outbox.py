"""Numbers commands for a node's store, in the transaction that makes them true.

The node's row is locked up to the commit, so that number order is commit order. Every transaction that writes
to the ledger takes this lock before all others (`lock_node`): no two of them can wait for each other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

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


async def lock_node(conn: AsyncConnection, name: str) -> Node:
    """The first statement of every writing transaction. Raises UnknownNode."""
    columns = sa.select(nodes.c.id, nodes.c.epoch, nodes.c.last_command)
    row = (await conn.execute(columns.where(nodes.c.name == name).with_for_update())).first()
    if row is None:
        raise UnknownNode(name)
    return Node(row.id, row.epoch, row.last_command)


async def enqueue(
    conn: AsyncConnection,
    node: str,
    body: dict[str, Any],
    *,
    now_ms: int,
    account_id: int | None = None,
    amount_micros: int = 0,
) -> int:
    """Numbers one command for the node's present store and keeps it. `body` has `do` and its fields, no `n` or `epoch`.

    `account_id` and `amount_micros`: whose balance in the store it changes, and by how much, for the doctor.
    """
    numbering = sa.update(nodes).where(nodes.c.name == node).values(last_command=nodes.c.last_command + 1)
    row = (await conn.execute(numbering.returning(nodes.c.id, nodes.c.epoch, nodes.c.last_command))).first()
    if row is None:
        raise UnknownNode(node)
    number = int(row.last_command)
    await conn.execute(
        sa.insert(commands).values(
            node_id=row.id,
            number=number,
            epoch=row.epoch,
            body={**body, "epoch": row.epoch},
            account_id=account_id,
            amount_micros=amount_micros,
            created_ms=now_ms,
        )
    )
    return number
