"""What publishing would warn of, with all that must be asked for it: the ratebook's folder, or one written tariff."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.document import LoadedRatebook, Places, Problem
from ratebook.jumps import Jump
from ratebook.model import Rate, Tariff
from service.accounts.rules import ROOT_ID
from service.config import Config
from service.database.engine import reading
from service.tariffs.market import Market, Named, buying, load_market
from service.tariffs.rates import published_rates
from service.tariffs.sources import places_of
from service.tariffs.warnings import Sold, below_buying, below_cost, jumped


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

    def work() -> list[Problem]:
        found = []
        for tariff, jumps in zip(loaded.tariffs.values(), moved, strict=True):
            found += jumped(Sold(tariff, places, at_s), jumps)
        for one in sorted(own, key=attrgetter("name")):
            found += _below(one, Sold(loaded.tariffs[one.name], places, at_s), market, rates)
        return found

    return await asyncio.to_thread(work)


def _below(one: Named, sold: Sold, market: Market, rates: dict[Named, list[Rate]]) -> list[Problem]:
    found = below_cost(sold, [rates[cost] for cost in market.costs if cost.currency == one.currency])
    for paid in sorted(market.pairs.get(one, ()), key=attrgetter("name")):
        if paid.currency == one.currency:
            found += below_buying(sold, paid.name, rates[paid])
    return found


async def warnings_of_draft(config: Config, engine: AsyncEngine, draft: Draft, at_s: int) -> list[Problem]:
    """Against what the seller pays itself; the operator's against what providers ask."""
    async with reading(engine) as conn:
        costs = (await load_market(conn)).costs if draft.owner_id == ROOT_ID else frozenset()
        paid = await buying(conn, draft.owner_id)
    asked = {one for one in (*costs, paid) if one is not None and one.currency == draft.tariff.currency}
    rates = await _published(config, asked)

    def work() -> list[Problem]:
        with places_of(draft.tariff.name, draft.source, draft.decks) as places:
            sold = Sold(draft.tariff, places, at_s)
            found = jumped(sold, draft.jumps) + below_cost(sold, [rates[one] for one in costs & asked])
            return found + (below_buying(sold, paid.name, rates[paid]) if paid in rates else [])

    return await asyncio.to_thread(work)


async def _published(config: Config, wanted: Iterable[Named]) -> dict[Named, list[Rate]]:
    found = {one: one.version and await published_rates(config, one.version) for one in wanted}
    return {one: rates or [] for one, rates in found.items()}
