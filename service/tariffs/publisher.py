"""Publishing: the ratebook's folder into the rates environment, then one transaction that switches to it.

With a fault anywhere nothing is published and the old versions stay. What a version is called follows from its
content, so that publishing twice changes nothing.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ratebook.compiled.write import CompiledTariff, compile_tariff
from ratebook.document import LoadedRatebook, Problem, load, places_in
from service.accounts.rules import ROOT_ID
from service.commands.outbox import lock_node
from service.config import Config
from service.database.engine import reading
from service.database.tables import tariffs
from service.faults import Fault
from service.peers.storage import Names
from service.tariffs.brought import note_brought, without_brought
from service.tariffs.content import Content
from service.tariffs.exchange import lacking
from service.tariffs.looking import warnings_of_folder
from service.tariffs.notices import short_notice
from service.tariffs.pending import changed, put_waiting, tried, without_waiting
from service.tariffs.rates import write_groups, write_rates
from service.tariffs.switching import Occasion, Switched, carry_out


class Ask(NamedTuple):
    """What is published, and when."""

    folder: Path | None = None
    """None: the configured ratebook."""
    at_ms: int | None = None
    """None: at once."""
    only_news: bool = False
    """Nobody has asked: what waits for its moment is left to it, and what the folder has brought before is not brought
    again, whatever has come into force since.
    """


NOW = Ask()


class RatebookFaulty(Fault):
    """The ratebook has faults; nothing of it was published."""

    def __init__(self, folder: Path, problems: list[Problem]) -> None:
        self.problems = problems
        count = f"{len(problems)} fault{'s' if len(problems) > 1 else ''} in {folder}: nothing was published"
        super().__init__("\n".join([*map(str, problems), count]))


class Publication(NamedTuple):
    """What a publication did, or will do at its moment."""

    done: Switched
    warnings: list[str]
    due_ms: int | None = None
    """It waits until then; None: it is done."""


async def publish(
    config: Config, engine: AsyncEngine, *, by: str, note: str, now_ms: int, ask: Ask = NOW
) -> Publication:
    """Publishes a ratebook. Raises RatebookFaulty, CurrencyChanged, ExchangeTakenAway."""
    folder = ask.folder or config.ratebook
    loaded, compiled = await asyncio.to_thread(_compile, folder)
    takes_ms = ask.at_ms or now_ms
    releases = await write_rates(config, await _beside_published(engine, compiled), takes_ms // 1000)
    await write_groups(config, loaded.groups)
    moved = [one.jumps for one in releases]
    warnings = await warnings_of_folder(config, engine, places_in(folder, loaded), loaded, moved, now_ms // 1000)
    names = [one.header["name"] for one in compiled]
    content = Content(dict(zip(names, releases, strict=True)), loaded.plans, loaded.groups, loaded.exchange)
    async with engine.begin() as conn:
        await lock_node(conn, config.node)
        told = Occasion(config.node, by, note, now_ms)
        late = await short_notice(conn, ROOT_ID, content.tariffs, takes_ms, now_ms)
        if ask.at_ms is not None:
            content = await changed(conn, ROOT_ID, content, ask.at_ms)
            done = await tried(conn, ROOT_ID, content, told._replace(now_ms=ask.at_ms))
            waits = any((content.tariffs, content.plans, content.groups is not None, content.exchange is not None))
            if waits:
                await put_waiting(conn, ROOT_ID, content, told, ask.at_ms)
            return Publication(done, [*map(str, warnings), *late, *done.waiting], ask.at_ms if waits else None)
        wanted = content
        if ask.only_news:
            wanted = await without_waiting(conn, await without_brought(conn, config.node, content))
        done = await carry_out(conn, ROOT_ID, wanted, told)
        if folder == config.ratebook:
            await note_brought(conn, config.node, content, wanted)
        missing = await lacking(conn, loaded.exchange, now_ms // 1000)
        waiting = await _lacks(conn, loaded)
    return Publication(done, [*map(str, warnings), *late, *waiting, *missing])


async def _lacks(conn: AsyncConnection, loaded: LoadedRatebook) -> list[str]:
    """A line, with its place, for each name of a plan that waits until there is such a thing."""
    names = await Names.read(conn, loaded.plans.values())
    found = []
    for name, plan in loaded.plans.items():
        for lack in names.lacks(plan):
            file, line, column = loaded.mentioned[lack.noun, lack.name]
            found.append(f"{file}:{line}:{column}: plan {name!r} waits: {lack.text}")
    return found


async def look(config: Config, engine: AsyncEngine, folder: Path, loaded: LoadedRatebook, now_ms: int) -> list[Problem]:
    """What publishing this would warn of; nothing is changed."""
    compiled = await asyncio.to_thread(lambda: [compile_tariff(tariff) for tariff in loaded.tariffs.values()])
    at_s = now_ms // 1000
    releases = await write_rates(config, await _beside_published(engine, compiled), at_s, only_look=True)
    moved = [one.jumps for one in releases]
    return await warnings_of_folder(config, engine, places_in(folder, loaded), loaded, moved, at_s)


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
        raise RatebookFaulty(folder, loaded.problems)
    return loaded, [compile_tariff(tariff) for tariff in loaded.tariffs.values()]
