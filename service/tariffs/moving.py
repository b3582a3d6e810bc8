"""Whoever comes to another tariff is told what changes by that, as its seller tells: an account, or with one of its
trunks, devices, numbers. Planned in the transaction that moves it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.notice_tables import rate_notice_things, rate_notices
from service.database.peer_tables import devices, numbers
from service.database.tables import tariffs, trunks
from service.tariffs.notices import stop, terms_of

_C, _T = rate_notices.c, rate_notice_things.c
_IS_WAITING = _C.state == "waiting"


class Moved(NamedTuple):
    """From one tariff to another."""

    payer: Row[Any]
    """The account, as it stands before."""
    before_id: int | None
    """None: it had no tariff."""
    after_id: int | None
    actor: str
    now_ms: int
    thing: tuple[sa.Table, int] | None = None
    """The trunk, device or number that moves; None: the account, with all of it that has no tariff of its own."""


async def tell_moved(conn: AsyncConnection, move: Moved) -> None:
    """Plans what the account's people are told. What it was not told of yet is told with it. Prices in another currency
    can't be held against the old ones.
    """
    if move.before_id == move.after_id:
        return
    mine = (_C.payer_id == move.payer.id) & (_C.tariff_id == move.before_id) & _IS_WAITING
    known = await _known(conn, move, mine)
    await _leave(conn, move, mine)
    rows = await conn.execute(sa.select(tariffs).where(tariffs.c.id.in_([move.before_id, move.after_id])))
    named = {row.id: row for row in rows}
    old, new = named.get(move.before_id), named.get(move.after_id)
    if old is not None and new is not None and old.currency == new.currency:
        await _plan(conn, move, known or old.version, new)


async def _known(conn: AsyncConnection, move: Moved, mine: sa.ColumnElement[bool]) -> str | None:
    """The version that was the last one it was told of, where that isn't the one in force; None: it is."""
    of_all = (_C.tariff_id == move.before_id) & _C.payer_id.is_(None) & _C.publication_id.is_(None) & _IS_WAITING
    untold = sa.select(_C.before).where(mine | of_all).order_by(_C.id).limit(1)
    return (await conn.execute(untold)).scalar()


async def _leave(conn: AsyncConnection, move: Moved, mine: sa.ColumnElement[bool]) -> None:
    """Ends the notices that have nothing left to tell of."""
    ended = mine & _C.id.in_(await _emptied(conn, move, mine)) if await _stays(conn, move) else mine
    await stop(conn, ended, "the account came to another tariff", move.now_ms)


async def _emptied(conn: AsyncConnection, move: Moved, mine: sa.ColumnElement[bool]) -> list[int]:
    """Those that were for nothing but the thing that moves; the others name it no more."""
    if move.thing is None:
        return []
    gone = _is(*_named(move.thing)) & _T.notice_id.in_(sa.select(_C.id).where(mine))
    removed = await conn.execute(sa.delete(rate_notice_things).where(gone).returning(_T.notice_id))
    left = list(removed.scalars())
    named = sa.select(_T.notice_id).where(_T.notice_id.in_(left))
    return sorted(set(left) - set((await conn.execute(named)).scalars()))


def _is(noun: str, number: int) -> sa.ColumnElement[bool]:
    return (_T.noun == noun) & (_T.thing_id == number)


def _named(thing: tuple[sa.Table, int]) -> tuple[str, int]:
    return thing[0].name.removesuffix("s"), thing[1]


async def _stays(conn: AsyncConnection, move: Moved) -> bool:
    """Whether something else of the account is still charged by the tariff that is left."""
    if move.thing is not None and move.payer.tariff_id == move.before_id:
        return True
    for table in (trunks, devices, numbers):
        used = (table.c.account_id == move.payer.id) & (table.c.tariff_id == move.before_id)
        used &= table.c.state != "closed"
        if move.thing is not None and move.thing[0] is table:
            used &= table.c.id != move.thing[1]
        if (await conn.execute(sa.select(table.c.id).where(used).limit(1))).first() is not None:
            return True
    return False


async def _plan(conn: AsyncConnection, move: Moved, before: str | None, new: Row[Any]) -> None:
    """Once for all of the account that moves the same way."""
    terms = await terms_of(conn, new.owner_id)
    if not terms.sends or before is None or new.version is None or before == new.version:
        return
    same = (_C.payer_id == move.payer.id) & (_C.tariff_id == new.id) & (_C.before == before) & _IS_WAITING
    found = (await conn.execute(sa.select(_C.id).where(same).limit(1))).scalar()
    if found is not None:
        await _join(conn, move, found)
        return
    values = {
        "account_id": new.owner_id, "tariff_id": new.id, "payer_id": move.payer.id, "before": before,
        "after": new.version, "takes_ms": move.now_ms, "effective_ms": move.now_ms,
        "due_ms": terms.due_ms(move.now_ms, move.now_ms), "actor": move.actor, "created_ms": move.now_ms,
    }  # fmt: skip
    made = await conn.execute(sa.insert(rate_notices).values(**values).returning(_C.id))
    if move.thing is not None:
        await _name(conn, made.scalar_one(), move.thing)


async def _join(conn: AsyncConnection, move: Moved, notice_id: int) -> None:
    """A notice that waits tells of this too. One of the account names nothing of it."""
    own = _T.notice_id == notice_id
    if move.thing is None:
        await conn.execute(sa.delete(rate_notice_things).where(own))
    elif (await conn.execute(sa.select(_T.notice_id).where(own).limit(1))).first() is not None:
        await _name(conn, notice_id, move.thing)


async def _name(conn: AsyncConnection, notice_id: int, thing: tuple[sa.Table, int]) -> None:
    """It may have gone with its account and come back by itself: once is enough."""
    noun, number = _named(thing)
    await conn.execute(sa.delete(rate_notice_things).where((_T.notice_id == notice_id) & _is(noun, number)))
    await conn.execute(sa.insert(rate_notice_things).values(notice_id=notice_id, noun=noun, thing_id=number))
