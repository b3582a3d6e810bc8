"""What publishing would warn of, with all that must be asked for it: the ratebook's folder, or one written tariff."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.document import LoadedRatebook, Places, Problem
from ratebook.exchange import Exchange
from ratebook.jumps import Jump
from ratebook.model import Rate, Tariff
from service.accounts.rules import ROOT_ID
from service.config import Config
from service.database.engine import reading
from service.tariffs.exchange import in_force
from service.tariffs.market import Market, Named, buying, load_market
from service.tariffs.rates import published_rates
from service.tariffs.sources import places_of
from service.tariffs.warnings import Bought, Sold, below_buying, below_cost, jumped


class Draft(NamedTuple):
    """A tariff that is written through the API, as it was read."""

    owner_id: int
    tariff: Tariff
    source: str
    decks: Mapping[str, str]
    jumps: list[Jump]
    """From what is published."""


async def warnings_of_folder(
    config: Config, engine: AsyncEngine, places: Places, loaded: LoadedRatebook, moved: list[list[Jump]], at_s: int
) -> list[Problem]:
    """`moved`: the jumps of each tariff, in their order."""
    async with reading(engine) as conn:
        market = await load_market(conn)
    own = {one for one in market.prices if one.owner_id == ROOT_ID and one.name in loaded.tariffs}
    wanted = {paid for one in own for paid in (*market.pairs.get(one, ()), *market.costs)}
    new = {one for one in wanted if one.owner_id == ROOT_ID and one.name in loaded.tariffs}
    rates = await _published(config, wanted - new)
    rates |= {one: list(loaded.tariffs[one.name].rates) for one in new}
    costs = Costs(rates, loaded.exchange, at_s)

    def work() -> list[Problem]:
        found = []
        for tariff, jumps in zip(loaded.tariffs.values(), moved, strict=True):
            found += jumped(Sold(tariff, places, at_s), jumps)
        for one in sorted(own, key=attrgetter("name")):
            found += _below(one, Sold(loaded.tariffs[one.name], places, at_s), market, costs)
        return found

    return await asyncio.to_thread(work)


class Costs(NamedTuple):
    """What tariffs ask, in other currencies too."""

    rates: dict[Named, list[Rate]]
    exchange: Exchange
    at_s: int

    def of(self, tariff: Named, currency: str) -> Bought | None:
        """In a currency; None: no rate of exchange leads there."""
        factor = self.exchange.factor(tariff.currency, currency, self.at_s)
        return None if factor is None else Bought(self.rates[tariff], factor)

    def all_of(self, tariffs: Iterable[Named], currency: str) -> list[Bought]:
        """Those of which it can be told."""
        return [bought for one in tariffs if (bought := self.of(one, currency)) is not None]


def _below(one: Named, sold: Sold, market: Market, costs: Costs) -> list[Problem]:
    found = below_cost(sold, costs.all_of(market.costs, one.currency))
    for paid in sorted(market.pairs.get(one, ()), key=attrgetter("name")):
        bought = costs.of(paid, one.currency)
        if bought is not None:
            found += below_buying(sold, paid.name, bought)
    return found


async def warnings_of_draft(config: Config, engine: AsyncEngine, draft: Draft, at_s: int) -> list[Problem]:
    """Against what the seller pays itself; the operator's against what providers ask."""
    async with reading(engine) as conn:
        costs = (await load_market(conn)).costs if draft.owner_id == ROOT_ID else frozenset()
        paid = await buying(conn, draft.owner_id)
        exchange = await in_force(conn)
    rates = await _published(config, [one for one in (*costs, paid) if one is not None])
    known, currency = Costs(rates, exchange, at_s), draft.tariff.currency

    def work() -> list[Problem]:
        with places_of(draft.tariff.name, draft.source, draft.decks) as places:
            sold = Sold(draft.tariff, places, at_s)
            found = jumped(sold, draft.jumps) + below_cost(sold, known.all_of(costs, currency))
            bought = None if paid is None else known.of(paid, currency)
            return found if paid is None or bought is None else found + below_buying(sold, paid.name, bought)

    return await asyncio.to_thread(work)


async def _published(config: Config, wanted: Iterable[Named]) -> dict[Named, list[Rate]]:
    found = {one: one.version and await published_rates(config, one.version) for one in wanted}
    return {one: rates or [] for one, rates in found.items()}
