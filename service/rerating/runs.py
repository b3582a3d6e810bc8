"""Runs of re-rating as the ledger keeps them: who asked for what, by which rates, and how far it has come."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.rerating_tables import rerating_rates, reratings
from service.rerating.lines import Position, Selection
from service.rerating.rates import Pin, Pins

RUNNING, DONE = "running", "done"
IN_FORCE, DRAFT = "in force", "draft"


class Order(NamedTuple):
    """A run that somebody asks for."""

    selection: Selection
    tariff_id: int | None
    """Lines of this tariff; None: of all that have a pin."""
    rates: str
    """`in force`, `draft` or a version: for people; the pins are what counts."""
    pins: Pins
    reason: str
    actor: str
    actor_account_id: int


class Run(NamedTuple):
    """A run at work."""

    id: int
    selection: Selection
    pins: Pins
    state: str
    position: Position
    calls: int
    changed: int
    left_alone: dict[str, int]
    reason: str
    actor: str
    actor_account_id: int


async def begin(conn: AsyncConnection, order: Order, now_ms: int) -> int:
    """Writes a run down; returns its number. The caller holds the node's lock."""
    chosen = order.selection
    values = {
        "account_id": chosen.seller_id,
        "actor": order.actor,
        "actor_account_id": order.actor_account_id,
        "reason": order.reason,
        "from_ms": chosen.from_ms,
        "to_ms": chosen.to_ms,
        "under_id": chosen.under_id,
        "tariff_id": order.tariff_id,
        "prefix": chosen.prefix,
        "destination": chosen.destination,
        "costs": chosen.costs,
        "rates": order.rates,
        "at_ms": chosen.from_ms,
        "left_alone": {},
        "created_ms": now_ms,
    }
    made = await conn.execute(sa.insert(reratings).values(**values).returning(reratings.c.id))
    number = int(made.scalar_one())
    rows = [{"rerating_id": number, "instead_of_id": one, **pin._asdict()} for one, pin in order.pins.items()]
    if rows:
        await conn.execute(sa.insert(rerating_rates), rows)
    return number


async def find_run(conn: AsyncConnection, number: int) -> Run:
    """As it stands now."""
    row = (await conn.execute(sa.select(reratings).where(reratings.c.id == number))).one()
    pinned = await conn.execute(sa.select(rerating_rates).where(rerating_rates.c.rerating_id == number))
    return Run(
        id=number,
        selection=Selection(
            row.account_id, row.from_ms, row.to_ms, row.under_id, row.prefix, row.destination, row.costs
        ),
        pins={one.instead_of_id: Pin(one.tariff_id, one.version) for one in pinned},
        state=row.state,
        position=Position(row.at_ms, row.at_cdr_id),
        calls=row.calls,
        changed=row.changed,
        left_alone=row.left_alone,
        reason=row.reason,
        actor=row.actor,
        actor_account_id=row.actor_account_id,
    )


async def oldest_at_work(conn: AsyncConnection) -> int | None:
    """The number of the run that is to go on; None: all are done."""
    query = sa.select(sa.func.min(reratings.c.id)).where(reratings.c.state == RUNNING)
    found = (await conn.execute(query)).scalar()
    return None if found is None else int(found)
