"""What a notice tells of: from which version to which, from when, and what that changes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.notice import Notice, notices
from service.config import Config
from service.database.ratebook_tables import publications
from service.database.tables import tariffs
from service.faults import Fault
from service.tariffs.pending import WAITING
from service.tariffs.rates import published_rates

KEPT_MAX = 4
"""A tariff of a continent's size takes seconds, and thousands of customers may pay by it."""


class RatesGone(Fault):
    """A version is not in the rates environment."""

    def __init__(self, version: str) -> None:
        super().__init__(f"the rates of version {version} are gone: nobody can tell what changes")


class Told(NamedTuple):
    """From one version to another."""

    before: str
    after: str
    takes_s: int
    """When the second one comes into force."""


class Changes:
    """What changes, worked out once: versions never change."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._kept: OrderedDict[Told, list[Notice]] = OrderedDict()

    async def of(self, told: Told) -> list[Notice]:
        """By prefix and time. Raises RatesGone."""
        if told not in self._kept:
            before, after = [await self._rates(version) for version in (told.before, told.after)]
            self._kept[told] = await asyncio.to_thread(notices, before, after, told.takes_s)
            if len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        self._kept.move_to_end(told)
        return self._kept[told]

    async def _rates(self, version: str) -> Any:
        rates = await published_rates(self._config, version)
        if rates is None:
            raise RatesGone(version)
        return rates


async def told_of(conn: AsyncConnection, notice: Row[Any]) -> Told:
    """Of a notice; of one whose publication waits, as far as it is known now."""
    before = notice.before or await _version_before(conn, notice)
    return Told(before, notice.after, notice.takes_ms // 1000)


async def _version_before(conn: AsyncConnection, notice: Row[Any]) -> str:
    """What will hold until a publication's moment: what waits for an earlier one, else what holds now."""
    tariff = (await conn.execute(sa.select(tariffs).where(tariffs.c.id == notice.tariff_id))).one()
    columns = publications.c
    same_moment = (columns.due_ms == notice.takes_ms) & (columns.id < notice.publication_id)
    earlier = (columns.due_ms < notice.takes_ms) | same_moment
    earlier &= (columns.owner_id == notice.account_id) & (columns.state == WAITING)
    rows = await conn.execute(sa.select(columns.content).where(earlier).order_by(columns.due_ms, columns.id))
    versions = [row.content["tariffs"][tariff.name]["version"] for row in rows if tariff.name in row.content["tariffs"]]
    return str(versions[-1] if versions else tariff.version)
