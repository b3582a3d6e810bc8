"""Publishing: the ratebook's folder into the rates environment, then one transaction that switches to it.

With a fault anywhere nothing is published and the old versions stay. What a version is called follows from its
content, so that publishing twice changes nothing.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ratebook.compiled.write import CompiledTariff, compile_tariff
from ratebook.document import LoadedRatebook, Problem, load, places_in
from ratebook.routing import Plan
from service.accounts.rules import ROOT_ID
from service.commands import bodies
from service.commands.outbox import enqueue, lock_node
from service.config import Config
from service.database.engine import reading
from service.database.tables import gateways, tariff_versions, tariffs
from service.faults import Fault
from service.peers.storage import load_plans, put_plan
from service.tariffs.looking import warnings_of_folder
from service.tariffs.rates import Release, write_rates


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


async def publish(config: Config, engine: AsyncEngine, *, by: str, note: str, now_ms: int) -> Publication:
    """Publishes the configured ratebook. Raises RatebookFaulty, CurrencyChanged."""
    loaded, compiled = await asyncio.to_thread(_compile, config.ratebook)
    releases = await write_rates(config, await _beside_published(engine, compiled))
    moved = [one.jumps for one in releases]
    places = places_in(config.ratebook, loaded)
    warnings = await warnings_of_folder(config, engine, places, loaded, moved, now_ms // 1000)
    async with engine.begin() as conn:
        await lock_node(conn, config.node)
        switched = []
        for one, release in zip(compiled, releases, strict=True):
            name = one.header["name"]
            published = await _switch_named(conn, config.node, name, release, by=by, note=note, now_ms=now_ms)
            if published is not None:
                switched.append(published)
        plans, waiting = await _publish_plans(conn, config.node, loaded.plans, now_ms)
    return Publication(switched, plans, [*map(str, warnings), *waiting])


async def look(config: Config, engine: AsyncEngine, folder: Path, loaded: LoadedRatebook, now_ms: int) -> list[Problem]:
    """What publishing this would warn of; nothing is changed."""
    compiled = await asyncio.to_thread(lambda: [compile_tariff(tariff) for tariff in loaded.tariffs.values()])
    releases = await write_rates(config, await _beside_published(engine, compiled), only_look=True)
    moved = [one.jumps for one in releases]
    return await warnings_of_folder(config, engine, places_in(folder, loaded), loaded, moved, now_ms // 1000)


async def _beside_published(
    engine: AsyncEngine, compiled: list[CompiledTariff]
) -> list[tuple[CompiledTariff, str | None]]:
    async with reading(engine) as conn:
        named = sa.select(tariffs.c.name, tariffs.c.version).where(tariffs.c.owner_id == ROOT_ID)
        before = {row.name: row.version for row in await conn.execute(named)}
    return [(one, before.get(one.header["name"])) for one in compiled]


def _compile(folder: Path) -> tuple[LoadedRatebook, list[CompiledTariff]]:
    loaded = load(folder)
    if loaded.problems:
        raise RatebookFaulty(folder, [str(problem) for problem in loaded.problems])
    return loaded, [compile_tariff(tariff) for tariff in loaded.tariffs.values()]


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
