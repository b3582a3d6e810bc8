"""Publications that wait for their moment: put aside with everything that they bring, carried out once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ratebook.groups import Group
from service.accounts.rules import ROOT_ID
from service.commands.outbox import lock_node
from service.database.engine import reading
from service.database.ratebook_tables import publications
from service.database.tables import tariffs
from service.faults import Fault
from service.peers.storage import named_plans
from service.tariffs.content import Content
from service.tariffs.exchange import ExchangeTakenAway, in_force
from service.tariffs.notices import News, tell_waiting, withdraw
from service.tariffs.switching import CurrencyChanged, Occasion, Published, Switched, carry_out, load_groups, others

WAITING = "waiting"


class NotWaiting(Fault):
    """There is nothing to cancel."""

    def __init__(self, number: int) -> None:
        super().__init__(f"no publication {number} waits: it was carried out, cancelled, or never asked for")


class Waiting(NamedTuple):
    """A publication before its moment."""

    id: int
    due_ms: int
    asked_by: str
    note: str
    content: Content


async def changed(conn: AsyncConnection, owner_id: int, content: Content, due_ms: int) -> Content:
    """What is another than in force: what somebody publishes meanwhile stays, where this one has nothing to say."""
    rows = await conn.execute(sa.select(tariffs.c.name, tariffs.c.version).where(tariffs.c.owner_id == owner_id))
    versions = {row.name: row.version for row in rows}
    plans = await named_plans(conn)
    groups = content.groups
    if groups is not None and sorted(groups) == sorted(await load_groups(conn)):
        groups = None
    exchange, due_s = content.exchange, due_ms // 1000
    if exchange is not None and exchange.since(due_s) == (await in_force(conn)).since(due_s):
        exchange = None
    return Content(
        {name: one for name, one in content.tariffs.items() if versions.get(name) != one.version},
        {name: plan for name, plan in content.plans.items() if plans.get(name) != plan},
        groups,
        exchange,
    )


async def tried(conn: AsyncConnection, owner_id: int, content: Content, told: Occasion) -> Switched:
    """What it would change now; nothing is. Raises CurrencyChanged, ExchangeTakenAway."""
    async with conn.begin_nested() as trial:
        done = await carry_out(conn, owner_id, content, told)
        await trial.rollback()
    return done


def announced(content: Content, standing: Sequence[Group] = ()) -> Switched:
    """What it brings; of destination groups those that differ from the `standing` ones."""
    found = [Published(name, one.version, None, one.rates, one.changes) for name, one in content.tariffs.items()]
    groups = [] if content.groups is None else others([*standing], content.groups)
    return Switched(found, [*content.plans], groups, [], content.exchange is not None)


async def put_waiting(conn: AsyncConnection, owner_id: int, content: Content, told: Occasion, due_ms: int) -> int:
    """Its number."""
    values = {"due_ms": due_ms, "asked_ms": told.now_ms, "asked_by": told.by, "note": told.note, "owner_id": owner_id}
    insert = sa.insert(publications).values(content=content.to_record(), **values)
    number = int((await conn.execute(insert.returning(publications.c.id))).scalar_one())
    sold = (tariffs.c.owner_id == owner_id) & tariffs.c.name.in_([*content.tariffs])
    for row in (await conn.execute(sa.select(tariffs).where(sold).order_by(tariffs.c.id))).all():
        await tell_waiting(conn, News(row, content.tariffs[row.name], due_ms, told.by, told.now_ms), number)
    return number


async def waiting(conn: AsyncConnection, owner_id: int) -> list[Waiting]:
    """Of a seller, the next one first."""
    where = (publications.c.state == WAITING) & (publications.c.owner_id == owner_id)
    rows = await conn.execute(sa.select(publications).where(where).order_by(publications.c.due_ms, publications.c.id))
    return [Waiting(row.id, row.due_ms, row.asked_by, row.note, Content.from_record(row.content)) for row in rows]


async def without_waiting(conn: AsyncConnection, content: Content) -> Content:
    """Of the operator's: what is just what waits for its moment is left to it."""
    found = [one.content for one in await waiting(conn, ROOT_ID)]
    versions = {(name, one.version) for before in found for name, one in before.tariffs.items()}
    plans = [(name, plan) for before in found for name, plan in before.plans.items()]
    groups = content.groups
    if groups is not None and any(sorted(groups) == sorted(one.groups) for one in found if one.groups is not None):
        groups = None
    exchange = content.exchange
    if any(one.exchange == exchange for one in found):
        exchange = None
    return Content(
        {name: one for name, one in content.tariffs.items() if (name, one.version) not in versions},
        {name: plan for name, plan in content.plans.items() if (name, plan) not in plans},
        groups,
        exchange,
    )


async def cancel(conn: AsyncConnection, owner_id: int, number: int, by: str, now_ms: int) -> None:
    """It will not be carried out, and nobody is told of it who was not yet. Raises NotWaiting."""
    where = (publications.c.id == number) & (publications.c.state == WAITING) & (publications.c.owner_id == owner_id)
    update = sa.update(publications).where(where).values(state="cancelled", outcome=f"by {by}")
    if (await conn.execute(update.returning(publications.c.id))).first() is None:
        raise NotWaiting(number)
    await withdraw(conn, number, now_ms)


async def carry_out_due(engine: AsyncEngine, node: str, now_ms: int) -> list[tuple[int, Switched | str]]:
    """Those whose moment has come, in its order: what each has changed, or why it could not. Each one once."""
    async with reading(engine) as conn:
        due = (publications.c.state == WAITING) & (publications.c.due_ms <= now_ms)
        query = sa.select(publications.c.id).where(due).order_by(publications.c.due_ms, publications.c.id)
        numbers = (await conn.execute(query)).scalars().all()
    return [(number, done) for number in numbers if (done := await _carry_out(engine, node, number, now_ms))]


async def _carry_out(engine: AsyncEngine, node: str, number: int, now_ms: int) -> Switched | str | None:
    """None: somebody else did, or it was cancelled."""
    try:
        async with engine.begin() as conn:
            await lock_node(conn, node)
            row = (await conn.execute(_ended(number, "done", ""))).first()
            if row is None:
                return None
            told = Occasion(node, row.asked_by, row.note, now_ms, number)
            return await carry_out(conn, row.owner_id, Content.from_record(row.content), told)
    except (CurrencyChanged, ExchangeTakenAway) as fault:
        async with engine.begin() as conn:
            await conn.execute(_ended(number, "failed", str(fault)))
            await withdraw(conn, number, now_ms)
        return str(fault)


def _ended(number: int, state: str, outcome: str) -> Any:
    where = (publications.c.id == number) & (publications.c.state == WAITING)
    return sa.update(publications).where(where).values(state=state, outcome=outcome).returning(publications)
