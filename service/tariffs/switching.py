"""Switching: tariffs' pointers, plans, groups, rates of exchange move in the caller's transaction, all or none."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.document import ROUTING_FILE
from ratebook.groups import Group
from ratebook.routing import Plan
from service.commands import bodies
from service.commands.outbox import enqueue
from service.database.ratebook_tables import destination_groups
from service.database.tables import tariff_versions, tariffs
from service.faults import Fault
from service.peers.storage import Names, load_plans, put_plan
from service.tariffs.content import Content
from service.tariffs.exchange import publish_exchange
from service.tariffs.notices import News, tell_carried_out, tell_switched
from service.tariffs.rates import Release


class CurrencyChanged(Fault):
    """A tariff is written in another currency than it was published in."""

    def __init__(self, name: str, before: str, after: str) -> None:
        super().__init__(
            f"tariff {name!r} was published in {before} and is now in {after}: accounts hold {before} by it; "
            "publish it under another name"
        )


class Occasion(NamedTuple):
    """Who publishes, why and when."""

    node: str
    by: str
    note: str
    now_ms: int
    waited: int | None = None
    """The number of the publication that is carried out; None: it is done at once."""


class Published(NamedTuple):
    """One tariff that was switched."""

    name: str
    version: str
    before: str | None
    """The version until now; None: the first one."""
    rates: int
    changes: dict[str, int]
    """As in `Release`."""


class Switched(NamedTuple):
    """What has changed."""

    tariffs: list[Published]
    plans: list[str]
    groups: list[str]
    """Destination groups that are new, others, or gone."""
    waiting: list[str]
    """A line for each plan that waits for its gateways."""
    exchange: bool
    """Whether rates of exchange are others."""


async def carry_out(conn: AsyncConnection, owner_id: int, content: Content, told: Occasion) -> Switched:
    """Everything that a publication brings. The node's row is locked. Raises CurrencyChanged, ExchangeTakenAway."""
    exchanged = content.exchange is not None and await publish_exchange(
        conn, told.node, content.exchange, by=told.by, note=told.note, now_ms=told.now_ms
    )
    found = [await _switch_named(conn, owner_id, name, one, told) for name, one in content.tariffs.items()]
    groups = [] if content.groups is None else await _publish_groups(conn, content.groups, told)
    plans, waiting = await _publish_plans(conn, told.node, content.plans, told.now_ms)
    return Switched([one for one in found if one is not None], plans, groups, waiting, exchanged)


async def load_groups(conn: AsyncConnection) -> list[Group]:
    """The destination groups in force."""
    rows = await conn.execute(sa.select(destination_groups).order_by(destination_groups.c.name))
    return [Group.from_record(row.name, row.record) for row in rows]


async def _publish_groups(conn: AsyncConnection, wanted: list[Group], told: Occasion) -> list[str]:
    """Those that changed; a group that stays keeps its id."""
    standing = {group.name: group for group in await load_groups(conn)}
    new = {group.name: group for group in wanted}
    for name in standing.keys() - new.keys():
        await conn.execute(sa.delete(destination_groups).where(destination_groups.c.name == name))
    for name, group in new.items():
        values = {"record": group.to_record(), "published_ms": told.now_ms, "published_by": told.by}
        if name not in standing:
            await conn.execute(sa.insert(destination_groups).values(name=name, **values))
        elif standing[name] != group:
            await conn.execute(sa.update(destination_groups).where(destination_groups.c.name == name).values(**values))
    changed = others([*standing.values()], wanted)
    if changed:
        await enqueue(conn, told.node, bodies.groups_body(wanted), now_ms=told.now_ms)
    return changed


def others(before: list[Group], after: list[Group]) -> list[str]:
    """Names of groups that are new, others, or gone."""
    old, new = ({group.name: group for group in groups} for groups in (before, after))
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


async def _switch_named(
    conn: AsyncConnection, owner_id: int, name: str, release: Release, told: Occasion
) -> Published | None:
    """By its name; made if it is new. Raises CurrencyChanged."""
    where = (tariffs.c.name == name) & (tariffs.c.owner_id == owner_id)
    row = (await conn.execute(sa.select(tariffs).where(where))).first()
    if row is None:
        insert = sa.insert(tariffs).values(name=name, currency=release.currency, owner_id=owner_id)
        row = (await conn.execute(insert.returning(tariffs))).one()
    return await switch(conn, row, release, told)


async def switch(conn: AsyncConnection, row: Row[Any], release: Release, told: Occasion) -> Published | None:
    """Moves a tariff's pointer; None: it names this version already. Raises CurrencyChanged."""
    if row.currency != release.currency:
        raise CurrencyChanged(row.name, row.currency, release.currency)
    if row.version == release.version:
        return None
    moved = sa.update(tariffs).where(tariffs.c.id == row.id).values(version=release.version).returning(tariffs)
    now = (await conn.execute(moved)).one()
    values = {"version": release.version, "digest": release.digest, "rates": release.rates, "changes": release.changes}
    when = {"published_ms": told.now_ms, "published_by": told.by, "note": told.note, "effective_ms": told.now_ms}
    await conn.execute(sa.insert(tariff_versions).values(tariff_id=row.id, **values, **when))
    if told.waited is None:
        await tell_switched(conn, News(row, release, told.now_ms, told.by, told.now_ms))
    else:
        await tell_carried_out(conn, row, told.waited)
    body = bodies.tariff_body(now)
    if body is not None:
        await enqueue(conn, told.node, body, now_ms=told.now_ms)
    return Published(row.name, release.version, row.version, release.rates, release.changes)


async def _publish_plans(
    conn: AsyncConnection, node: str, wanted: dict[str, Plan], now_ms: int
) -> tuple[list[str], list[str]]:
    """Plans that changed, and a line for each name of one that waits until there is such a thing."""
    names = await Names.read(conn, wanted.values())
    standing = await load_plans(conn)
    changed, warnings = [], []
    for name, plan in wanted.items():
        lacks = names.lacks(plan)
        warnings += [f"plan {name!r} waits: {lack.text}" for lack in lacks]
        if lacks:
            continue
        numbered = names.numbered(plan)
        if standing.get(name) != numbered:
            await put_plan(conn, node, numbered, source=ROUTING_FILE, now_ms=now_ms)
            changed.append(name)
    return changed, warnings
