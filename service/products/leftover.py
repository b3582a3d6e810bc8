"""What a cancelled package gives back: decided when no call can use it any more, and all that did are in the ledger.

A grant that was cut short is taken by no new call once the store has heard of it. When none holds something of it, its
last uses stand in the journal up to that moment's sequence; when the collector has come so far, the ledger knows them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from kemi.store.environment import StoreAbsent, snapshot_of
from kemi.store.packages import KNOWN, Stock, all_stocks
from service.config import Config
from service.database.tables import nodes


class Position(NamedTuple):
    """A place in the journal; the later one is the greater."""

    epoch: int
    sequence: int


class Stocks(NamedTuple):
    """One look at the packages of a store."""

    at: Position
    stocks: dict[int, Stock]
    """By grant."""


def look(config: Config) -> Stocks | None:
    """What the store has of packages; None: there is no store, or it hasn't everything yet."""
    try:
        with snapshot_of(config.run_dir) as snapshot:
            at = Position(snapshot.epoch, snapshot.sequence)
            return Stocks(at, snapshot.read(all_stocks)) if snapshot.ready else None
    except StoreAbsent:
        return None


class Leftover(NamedTuple):
    """What is given back if nothing was used."""

    micros: int
    epoch: int = 0
    """The two: by when no call could use the package any more; 0: some may."""
    sequence: int = 0

    def seen(self, grant: Row[Any], stocks: Stocks | None) -> Leftover:
        """As it stands after a look at the store; `grant`: of `package_grants`."""
        if self.epoch or stocks is None or _may_be_used(grant, stocks.stocks.get(grant.id)):
            return self
        return self._replace(epoch=stocks.at.epoch, sequence=stocks.at.sequence)

    def is_known(self, collected: Position) -> bool:
        """Whether the ledger has all that calls used, if it has read the journal so far."""
        return bool(self.epoch) and collected >= (self.epoch, self.sequence)


def _may_be_used(grant: Row[Any], stock: Stock | None) -> bool:
    if stock is None:  # else its command is still on its way
        return bool(grant.state == "open")
    return not stock.flags & KNOWN or stock.held > 0 or stock.until_s > grant.until_ms // 1000


async def collected(conn: AsyncConnection, node: str) -> Position:
    """How far the ledger has read a node's journal."""
    query = sa.select(nodes.c.collected_epoch, nodes.c.collected_sequence).where(nodes.c.name == node)
    return Position(*(await conn.execute(query)).one())
