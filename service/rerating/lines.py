"""What calls were charged and cost: the lines that a re-rating looks at, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.exchange import PAR, parse_factor
from ratebook.price import Cover, Factor
from service.billing.rests import credited_of, rests_of
from service.calls.attempts import last_start_ms
from service.calls.rated import rated_number
from service.database.billing_tables import invoice_calls
from service.database.paths import is_below_account
from service.database.peer_tables import devices
from service.database.tables import accounts, cdrs, charges, gateways, trunks
from service.ledger.rules import ROOT_ID
from service.tariffs.exchange import History, history
from service.tariffs.repricer import NOTHING_COVERED, Covered, priced_at_ms

COST_LEVEL = -1
"""Of the provider's cost, beside the levels of `charges`."""


class Selection(NamedTuple):
    """Which calls, and which of their lines."""

    seller_id: int
    """Whose sales: its own and those of everybody below it. The root's are all."""
    from_ms: int
    """Calls that began in this time; the end is exclusive."""
    to_ms: int
    under_id: int | None = None
    """Made by this account or below it; None: by anybody."""
    prefix: str = ""
    """The called number begins so."""
    destination: str = ""
    """As the record names it; empty: any."""
    costs: bool = False
    """What providers get, too."""


class Position(NamedTuple):
    """The last call that was looked at."""

    start_ms: int
    cdr_id: int


class EndedCall(NamedTuple):
    """Of a call what its price depends on."""

    id: int
    key: str
    """32 hex digits."""
    kind: str
    """As in `cdrs`."""
    called: str
    start_ms: int
    answer_ms: int
    """0: not answered."""
    duration_ms: int
    attempt_ms: int = 0
    """Of a provider's cost, when the call went to it; 0: of a charge."""

    @property
    def at_ms(self) -> int:
        """Whose rates count."""
        return priced_at_ms(self)


class Price(NamedTuple):
    """What a line comes to, and by what."""

    tariff: str
    """Version, 16 hex digits."""
    prefix: str
    terms: str
    """Hex, as `charges` has them."""
    exchange: str
    """The factor from the currency of the terms to that of the line, as `charges` has it."""
    billed_s: int
    micros: int


class Credited(NamedTuple):
    """An invoice's line that notes took something back of."""

    line_id: int
    rest_micros: int
    """What corrections of its calls may still give back, all together."""


class Line(NamedTuple):
    """What one level was charged for a call, or the provider's cost."""

    call: EndedCall
    level: int
    account_id: int
    """Who pays; of a cost the provider."""
    seller_id: int
    """Whom; of a cost the root, which pays."""
    price: Price
    currency: str
    is_closed: bool
    """The account, by now."""
    tariffs_now: tuple[int, ...]
    """By which the account, its trunk or gateway would be priced now."""
    credited: Credited | None = None
    """Of the invoice's line that it stands on something was given back, not only what re-rating found."""
    covered: Covered = NOTHING_COVERED
    tax: Factor = PAR
    """What taxes multiplied the price by, beside the rate of exchange: as it was, whatever they are now."""

    @property
    def is_cost(self) -> bool:
        """Whether it is the provider's."""
        return self.level == COST_LEVEL


class Page(NamedTuple):
    """Calls in the order of their beginning."""

    cdr_ids: tuple[int, ...]
    lines: list[Line]
    end: Position
    is_last: bool
    worth: History
    """What currencies were worth at the time of these calls."""


def _below(column: sa.ColumnElement[Any], top_id: int) -> sa.ColumnElement[bool]:
    return column.in_(sa.select(accounts.c.id).where(is_below_account(accounts.c.path, top_id)))


async def page_of(conn: AsyncConnection, chosen: Selection, after: Position, limit: int) -> Page:
    """The next calls behind a position, with the lines that lie in the seller's subtree."""
    rows = (await conn.execute(_calls(chosen, after).limit(limit))).all()
    end = Position(rows[-1].start_ms, rows[-1].id) if rows else after
    lines = await _lines(conn, chosen, rows)
    worth = await history(conn, [line.call.at_ms for line in lines])
    return Page(tuple(row.id for row in rows), lines, end, len(rows) < limit, worth)


async def lines_again(conn: AsyncConnection, chosen: Selection, after: Position, page: Page) -> list[Line]:
    """The lines of the same calls as they are now."""
    query = _calls(chosen, after).where(cdrs.c.id.in_(page.cdr_ids))
    return await _lines(conn, chosen, (await conn.execute(query)).all())


async def _lines(conn: AsyncConnection, chosen: Selection, rows: Sequence[Row[Any]]) -> list[Line]:
    calls = {row.id: _call(row) for row in rows}
    charged = (await conn.execute(_charges(chosen, list(calls)))).all()
    credited = await credited_of(conn, {row.line_id for row in charged if row.line_id is not None})
    rests = await rests_of(conn, credited)
    lines = [_charge(calls[row.cdr_id], row, rests) for row in charged]
    if chosen.costs:
        lines += [_cost(calls[row.id], row) for row in rows if row.cost_account_id is not None]
    return sorted(lines, key=lambda line: (line.call.start_ms, line.call.id, line.level))


def _calls(chosen: Selection, after: Position) -> sa.Select[Any]:
    provider = accounts.alias("provider")
    query = (
        sa.select(
            cdrs,
            provider.c.state.label("provider_state"),
            provider.c.tariff_id.label("provider_tariff"),
            gateways.c.tariff_id.label("gateway_tariff"),
        )
        .join(provider, provider.c.id == cdrs.c.cost_account_id, isouter=True)
        .join(gateways, gateways.c.id == cdrs.c.gateway_id, isouter=True)
    )
    behind = (cdrs.c.start_ms > after.start_ms) | (cdrs.c.id > after.cdr_id)
    query = query.where((cdrs.c.start_ms >= after.start_ms) & behind & (cdrs.c.start_ms < chosen.to_ms))
    for top_id in (chosen.seller_id, chosen.under_id):
        if top_id not in {None, ROOT_ID}:
            query = query.where(_below(cdrs.c.account_id, top_id or 0))
    if chosen.prefix:
        query = query.where(rated_number().startswith(chosen.prefix, autoescape=True))
    if chosen.destination:
        query = query.where(cdrs.c.destination == chosen.destination)
    return query.order_by(cdrs.c.start_ms, cdrs.c.id)


def _charges(chosen: Selection, cdr_ids: list[int]) -> sa.Select[Any]:
    query = (
        sa.select(
            charges,
            accounts.c.state,
            accounts.c.tariff_id,
            invoice_calls.c.line_id,
            trunks.c.tariff_id.label("trunk_tariff"),
            devices.c.tariff_id.label("device_tariff"),
        )
        .join(accounts, accounts.c.id == charges.c.account_id)
        .join(cdrs, cdrs.c.id == charges.c.cdr_id)
        .join(
            invoice_calls,
            (invoice_calls.c.cdr_id == charges.c.cdr_id) & (invoice_calls.c.level == charges.c.level),
            isouter=True,
        )
        .join(trunks, (trunks.c.id == cdrs.c.trunk_id) & (charges.c.level == 0), isouter=True)
        .join(devices, (devices.c.id == cdrs.c.device_id) & (charges.c.level == 0), isouter=True)
        .where(charges.c.cdr_id.in_(cdr_ids))
    )
    if chosen.seller_id != ROOT_ID:  # who pays and who is paid: nobody outside is touched
        query = query.where(_below(charges.c.account_id, chosen.seller_id))
        query = query.where(_below(charges.c.seller_id, chosen.seller_id))
    return query


def _call(row: Row[Any]) -> EndedCall:
    called = row.routing_number or row.called
    return EndedCall(row.id, row.call, row.kind, called, row.start_ms, row.answer_ms, row.duration_ms)


def _charge(call: EndedCall, row: Row[Any], rests: Mapping[int, int]) -> Line:
    price = Price(row.tariff, row.prefix, row.terms, row.exchange, row.billed_s, row.charge_micros)
    now = _known(row.trunk_tariff, row.device_tariff, row.tariff_id)
    covered = Covered(Cover(row.covered_s, row.fees_covered), row.covered_micros)
    closed = row.state == "closed"
    credited = Credited(row.line_id, rests[row.line_id]) if row.line_id in rests else None
    who, tax = (row.account_id, row.seller_id), parse_factor(row.tax)
    return Line(call, row.level, *who, price, row.currency, closed, now, credited, covered, tax)


def _cost(call: EndedCall, row: Row[Any]) -> Line:
    price = Price(
        row.cost_tariff, row.cost_prefix, row.cost_terms, row.cost_exchange, row.cost_billed_s, row.cost_micros
    )
    now = _known(row.gateway_tariff, row.provider_tariff)
    closed = row.provider_state == "closed"
    call = call._replace(attempt_ms=last_start_ms(row.attempts))
    return Line(call, COST_LEVEL, row.cost_account_id, ROOT_ID, price, row.cost_currency, closed, now)


def _known(*tariffs: int | None) -> tuple[int, ...]:
    return tuple(number for number in tariffs if number is not None)
