"""What a partner and we owe each other now: the books, the call path, what is on no statement yet."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, NamedTuple

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from kemi.store.environment import StoreAbsent, snapshot_of
from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.values import Money, Told
from service.database.interconnect_tables import disputes, statement_settlements, statements
from service.interconnect.disputes.rules import CLOSED
from service.interconnect.statements.sums import Wanted, sums_of
from service.ledger.storage import balance_of

EVER_MS = 1 << 62
"""Of calls that have ended by any clock."""


class PositionView(Told):
    """Both directions, netted."""

    account_id: int
    currency: str
    net: Annotated[Money, Field(description="In the books; positive: we owe the partner")]
    held_in: Annotated[Money, Field(description="That the partner's running calls hold of it")]
    held_out: Annotated[Money, Field(description="Costs of our running calls, held against the limit")]
    exposure_limit: Annotated[Money | None, Field(description="What may be owed to it; null: any amount")]
    room_out: Annotated[Money | None, Field(description="What more may come to be owed to it; null: any amount")]
    room_in: Annotated[Money, Field(description="What a new call of its own may take, credit included")]
    ours: Annotated[Money, Field(description="It owes us, of calls that are on no statement yet")]
    theirs: Annotated[Money, Field(description="It is owed, likewise")]
    adjusted: Annotated[Money, Field(description="It owes us more by disputes and commitments, likewise")]
    unsettled: Annotated[Money, Field(description="Net of the statements that are not settled; positive: it pays us")]
    disputed: Annotated[Money, Field(description="In disputes that are not closed")]
    live: Annotated[bool, Field(description="false: the call path doesn't know the account; only the books speak")]


class _Now(NamedTuple):
    """Of the store."""

    held: int
    available: int
    held_out: int


def _look(run_dir: Path, account_id: int) -> _Now | None:
    """None: there is no store, or it doesn't know the account."""
    try:
        with snapshot_of(run_dir) as snapshot:
            account = snapshot.account(account_id)
            held_out = snapshot.exposures().get(account_id, 0)
            return None if account is None else _Now(account.held, account.available, held_out)
    except StoreAbsent:
        return None


async def show_position(call: Call) -> Answer:
    """By this net both limits count: what may be owed to it, and what it may owe."""
    row = call.row
    now = await asyncio.to_thread(_look, call.api.config.run_dir, row.id)
    net = await balance_of(call.conn, row.id, row.currency)
    sums = await sums_of(call.conn, Wanted(row.id, row.currency, EVER_MS))
    held_out = 0 if now is None else now.held_out
    limit = row.exposure_limit_micros
    return Answer(
        PositionView(
            account_id=row.id, currency=row.currency, net=net, held_in=0 if now is None else now.held,
            held_out=held_out, exposure_limit=limit, room_out=None if limit is None else limit - net - held_out,
            room_in=net + row.credit_limit_micros if now is None else now.available,
            ours=sums.ours.total_micros, theirs=sums.theirs.total_micros, adjusted=sums.adjusted_micros,
            unsettled=await _unsettled(call.conn, row.id), disputed=await _disputed(call.conn, row.id),
            live=now is not None,
        )
    )  # fmt: skip


async def _unsettled(conn: AsyncConnection, account_id: int) -> int:
    settled = sa.exists().where(statement_settlements.c.statement_id == statements.c.id)
    total = sa.select(sa.func.coalesce(sa.func.sum(statements.c.net_micros), 0))
    return int((await conn.execute(total.where(statements.c.account_id == account_id, ~settled))).scalar_one())


async def _disputed(conn: AsyncConnection, account_id: int) -> int:
    total = sa.select(sa.func.coalesce(sa.func.sum(disputes.c.amount_micros), 0))
    of = (disputes.c.account_id == account_id) & (disputes.c.state != CLOSED)
    return int((await conn.execute(total.where(of))).scalar_one())


ENDPOINTS = [
    Endpoint(
        "account.position", "GET", "/accounts/{account_id}/position", Permission.STATEMENTS_READ, show_position,
        "Show what a partner and we owe each other now", answer=PositionView,
    ),
]  # fmt: skip
