"""Traffic by the hour: sums that every reader of plots and reports goes by, of each account, and of whole subtrees."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.calls.records import TRAFFIC_SUMS, Row
from service.database.engine import is_sqlite
from service.database.tables import accounts, traffic_hourly
from service.database.traffic_tables import traffic_sums
from service.ledger.rules import ROOT_ID

_KEY = [column.name for column in traffic_hourly.primary_key.columns]
_TOP_KEY = [column.name for column in traffic_sums.primary_key.columns]
_COUNTS = ("attempts", "answered", "duration_ms")
"""Of subtrees."""


async def add_hourly(conn: AsyncConnection, rows: Sequence[Row]) -> None:
    """Adds to the sums, in the transaction that makes them true; below zero where a charge fell."""
    if not rows:
        return
    await conn.execute(_adding(conn, traffic_hourly, _KEY, TRAFFIC_SUMS), rows)
    counted = [row for row in rows if any(row[name] for name in _COUNTS)]
    if counted:
        sums = _of_tops(counted, await _above(conn, counted))
        await conn.execute(_adding(conn, traffic_sums, _TOP_KEY, _COUNTS), sums)


def _adding(conn: AsyncConnection, table: sa.Table, key: list[str], names: Iterable[str], select: Any = None) -> Any:
    """Adds to rows of sums, or makes them. `select`: what is added; None: it is given as rows."""
    insert: Any = sqlite.insert(table) if is_sqlite(conn) else postgresql.insert(table)
    if select is not None:
        insert = insert.from_select([*key, *names], select)
    return insert.on_conflict_do_update(
        index_elements=key, set_={name: table.c[name] + insert.excluded[name] for name in names}
    )


async def _above(conn: AsyncConnection, rows: Sequence[Row]) -> dict[int, tuple[int, ...]]:
    """Of each account of the rows, itself and those above it."""
    ids = {row[name] for row in rows for name in ("account_id", "provider_id")}
    found = await conn.execute(sa.select(accounts.c.id, accounts.c.path).where(accounts.c.id.in_(ids)))
    return {row.id: tuple(int(step) for step in row.path.strip("/").split("/")) for row in found}


def _of_tops(rows: Sequence[Row], above: dict[int, tuple[int, ...]]) -> list[Row]:
    """What the rows add for whoever stands above who made or who carried the calls: once, and always for the root."""
    sums: defaultdict[tuple[int, int, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        for top in {ROOT_ID, *above.get(row["account_id"], ()), *above.get(row["provider_id"], ())}:
            one = sums[top, row["hour_ms"], row["destination"]]
            for at, name in enumerate(_COUNTS):
                one[at] += row[name]
    return [dict(zip((*_TOP_KEY, *_COUNTS), (*key, *sums[key]), strict=True)) for key in sorted(sums)]


async def move_sums(conn: AsyncConnection, path: str, old: Iterable[int], new: Iterable[int]) -> None:
    """After the account of this path has moved, with all below it: out of the sums of `old`, into those of `new`."""
    for tops, times in ((set(old) - set(new), -1), (set(new) - set(old), 1)):
        for top in sorted(tops):
            select = _moved(path, top, times)
            await conn.execute(_adding(conn, traffic_sums, _TOP_KEY, _COUNTS, select))
            empty = sa.and_(traffic_sums.c.account_id == top, *(traffic_sums.c[name] == 0 for name in _COUNTS))
            await conn.execute(sa.delete(traffic_sums).where(empty))


def _moved(path: str, top: int, times: int) -> sa.Select[Any]:
    """Calls of a subtree, by the hour, that nobody else below an account has to do with: so many times."""
    maker, carrier, above = accounts.alias("maker"), accounts.alias("carrier"), accounts.alias("above")
    inside = sa.select(accounts.c.id).where(_begins(accounts.c.path, sa.literal(path)))
    provides = sa.select(accounts.c.id).where(accounts.c.id.in_(inside), accounts.c.provides | _is_provider())
    hourly = traffic_hourly.c
    concerns = hourly.account_id.in_(inside) | (sa.exists(provides) & hourly.provider_id.in_(inside))
    others = [
        sa.func.coalesce(_begins(one.c.path, above.c.path) & ~_begins(one.c.path, sa.literal(path)), sa.false())
        for one in (maker, carrier)
    ]
    sums = [(sa.func.sum(hourly[name]) * times).label(name) for name in _COUNTS]
    tables = (
        traffic_hourly.outerjoin(maker, maker.c.id == hourly.account_id)
        .outerjoin(carrier, carrier.c.id == hourly.provider_id)
        .join(above, above.c.id == top)
    )
    found = sa.select(sa.literal(top).label("account_id"), hourly.hour_ms, hourly.destination, *sums)
    found = found.select_from(tables).where(concerns, ~sa.or_(*others))
    return found.group_by(hourly.hour_ms, hourly.destination)


def _is_provider() -> sa.ColumnElement[bool]:
    return accounts.c.kind == "provider"


def _begins(path: sa.ColumnElement[str], beginning: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return sa.func.substr(path, 1, sa.func.length(beginning)) == beginning
