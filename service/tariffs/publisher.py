"""Publishing: the ratebook's folder into the rates environment, then one transaction that switches to it.

With a fault anywhere nothing is published and the old versions stay. What a version is called follows from its
content, so that publishing twice changes nothing.
"""

from __future__ import annotations

import asyncio
import weakref
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ratebook.bulk import RateIndex
from ratebook.collector import without_collector
from ratebook.compare import counts, differences
from ratebook.compiled.layout import UnknownLayout
from ratebook.compiled.unpack import changed_rates, rates_of, version_rows
from ratebook.compiled.write import CompiledTariff, compile_tariff, open_for_writing, write_version
from ratebook.document import LoadedRatebook, load
from ratebook.margin import losses
from ratebook.model import Rate, Tariff
from ratebook.money import format_micros
from ratebook.price import Factor
from ratebook.routing import Plan
from service.accounts.rules import ROOT_ID
from service.commands import bodies
from service.commands.outbox import enqueue, lock_node
from service.config import Config
from service.database.tables import accounts, gateways, tariff_versions, tariffs
from service.faults import Fault
from service.peers.storage import load_plans, put_plan
from service.tariffs.exchange import lacking, publish_exchange

RATES_FOLDER = "rates"
COMPARED_RATES_MAX = 300_000
"""Of a price and all costs beside it: a warning is worth a second or two."""
PAUSE_S = 0.002
"""Between two slices of rows: the calls' processors come first."""


class RatebookFaulty(Fault):
    """The ratebook has faults; nothing of it was published."""

    def __init__(self, folder: Path, problems: list[str]) -> None:
        self.problems = problems
        count = f"{len(problems)} fault{'s' if len(problems) > 1 else ''} in {folder}: nothing was published"
        super().__init__("\n".join([*problems, count]))


class CurrencyChanged(Fault):
    """A tariff is written in another currency than it was published in."""

    def __init__(self, name: str, before: str, after: str) -> None:
        super().__init__(
            f"tariff {name!r} was published in {before} and is now in {after}: accounts hold {before} by it; "
            "publish it under another name"
        )


class Published(NamedTuple):
    """One tariff that was switched."""

    name: str
    version: str
    before: str | None
    """The version until now; None: the first one."""
    rates: int
    changes: dict[str, int]
    """As in `Release`."""


class Publication(NamedTuple):
    """What a publication did."""

    tariffs: list[Published]
    """Those that changed."""
    plans: list[str]
    """Likewise."""
    warnings: list[str]
    exchange: bool = False
    """Whether rates of exchange changed."""


class Release(NamedTuple):
    """A version as a pointer may move to it."""

    version: str
    """16 hex digits."""
    digest: str
    currency: str
    rates: int
    changes: dict[str, int]
    """How many prefixes change in which way, from the version before it; empty: there was none, or it is gone."""


async def publish(config: Config, engine: AsyncEngine, *, by: str, note: str, now_ms: int) -> Publication:
    """Publishes the configured ratebook. Raises RatebookFaulty, CurrencyChanged, ExchangeTakenAway."""
    loaded, compiled = await asyncio.to_thread(_compile, config.ratebook)
    async with engine.connect() as conn:
        named = sa.select(tariffs.c.name, tariffs.c.version).where(tariffs.c.owner_id == ROOT_ID)
        before = {row.name: row.version for row in await conn.execute(named)}
        costs, prices = await _costs_and_prices(conn)
    warnings = await asyncio.to_thread(_below_cost, loaded, costs, prices, now_ms // 1000)
    releases = await write_rates(config, [(one, before.get(one.header["name"])) for one in compiled])
    async with engine.begin() as conn:
        await lock_node(conn, config.node)
        exchanged = await publish_exchange(conn, config.node, loaded.exchange, by=by, note=note, now_ms=now_ms)
        switched = []
        for one, release in zip(compiled, releases, strict=True):
            name = one.header["name"]
            published = await _switch_named(conn, config.node, name, release, by=by, note=note, now_ms=now_ms)
            if published is not None:
                switched.append(published)
        plans, waiting = await _publish_plans(conn, config.node, loaded.plans, now_ms)
        waiting += await lacking(conn, loaded.exchange, now_ms // 1000)
    return Publication(switched, plans, [*warnings, *waiting], exchanged)


async def _costs_and_prices(conn: AsyncConnection) -> tuple[set[str], set[str]]:
    """Which of the operator's tariffs providers ask by, and which ones accounts below the operator pay by."""
    used = sa.select(tariffs.c.name, accounts.c.kind).join(accounts, accounts.c.tariff_id == tariffs.c.id)
    rows = (await conn.execute(used.where(tariffs.c.owner_id == ROOT_ID).distinct())).all()
    asked = sa.select(tariffs.c.name).join(gateways, gateways.c.tariff_id == tariffs.c.id).distinct()
    costs = {row.name for row in rows if row.kind == "provider"} | {row.name for row in await conn.execute(asked)}
    return costs, {row.name for row in rows if row.kind != "provider"}


def _below_cost(loaded: LoadedRatebook, costs: set[str], prices: set[str], at_s: int) -> list[str]:
    """A line for each tariff that sells below what every provider asks who has a rate; not for very large ones."""
    said = []
    found = loaded.tariffs
    for name in sorted(prices & found.keys()):
        sold = found[name]
        bought = _bought(loaded, costs, sold.currency, at_s)
        if not bought or len(sold.rates) + sum(len(one.rates) for one, _ in bought) > COMPARED_RATES_MAX:
            continue
        lost = [{one.prefix: one for one in losses(sold.rates, cost.rates, at_s, factor)} for cost, factor in bought]
        indexes = [RateIndex(cost.rates) for cost, _ in bought]
        below = [
            prefix
            for prefix in sorted(set().union(*lost))
            if all(prefix in one or index.find(prefix, at_s) is None for one, index in zip(lost, indexes, strict=True))
        ]
        if below:
            first = next(one[below[0]] for one in lost if below[0] in one)
            which = first.prefix or "(every number)"
            said.append(
                f"tariff {name!r} sells {len(below)} prefixes below every provider's price, {which} first: "
                f"a call of {first.seconds} s earns {format_micros(first.price_micros)} and costs "
                f"{format_micros(first.cost_micros)} {sold.currency}"
            )
    return said


def _bought(loaded: LoadedRatebook, costs: set[str], currency: str, at_s: int) -> list[tuple[Tariff, Factor]]:
    """What providers ask, with what its currency is worth in that of the price; not what can't be exchanged."""
    asked = [loaded.tariffs[one] for one in sorted(costs & loaded.tariffs.keys())]
    worth = [(one, loaded.exchange.factor(one.currency, currency, at_s)) for one in asked]
    return [(one, factor) for one, factor in worth if factor is not None]


def _compile(folder: Path) -> tuple[LoadedRatebook, list[CompiledTariff]]:
    loaded = load(folder)
    if loaded.problems:
        raise RatebookFaulty(folder, [str(problem) for problem in loaded.problems])
    return loaded, [compile_tariff(tariff) for tariff in loaded.tariffs.values()]


async def write_rates(config: Config, compiled: list[tuple[CompiledTariff, str | None]]) -> list[Release]:
    """Into the rates environment, in slices, beside everything else: nothing of it holds until a pointer moves.

    Each with the version that holds now (None: none does). One at a time: an environment is open once in a process.
    """
    async with _turn():
        return await asyncio.to_thread(_write, config.data_dir / RATES_FOLDER, compiled)


async def published_rates(config: Config, version: str) -> list[Rate] | None:
    """The rates of a version; None: it isn't there."""
    async with _turn():
        rows = await asyncio.to_thread(_rows, config.data_dir / RATES_FOLDER, version)
    return None if rows is None else await asyncio.to_thread(lambda: rates_of(rows))


def _turn() -> asyncio.Lock:
    return _writing.setdefault(asyncio.get_running_loop(), asyncio.Lock())


_writing: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = weakref.WeakKeyDictionary()


def _write(folder: Path, compiled: list[tuple[CompiledTariff, str | None]]) -> list[Release]:
    env = open_for_writing(folder)
    try:
        releases = []
        for one, before in compiled:
            changes = {} if before in {None, one.version.hex()} else _changes(env, before or "", one)
            write_version(env, one, pause_s=PAUSE_S)
            releases.append(
                Release(one.version.hex(), one.digest, one.header["currency"], one.header["rates"], changes)
            )
        return releases
    finally:
        env.close()


def _changes(env: Any, before: str, compiled: CompiledTariff) -> dict[str, int]:
    try:
        with without_collector():
            rows = version_rows(env, bytes.fromhex(before))
            found = [] if rows is None else differences(*changed_rates(rows, compiled.rows))
    except UnknownLayout:
        return {}  # of another release
    return {change.value: count for change, count in counts(found).items()}


def _rows(folder: Path, version: str) -> list[tuple[bytes, bytes]] | None:
    env = open_for_writing(folder)
    try:
        return version_rows(env, bytes.fromhex(version))
    finally:
        env.close()


async def _switch_named(
    conn: AsyncConnection, node: str, name: str, release: Release, *, by: str, note: str, now_ms: int
) -> Published | None:
    """One of the operator's, by its name; made if it is new. Raises CurrencyChanged."""
    where = (tariffs.c.name == name) & (tariffs.c.owner_id == ROOT_ID)
    row = (await conn.execute(sa.select(tariffs).where(where))).first()
    if row is None:
        insert = sa.insert(tariffs).values(name=name, currency=release.currency, owner_id=ROOT_ID)
        row = (await conn.execute(insert.returning(tariffs))).one()
    return await switch(conn, node, row, release, by=by, note=note, now_ms=now_ms)


async def switch(
    conn: AsyncConnection, node: str, row: Row[Any], release: Release, *, by: str, note: str, now_ms: int
) -> Published | None:
    """Moves a tariff's pointer; None: it names this version already. Raises CurrencyChanged."""
    if row.currency != release.currency:
        raise CurrencyChanged(row.name, row.currency, release.currency)
    if row.version == release.version:
        return None
    moved = sa.update(tariffs).where(tariffs.c.id == row.id).values(version=release.version).returning(tariffs)
    now = (await conn.execute(moved)).one()
    values = {"version": release.version, "digest": release.digest, "rates": release.rates, "changes": release.changes}
    when = {"published_ms": now_ms, "published_by": by, "note": note, "effective_ms": now_ms}
    await conn.execute(sa.insert(tariff_versions).values(tariff_id=row.id, **values, **when))
    body = bodies.tariff_body(now)
    if body is not None:
        await enqueue(conn, node, body, now_ms=now_ms)
    return Published(row.name, release.version, row.version, release.rates, release.changes)


async def _publish_plans(
    conn: AsyncConnection, node: str, wanted: dict[str, Plan], now_ms: int
) -> tuple[list[str], list[str]]:
    """Plans that changed, and a line for each one that waits for its gateways."""
    known = {name: int(number) for name, number in await conn.execute(sa.select(gateways.c.name, gateways.c.id))}
    standing = await load_plans(conn)
    changed, warnings = [], []
    for name, plan in wanted.items():
        named = {route.gateway for routes in plan.routes.values() for route in routes}
        missing = sorted(named - known.keys())
        if missing:
            warnings.append(f"plan {name!r} waits: there is no gateway {', '.join(missing)} yet")
        elif standing.get(name) != plan:
            await put_plan(conn, node, plan, known, source="routing.yaml", now_ms=now_ms)
            changed.append(name)
    return changed, warnings
