"""Calls of a period as tariffs price them: what they came to, and what they would come to by other rates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.groups import Groups
from ratebook.model import Rate
from service.accounts.rules import ROOT_ID
from service.database.engine import reading
from service.database.rerating_tables import rerating_rates
from service.database.tables import cdrs, charges, tariff_versions, tariffs
from service.tariffs.repricer import Refusal, Repricer

PAGE = 5_000
"""Calls read at a time: no transaction is long."""


class PricedCall(NamedTuple):
    """A call at one level."""

    called: str
    destination: str
    start_ms: int
    answer_ms: int
    """0: not answered."""
    duration_ms: int
    charge_micros: int
    cost_micros: int
    """The provider's, in `cost_currency`; 0: none."""
    cost_currency: str


class Sum(NamedTuple):
    """Of the calls to a destination."""

    calls: int = 0
    duration_ms: int = 0
    before_micros: int = 0
    after_micros: int = 0
    cost_micros: int = 0
    without_rate: int = 0
    """Calls that the other rates would have refused; their price is counted as nothing."""


async def calls_of(
    engine: AsyncEngine, tariff: str, from_ms: int, to_ms: int, *, costs: bool, seller_id: int = ROOT_ID
) -> AsyncIterator[PricedCall]:
    """The calls of a period that were priced by any version of a seller's tariff; `costs`: that cost by it.

    Tariffs of the operator's are what resellers sell by too; of another seller's only its own calls count, though
    somebody else's tariff may say the same and so be the same version.
    """
    own = (tariffs.c.name == tariff) & (tariffs.c.owner_id == seller_id)
    ids = sa.select(tariffs.c.id).where(own)
    versions = sa.union(
        sa.select(tariff_versions.c.version).where(tariff_versions.c.tariff_id.in_(ids)),
        sa.select(rerating_rates.c.version).where(rerating_rates.c.tariff_id.in_(ids)),  # drafts, too
    )
    when = (cdrs.c.start_ms >= from_ms) & (cdrs.c.start_ms < to_ms)
    shown = [
        cdrs.c.id, cdrs.c.called, cdrs.c.destination, cdrs.c.start_ms, cdrs.c.answer_ms, cdrs.c.duration_ms,
        cdrs.c.cost_micros, cdrs.c.cost_currency,
    ]  # fmt: skip
    if costs:
        query = sa.select(*shown, cdrs.c.cost_micros.label("charged")).where(cdrs.c.cost_tariff.in_(versions))
    else:
        query = sa.select(*shown, charges.c.charge_micros.label("charged")).join(charges)
        query = query.where(charges.c.tariff.in_(versions))
        if seller_id != ROOT_ID:
            query = query.where(charges.c.seller_id == seller_id)
    last = 0
    while True:
        async with reading(engine) as conn:
            page = (await conn.execute(query.where(when & (cdrs.c.id > last)).order_by(cdrs.c.id).limit(PAGE))).all()
        for row in page:
            yield PricedCall(
                row.called, row.destination, row.start_ms, row.answer_ms, row.duration_ms, row.charged or 0,
                row.cost_micros or 0, row.cost_currency or "",
            )  # fmt: skip
        if len(page) < PAGE:
            return
        last = page[-1].id


async def by_destination(
    calls: AsyncIterator[PricedCall], rates: list[Rate], currency: str, groups: Groups | None = None
) -> dict[str, Sum]:
    """What the calls came to and would come to by other rates, by destination; costs in the same currency only.

    `groups`: by the destination group of the called number instead; those of none are under an empty name.
    """
    repricer = Repricer(rates)
    found: dict[str, Sum] = {}
    async for call in calls:
        priced = repricer.price(call)
        name, after = call.destination, None
        if not isinstance(priced, Refusal):
            name, after = priced.rate.destination, priced.micros
        if groups is not None:
            name = groups.find(call.called)
        known = found.get(name, Sum())
        found[name] = Sum(
            known.calls + 1,
            known.duration_ms + call.duration_ms,
            known.before_micros + call.charge_micros,
            known.after_micros + (after or 0),
            known.cost_micros + (call.cost_micros if call.cost_currency == currency else 0),
            known.without_rate + (after is None),
        )
    return found
