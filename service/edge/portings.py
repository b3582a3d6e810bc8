"""Loading files of ported numbers into the rates environment, a part at a time, and switching to them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ratebook.compiled import ported
from ratebook.compiled.layout import HEADER_MARK
from ratebook.compiled.read import RatesReader
from service.commands import bodies
from service.commands.outbox import enqueue, writing
from service.config import Config
from service.database.edge_tables import portings
from service.database.engine import reading
from service.edge.ported_file import Checked, FileFaulty, Ported, check_file, read_file
from service.edge.storage import all_portings
from service.tariffs.rates import in_rates

PART_ROWS = 5_000
PAUSE_S = 0.002
"""Between two parts: the calls' processors and publishing come first."""


class Loader:
    """Of one service."""

    def __init__(self, engine: AsyncEngine, config: Config) -> None:
        self._engine, self._config = engine, config
        self._looked = False

    async def work(self, now_ms: int) -> bool:
        """Loads the list that was asked for first; False: none was."""
        if not self._looked:
            await self._ask_for_lost(now_ms)
            self._looked = True
        async with reading(self._engine) as conn:
            wanted = sa.select(portings).where(portings.c.state == "asked").order_by(portings.c.asked_ms, portings.c.id)
            row = (await conn.execute(wanted.limit(1))).first()
            kept = {bytes.fromhex(one.version) for one in await all_portings(conn) if one.version}
        if row is None:
            return False
        try:
            loaded = await load(self._config, row, kept)
        except FileFaulty as fault:
            await self._note(row, {"state": "faulty", "fault": str(fault)}, now_ms)
            return True
        values = {"state": "loaded", "fault": "", "version": loaded.version.hex(), "numbers": loaded.numbers}
        await self._note(row, values | {"loaded_ms": now_ms}, now_ms)
        return True

    async def _ask_for_lost(self, now_ms: int) -> None:
        """A rates environment that was made anew has none of the lists."""
        async with reading(self._engine) as conn:
            rows = [row for row in await all_portings(conn) if row.version]
        present = (
            await in_rates(self._config, lambda env: [_is_there(env, row.version) for row in rows]) if rows else []
        )
        lost = [row.id for row, there in zip(rows, present, strict=True) if not there]
        if lost:
            async with writing(self._engine, self._config.node) as conn:
                again = sa.update(portings).where(portings.c.id.in_(lost))
                await conn.execute(again.values(state="asked", asked_ms=now_ms))

    async def _note(self, row: Row[Any], values: dict[str, Any], now_ms: int) -> None:
        """What became of it, unless it was asked for anew meanwhile."""
        async with writing(self._engine, self._config.node) as conn:
            same = (portings.c.id == row.id) & (portings.c.revision == row.revision)
            noted = await conn.execute(sa.update(portings).where(same).values(**values))
            if noted.rowcount and "version" in values:
                await tell(conn, self._config.node, now_ms)


async def tell(conn: AsyncConnection, node: str, now_ms: int) -> None:
    """The call path learns which lists hold."""
    await enqueue(conn, node, bodies.portings_body(await all_portings(conn)), now_ms=now_ms)


async def load(config: Config, row: Row[Any], kept: set[bytes]) -> Checked:
    """Writes a list's version, if it isn't there yet. `kept`: the versions that hold. Raises FileFaulty."""
    path = config.ported_folder / row.file
    checked = await asyncio.to_thread(check_file, path, row.prefix)
    version = checked.version
    await in_rates(config, lambda env: ported.drop_others(env, kept | {version}))
    if await in_rates(config, lambda env: _is_there(env, version.hex())):
        return checked
    await in_rates(config, lambda env: ported.begin(env, version))
    rows = read_file(path, row.prefix)
    written = 0
    while part := await asyncio.to_thread(_part, rows):
        await _write(config, path, version, part)
        written += len(part)
        await asyncio.sleep(PAUSE_S)
    if written != checked.numbers:
        raise FileFaulty(f"{path.name}: it was changed while it was read: put it there under its name when it is whole")
    await in_rates(config, lambda env: ported.finish(env, version, written))
    return checked


async def _write(config: Config, path: Path, version: bytes, part: list[Ported]) -> None:
    twice = await in_rates(config, lambda env: ported.put_part(env, version, part))
    if twice is not None:
        raise FileFaulty(f"{path.name}: {twice} stands in it twice: keep one of the rows")


def _part(rows: Iterator[Ported]) -> list[Ported]:
    return list(islice(rows, PART_ROWS))


def _is_there(env: Any, version: str) -> bool:
    with env.begin() as txn:
        return txn.get(bytes.fromhex(version) + HEADER_MARK) is not None


async def routing_of(config: Config, version: str, number: str) -> str | None:
    """What a list says of a number; empty: nothing; None: the list isn't there."""

    def look(env: Any) -> str | None:
        with RatesReader(env).snapshot() as rates:
            return rates.routing_of(bytes.fromhex(version), number)

    return await in_rates(config, look)
