"""Calls of a period as tariffs price them: what they came to, and what they would come to by other rates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.exchange import NO_EXCHANGE, PAR, Exchange, exchanged, parse_factor
from ratebook.groups import Groups
from ratebook.model import Rate
from ratebook.price import Cover, Factor
from ratebook.tax import tax_within
from service.accounts.rules import ROOT_ID
from service.calls.attempts import last_start_ms
from service.calls.rated import rated_number
from service.database.engine import reading
from service.database.rerating_tables import rerating_rates
from service.database.tables import cdrs, charges, tariff_versions, tariffs
from service.tariffs.repricer import NOTHING_COVERED, Covered, Repriced, Repricer, priced_at_ms

PAGE = 5_000
"""Calls read at a time: no transaction is long."""


class PricedCall(NamedTuple):
    """A call at one level."""

    kind: str
    called: str
    destination: str
    start_ms: int
    answer_ms: int
    """0: not answered."""
    duration_ms: int
    charge_micros: int
    """Without the taxes that were added."""
    cost_micros: int
    """The provider's, in `cost_currency`; 0: none."""
    cost_currency: str
    currency: str
    """Of the charge."""
    tariff_currency: str
    exchange: Factor
    """What the tariff's price was multiplied by to be in that of the charge."""
    covered: Covered = NOTHING_COVERED
    """What packages paid beside the charge."""
    tax: Factor = PAR
    """What taxes multiplied the price by beside that; they are not in the charge here."""
    attempt_ms: int = 0
    """Of a provider's cost, when the call went to it; 0: of a charge."""

    @property
    def at_s(self) -> int:
        """The wall-clock second by which it is priced."""
        return priced_at_ms(self) // 1000


class Group(NamedTuple):
    """Calls that are added up."""

    destination: str
    currency: str
    """Of what they were charged."""


class Sum(NamedTuple):
    """Of a group of calls, in their currency."""

    calls: int = 0
    duration_ms: int = 0
    before_micros: int = 0
    after_micros: int = 0
    cost_micros: int = 0
    without_rate: int = 0
    """Calls that the other rates would have refused, or that no rate of exchange leads to; priced at nothing."""


async def calls_of(
    engine: AsyncEngine, tariff: str, from_ms: int, to_ms: int, *, costs: bool, seller_id: int = ROOT_ID
) -> AsyncIterator[PricedCall]:
    """The calls of a period that were priced by any version of a seller's tariff; `costs`: that cost by it.

    Tariffs of the operator's are what resellers sell by too; of another seller's only its own calls count, though
    somebody else's tariff may say the same and so be the same version.
    """
    own = (tariffs.c.name == tariff) & (tariffs.c.owner_id == seller_id)
    priced_in = sa.select(tariffs.c.currency).where(own).scalar_subquery().label("tariff_currency")
    ids = sa.select(tariffs.c.id).where(own)
    versions = sa.union(
        sa.select(tariff_versions.c.version).where(tariff_versions.c.tariff_id.in_(ids)),
        sa.select(rerating_rates.c.version).where(rerating_rates.c.tariff_id.in_(ids)),  # drafts, too
    )
    when = (cdrs.c.start_ms >= from_ms) & (cdrs.c.start_ms < to_ms)
    shown = [
        cdrs.c.id, cdrs.c.kind, rated_number().label("called"), cdrs.c.destination, cdrs.c.start_ms, cdrs.c.answer_ms,
        cdrs.c.duration_ms, cdrs.c.cost_micros, cdrs.c.cost_currency, priced_in,
    ]  # fmt: skip
    paid = (charges.c.charge_micros, charges.c.currency, charges.c.exchange)
    beside: list[Any] = [
        charges.c.covered_s,
        charges.c.fees_covered,
        charges.c.covered_micros,
        charges.c.tax,
        charges.c.tax_micros,
    ]
    if costs:
        paid = (cdrs.c.cost_micros, cdrs.c.cost_currency, cdrs.c.cost_exchange)
        beside = [cdrs.c.attempts]
    named = [column.label(name) for column, name in zip(paid, ("charged", "currency", "exchange"), strict=True)]
    query = sa.select(*shown, *named, *beside)
    if costs:
        query = query.where(cdrs.c.cost_tariff.in_(versions))
    else:
        query = query.join(charges).where(charges.c.tariff.in_(versions))
        if seller_id != ROOT_ID:
            query = query.where(charges.c.seller_id == seller_id)
    last = 0
    while True:
        async with reading(engine) as conn:
            page = (await conn.execute(query.where(when & (cdrs.c.id > last)).order_by(cdrs.c.id).limit(PAGE))).all()
        for row in page:
            found = PricedCall(
                row.kind, row.called, row.destination, row.start_ms, row.answer_ms, row.duration_ms,
                row.charged or 0, row.cost_micros or 0, row.cost_currency or "", row.currency, row.tariff_currency,
                parse_factor(row.exchange),
            )  # fmt: skip
            yield found._replace(attempt_ms=last_start_ms(row.attempts)) if costs else _charged(found, row)
        if len(page) < PAGE:
            return
        last = page[-1].id


def _charged(call: PricedCall, row: Row[Any]) -> PricedCall:
    """With what packages and taxes have to do with its charge."""
    covered = Covered(Cover(row.covered_s, row.fees_covered), row.covered_micros)
    return call._replace(charge_micros=call.charge_micros - row.tax_micros, covered=covered, tax=parse_factor(row.tax))


def factor_of(call: PricedCall, currency: str, exchange: Exchange) -> Factor | None:
    """What a price in a currency is multiplied by for a call: as it was, if its tariff had that currency.

    None: no rate of exchange leads to the currency of the charge.
    """
    if call.tariff_currency == currency:
        return call.exchange
    return exchange.factor(currency, call.currency, call.at_s)


async def by_destination(
    calls: AsyncIterator[PricedCall],
    rates: list[Rate],
    currency: str,
    exchange: Exchange = NO_EXCHANGE,
    groups: Groups | None = None,
) -> dict[Group, Sum]:
    """What the calls came to and would come to by other rates in a currency, by destination and currency of the charge.

    Costs by the rate of exchange of the call's moment; one that has none is left out. `groups`: by the called number's
    destination group instead; those of none are under an empty name.
    """
    repricer = Repricer(rates)
    found: dict[Group, Sum] = {}
    async for call in calls:
        factor = factor_of(call, currency, exchange)
        times, parts = call.tax
        priced = None if factor is None else repricer.price(call, (factor[0] * times, factor[1] * parts), call.covered)
        name, after = call.destination, None
        if isinstance(priced, Repriced):
            name, after = priced.rate.destination, priced.micros - tax_within(priced.micros, call.tax)
        if groups is not None:
            name = groups.find(call.called)
        group = Group(name, call.currency)
        known = found.get(group, Sum())
        found[group] = Sum(
            known.calls + 1,
            known.duration_ms + call.duration_ms,
            known.before_micros + call.charge_micros,
            known.after_micros + (after or 0),
            known.cost_micros + _cost_micros(call, exchange),
            known.without_rate + (after is None),
        )
    return found


def _cost_micros(call: PricedCall, exchange: Exchange) -> int:
    """The provider's, in the currency of the charge."""
    worth = exchange.factor(call.cost_currency, call.currency, call.at_s)
    return 0 if worth is None else exchanged(call.cost_micros, worth)
