"""What people ask about calls that have ended: a list, and one with every level's charge and margin. Reads only."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.exchange import exchanged, parse_factor
from ratebook.price import Factor
from service.accounts.storage import find_account
from service.calls.attempts import rate_of
from service.calls.explanation import packages_of, steps_of
from service.calls.fees import NO_FEES, Fees, fees_of
from service.database.paths import is_below
from service.database.peer_tables import devices
from service.database.tables import accounts, cdrs, charges, gateways, trunks
from service.faults import Fault
from service.ledger.rules import ROOT_ID
from service.tariffs.exchange import History, history

CALL_DIGITS = 32
Worth = Callable[[str, str], Factor | None]
"""What one currency was worth in another when a call was answered."""


class CdrFilter(NamedTuple):
    """Which calls."""

    account: str | None = None
    """Calls that this account, or one below it, made."""
    outcome: str | None = None
    number: str | None = None
    """The called number begins so."""
    since_ms: int | None = None
    until_ms: int | None = None
    """Exclusive."""
    before_id: int | None = None
    """Older than this record."""
    limit: int = 50


class ChargeLine(NamedTuple):
    """What one level paid, or the provider got."""

    account: str
    seller: str
    """Empty: the provider's cost."""
    tariff: str
    """Version, 16 hex digits."""
    prefix: str
    billed_s: int
    micros: int
    currency: str
    tariff_currency: str
    exchange: Factor
    """What the tariff's price was multiplied by, beside taxes."""
    rate: str
    """A minute of the first interval, in the tariff's currency."""
    increments: str
    packages: str = ""
    """What packages paid of it, in a few words."""
    steps: tuple[str, ...] = ()
    """How it came to that."""
    tax_micros: int = 0
    """Of what it was charged: taxes that were added."""

    @property
    def net_micros(self) -> int:
        """What is earned and paid by it."""
        return self.micros - self.tax_micros


class Margin(NamedTuple):
    """What a seller earned by the call, and what it paid for it, in the currency of what it earned."""

    account: str
    earned_micros: int
    paid_micros: int | None
    """By the rate of exchange of the call's moment; None: there was none."""
    currency: str

    @property
    def micros(self) -> int | None:
        """What stays; None: nobody can say."""
        return None if self.paid_micros is None else self.earned_micros - self.paid_micros


class CdrView(NamedTuple):
    """One call."""

    row: Row[Any]
    """Of `cdrs`, with account_name, trunk_name, device_name, gateway_name and refused_by_name."""
    charges: list[ChargeLine]
    """From the customer upwards."""
    cost: ChargeLine | None
    """None: no provider was reached."""
    margins: list[Margin]
    """Of each seller, from the customer's upwards, the root last."""
    fees: Fees = NO_FEES
    """What attempts before the last one were paid, by records of their own."""


async def list_cdrs(conn: AsyncConnection, chosen: CdrFilter) -> list[CdrView]:
    """The latest calls first. Raises UnknownAccount."""
    query = await _chosen(conn, _query(), chosen)
    rows = list(await conn.execute(query.order_by(cdrs.c.id.desc()).limit(chosen.limit)))
    return await _views(conn, rows)


async def find_cdr(conn: AsyncConnection, call: str) -> CdrView:
    """The call whose key begins with `call`. Raises Fault for none, or more than one."""
    key = call.lower()
    if not key or len(key) > CALL_DIGITS or set(key) - set("0123456789abcdef"):
        raise Fault(f"{call!r} is no call key: 32 hex digits, or the first ones of them, were expected")
    matches = cdrs.c.call == key if len(key) == CALL_DIGITS else cdrs.c.call.startswith(key)
    rows = list(await conn.execute(_query().where(matches).limit(2)))
    if not rows:
        raise Fault(f"no call record begins with {call!r}: it may still run (`kambill call list`)")
    if len(rows) > 1:
        raise Fault(f"more than one call record begins with {call!r}: give more of the key")
    return (await _views(conn, rows))[0]


def _query() -> sa.Select[Any]:
    refuser = accounts.alias("refuser")
    return (
        sa.select(
            cdrs,
            accounts.c.name.label("account_name"),
            trunks.c.name.label("trunk_name"),
            devices.c.username.label("device_name"),
            gateways.c.name.label("gateway_name"),
            refuser.c.name.label("refused_by_name"),
        )
        .join(accounts, accounts.c.id == cdrs.c.account_id, isouter=True)
        .join(trunks, trunks.c.id == cdrs.c.trunk_id, isouter=True)
        .join(devices, devices.c.id == cdrs.c.device_id, isouter=True)
        .join(gateways, gateways.c.id == cdrs.c.gateway_id, isouter=True)
        .join(refuser, refuser.c.id == cdrs.c.refused_by, isouter=True)
    )


async def _chosen(conn: AsyncConnection, query: sa.Select[Any], chosen: CdrFilter) -> sa.Select[Any]:
    if chosen.account is not None:
        top = await find_account(conn, chosen.account)
        query = query.where(is_below(accounts.c.path, top.path))
    if chosen.number:
        query = query.where(cdrs.c.called.startswith(chosen.number, autoescape=True))
    conditions: tuple[tuple[Any, Callable[[Any, Any], Any], sa.Column[Any]], ...] = (
        (chosen.outcome, operator.eq, cdrs.c.outcome),
        (chosen.since_ms, operator.ge, cdrs.c.start_ms),
        (chosen.until_ms, operator.lt, cdrs.c.start_ms),
        (chosen.before_id, operator.lt, cdrs.c.id),
    )
    return query.where(*(compare(column, value) for value, compare, column in conditions if value is not None))


async def _views(conn: AsyncConnection, rows: list[Row[Any]]) -> list[CdrView]:
    found = sa.select(charges).where(charges.c.cdr_id.in_([row.id for row in rows]))
    levels: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    for charge in await conn.execute(found.order_by(charges.c.cdr_id, charges.c.level)):
        levels[charge.cdr_id].append(charge)
    wanted = {row.cost_account_id for row in rows} | {ROOT_ID}
    wanted |= {number for found in levels.values() for row in found for number in (row.account_id, row.seller_id)}
    named = sa.select(accounts.c.id, accounts.c.name).where(accounts.c.id.in_([number for number in wanted if number]))
    names = {row.id: row.name for row in await conn.execute(named)}
    worth = await history(conn, [moment_of(row) for row in rows if are_mixed(row, levels[row.id])])
    fees = await fees_of(conn, rows)
    return [_view(row, levels[row.id], names, worth)._replace(fees=fees) for row in rows]


def moment_of(row: Row[Any]) -> int:
    """By which a call's currencies are compared: its answer's milliseconds, else its INVITE's."""
    return int(row.answer_ms or row.start_ms)


def are_mixed(row: Row[Any], levels: list[Row[Any]]) -> bool:
    """Whether a call's charges and cost are in several currencies."""
    return len({level.currency for level in levels} | ({row.cost_currency} - {None})) > 1


def _view(row: Row[Any], levels: list[Row[Any]], names: dict[int, str], worth: History) -> CdrView:
    at_ms = moment_of(row)
    lines = [
        ChargeLine(
            names.get(one.account_id, f"#{one.account_id}"),
            names.get(one.seller_id, f"#{one.seller_id}"),
            one.tariff,
            one.prefix,
            one.billed_s,
            one.charge_micros,
            one.currency,
            currency_of(one.terms),
            parse_factor(one.exchange),
            *rate_of(one.terms, at_ms)[1:],
            packages=packages_of(one),
            steps=tuple(steps_of(row, one)),
            tax_micros=one.tax_micros,
        )
        for one in levels
    ]
    cost = None
    if row.cost_micros is not None:
        provider = names.get(row.cost_account_id, f"#{row.cost_account_id}")
        cost = ChargeLine(
            provider,
            "",
            row.cost_tariff,
            row.cost_prefix,
            row.cost_billed_s,
            row.cost_micros,
            row.cost_currency,
            currency_of(row.cost_terms),
            parse_factor(row.cost_exchange),
            *rate_of(row.cost_terms, at_ms)[1:],
        )
    rates = margins(lines, cost, names.get(ROOT_ID, ""), lambda have, want: worth.factor(have, want, at_ms))
    return CdrView(row, lines, cost, list(rates))


def currency_of(terms: str) -> str:
    """The tariff's, of encoded terms in hex; empty: another release has written them."""
    return rate_of(terms, 0).currency


def paid_in(micros: int, factor: Factor | None) -> int | None:
    """What was paid, in another currency; None: there is no rate."""
    return None if factor is None else exchanged(micros, factor)


def margins(lines: list[ChargeLine], cost: ChargeLine | None, root: str, worth: Worth) -> Iterable[Margin]:
    """What each seller keeps: its customer's charge less its own; the root's less the provider's cost. Taxes that were
    added are neither.
    """
    for line in lines:
        own = cost if line.seller == root else next((one for one in lines if one.account == line.seller), None)
        paid = 0 if own is None else paid_in(own.net_micros, worth(own.currency, line.currency))
        yield Margin(line.seller, line.net_micros, paid, line.currency)
