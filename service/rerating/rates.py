"""By which tariff a line was priced, and by which rates it is priced again."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.compiled.layout import UnknownLayout
from ratebook.model import Rate
from service.config import Config
from service.database.rerating_tables import rerating_rates
from service.database.tables import tariff_versions, tariffs
from service.rerating.lines import Line
from service.tariffs.rates import published_rates
from service.tariffs.repricer import Repricer


class Named(NamedTuple):
    """A tariff that has, or had, a certain version."""

    id: int
    owner_id: int


class Pin(NamedTuple):
    """What lines of a tariff are priced by."""

    tariff_id: int
    """Mostly the same one."""
    version: str


Pins = Mapping[int, Pin]
"""By the tariff that the lines were priced by."""
Owners = Mapping[str, Sequence[Named]]
"""By version. Equal rates have an equal version, so that several tariffs may have it."""


async def owners_of(conn: AsyncConnection, versions: Iterable[str]) -> Owners:
    """The tariffs of some versions, of drafts too that calls were priced by again."""
    wanted = list(set(versions))
    published = sa.select(tariff_versions.c.version, tariff_versions.c.tariff_id)
    pinned = sa.select(rerating_rates.c.version, rerating_rates.c.tariff_id)
    both = sa.union(
        published.where(tariff_versions.c.version.in_(wanted)), pinned.where(rerating_rates.c.version.in_(wanted))
    ).subquery()
    query = sa.select(both.c.version, tariffs.c.id, tariffs.c.owner_id).join(tariffs, tariffs.c.id == both.c.tariff_id)
    found: defaultdict[str, list[Named]] = defaultdict(list)
    for version, number, owner_id in await conn.execute(query.order_by(tariffs.c.id)):
        found[version].append(Named(number, owner_id))
    return found


def tariff_of(line: Line, named: Sequence[Named]) -> int | None:
    """By which tariff a line was priced; None: it can't be told.

    Of several the one that the account pays by now, else the one that its seller wrote.
    """
    for fits in (
        [one.id for one in named],
        [one.id for one in named if one.id in line.tariffs_now],
        [one.id for one in named if one.owner_id == line.seller_id],
    ):
        if len(fits) == 1:
            return fits[0]
    return None


class Rates:
    """Rates in memory, each version read once."""

    def __init__(self, config: Config, given: Mapping[str, Iterable[Rate]] | None = None) -> None:
        self._config = config
        self._known: dict[str, Repricer | None] = {version: Repricer(rates) for version, rates in (given or {}).items()}

    async def by(self, version: str) -> Repricer | None:
        """What prices by a version; None: its rates are gone."""
        if version not in self._known:
            self._known[version] = await self._read(version)
        return self._known[version]

    async def _read(self, version: str) -> Repricer | None:
        try:
            rates = await published_rates(self._config, version)
        except UnknownLayout:
            return None
        return None if rates is None else await asyncio.to_thread(Repricer, rates)
