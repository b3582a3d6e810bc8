"""Who pays by a tariff: by the account's own, or that of a trunk, a device, a number; and which of these do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.notice_tables import notice_terms, rate_notice_things
from service.database.peer_tables import devices, numbers
from service.database.tables import accounts, trunks
from service.messages.concerned import NAMED_MAX, Concerned, Thing

THINGS: dict[str, tuple[sa.Table, sa.ColumnElement[str]]] = {
    "trunk": (trunks, trunks.c.name),
    "device": (devices, devices.c.username),
    "number": (numbers, "+" + numbers.c.number),
}
"""What may have a tariff of its own, by its noun: where it stands, and what its account calls it."""


def payers(tariff_id: int) -> sa.Select[Any]:
    """Accounts that pay by it and want to be told, by their numbers. Who is paid by it is a provider, and knows."""
    used = sa.or_(
        accounts.c.tariff_id == tariff_id,
        *(
            accounts.c.id.in_(sa.select(table.c.account_id).where(table.c.tariff_id == tariff_id, _is_used(table)))
            for table, _ in THINGS.values()
        ),
    )
    silent = sa.select(notice_terms.c.account_id).where(notice_terms.c.gets.is_(False))
    pays = accounts.c.kind.in_(("customer", "reseller")) & accounts.c.commission.is_(False)
    wanted = pays & (accounts.c.state != "closed") & accounts.c.id.not_in(silent)
    return sa.select(accounts.c.id).where(used & wanted).order_by(accounts.c.id)


def told_by(notice: Row[Any]) -> sa.Select[Any]:
    """Whom a notice tells: all who pay by its tariff, or the one account that came to it, while what came is there."""
    found = payers(notice.tariff_id)
    if notice.payer_id is None:
        return found
    is_account = ~sa.exists().where(rate_notice_things.c.notice_id == notice.id)
    came = (_came(notice, noun).where(table.c.account_id == accounts.c.id) for noun, (table, _) in THINGS.items())
    return found.where(accounts.c.id == notice.payer_id, is_account | sa.or_(*(one.exists() for one in came)))


async def concerned_of(conn: AsyncConnection, notice: Row[Any], ids: Sequence[int]) -> dict[int, Concerned]:
    """What of these accounts a notice is for; whose own tariff is its tariff has all of it concerned."""
    mine = sa.select(rate_notice_things.c.thing_id).where(rate_notice_things.c.notice_id == notice.id).limit(1)
    has_things = (await conn.execute(mine)).first() is not None
    found = [_came(notice, noun) if has_things else _with_own(notice.tariff_id, noun) for noun in THINGS]
    every = sa.union_all(*(one.where(accounts.c.id.in_(ids)) for one in found)).subquery()
    place = sa.func.row_number().over(partition_by=every.c.account_id, order_by=[every.c.place, every.c.id])
    count = sa.func.count().over(partition_by=every.c.account_id)
    ranked = sa.select(every, place.label("rank"), count.label("things")).subquery()
    rows = await conn.execute(sa.select(ranked).where(ranked.c.rank <= NAMED_MAX).order_by(ranked.c.rank))
    named: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        named[row.account_id].append(row)
    return {
        number: Concerned(tuple(Thing(row.noun, row.name) for row in own), own[0].things - len(own))
        for number, own in named.items()
    }


def _came(notice: Row[Any], noun: str) -> sa.Select[Any]:
    """Of those that came to the tariff of a notice, whoever pays by it still: as its own, or as its account's."""
    table, _ = THINGS[noun]
    columns = rate_notice_things.c
    came = sa.select(columns.thing_id).where((columns.notice_id == notice.id) & (columns.noun == noun))
    pays = table.c.tariff_id == notice.tariff_id
    if noun != "number":
        pays |= table.c.tariff_id.is_(None) & (accounts.c.tariff_id == notice.tariff_id)
    return _things(noun).where(table.c.id.in_(came) & pays)


def _with_own(tariff_id: int, noun: str) -> sa.Select[Any]:
    """Those of accounts that pay by another tariff themselves."""
    other = accounts.c.tariff_id.is_distinct_from(tariff_id)
    return _things(noun).where((THINGS[noun][0].c.tariff_id == tariff_id) & other)


def _things(noun: str) -> sa.Select[Any]:
    table, name = THINGS[noun]
    place = [*THINGS].index(noun)
    columns = (table.c.account_id, table.c.id, name.label("name"), sa.literal(noun).label("noun"))
    joined = table.join(accounts, accounts.c.id == table.c.account_id)
    return sa.select(*columns, sa.literal(place).label("place")).select_from(joined).where(_is_used(table))


def _is_used(table: sa.Table) -> sa.ColumnElement[bool]:
    return table.c.state != "closed"
