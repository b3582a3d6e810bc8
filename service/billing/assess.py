"""Taxes and totals of drafts, from the sums of their lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.billing.currencies import decimals_of
from service.billing.taxing import Group, Payer, Rate, Rates, Tax, Taxed, as_charged, rates_of, shared_out, tax
from service.database.billing_tables import (
    SERVICES,
    account_taxes,
    billing_terms,
    invoice_lines,
    invoice_taxes,
    invoices,
    taxes,
)
from service.database.call_tax_tables import tax_sets

Pair = tuple[int, int]
"""Seller and account."""


class Rules(NamedTuple):
    """By which accounts are taxed."""

    taxes: Mapping[Pair, Sequence[Tax]]
    payers: Mapping[int, Payer]

    def rates(self, pair: Pair, service: str, at_ms: int, *, prepaid: bool) -> Rates:
        """Of a service. Raises ValueError."""
        payer = self.payers[pair[1]]._replace(prices_with_tax=prepaid)
        return rates_of(self.taxes[pair], payer, service, at_ms)

    def problem(self, pair: Pair, at_ms: int) -> str | None:
        """Why an account can't be taxed; None: it can."""
        try:
            for service in SERVICES:
                self.rates(pair, service, at_ms, prepaid=False)
        except ValueError as fault:
            return str(fault)
        return None


def rate_of(row: Row[Any]) -> Rate:
    """Of a row of `taxes` or `invoice_taxes`."""
    return Rate(
        row.name, row.category, row.percent_millionths, row.exemption_reason, row.exemption_code, row.inclusive,
        row.compound,
    )  # fmt: skip


async def rules_of(conn: AsyncConnection, pairs: Iterable[Pair]) -> Rules:
    """Of sellers and their accounts: what is assigned, else what everybody gets."""
    wanted = set(pairs)
    whose = taxes.c.account_id.in_({seller_id for seller_id, _ in wanted})
    ordered = sa.select(taxes).where(whose).order_by(taxes.c.position, taxes.c.id)
    sold: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    for row in await conn.execute(ordered):
        sold[row.account_id].append(row)
    ids = {account_id for _, account_id in wanted}
    given: defaultdict[int, set[int]] = defaultdict(set)
    for account_id, tax_id in await conn.execute(sa.select(account_taxes).where(account_taxes.c.account_id.in_(ids))):
        given[account_id].add(tax_id)
    terms = await conn.execute(sa.select(billing_terms).where(billing_terms.c.account_id.in_(ids)))
    payers = dict.fromkeys(ids, Payer("taxed"))
    payers |= {row.account_id: Payer(row.tax_status, row.exemption_reason, row.exemption_code) for row in terms}
    return Rules({pair: _chosen(sold[pair[0]], given[pair[1]]) for pair in wanted}, payers)


def _chosen(rows: list[Row[Any]], assigned: set[int]) -> list[Tax]:
    own = [row for row in rows if row.id in assigned]
    return [
        Tax(rate_of(row), frozenset(row.services), row.valid_from_ms, row.valid_until_ms, row.added_to_prepaid)
        for row in own or [row for row in rows if row.everybody]
    ]


async def assess(conn: AsyncConnection, invoice_ids: Sequence[int]) -> None:
    """Writes taxes and totals of drafts whose lines are there. Raises ValueError for two taxes that are both VAT."""
    rows = (await conn.execute(sa.select(invoices).where(invoices.c.id.in_(invoice_ids)))).all()
    rules = await rules_of(conn, {(row.seller_id, row.account_id) for row in rows})
    sums = await _sums(conn, invoice_ids)
    sets = await rates_by_set(conn, {thing.tax_set_id for things in sums.values() for thing in things})
    found = {row.id: _grouped(row, sums[row.id], rules, sets) for row in rows}
    taxed = {
        row.id: tax((Group(sums_, rates) for rates, _, sums_ in found[row.id]), decimals_of(row.currency))
        for row in rows
    }
    await write_taxes(conn, taxed)
    for invoice_id, groups in taxed.items():
        for number, (_, things, _) in enumerate(found[invoice_id]):
            await _mark(conn, invoice_id, number, things, groups[number])


class _Thing(NamedTuple):
    """Lines that are taxed alike."""

    service: str
    tax_set_id: int
    """What they were charged with; 0: what holds at the period's end is asked."""


async def _sums(conn: AsyncConnection, invoice_ids: Sequence[int]) -> defaultdict[int, dict[_Thing, int]]:
    """By invoice, in the order of the lines."""
    columns = (invoice_lines.c.invoice_id, invoice_lines.c.service, invoice_lines.c.tax_set_id)
    query = sa.select(*columns, sa.func.sum(invoice_lines.c.amount_micros)).group_by(*columns)
    query = query.where(invoice_lines.c.invoice_id.in_(invoice_ids)).order_by(sa.func.min(invoice_lines.c.position))
    found: defaultdict[int, dict[_Thing, int]] = defaultdict(dict)
    for invoice_id, service, tax_set_id, micros in await conn.execute(query):
        found[invoice_id][_Thing(service, tax_set_id)] = int(micros)
    return found


def _grouped(
    row: Row[Any], sums: Mapping[_Thing, int], rules: Rules, sets: Mapping[int, Rates]
) -> list[tuple[Rates, list[_Thing], int]]:
    """What is taxed alike: as it was charged, else as it was at the period's end. An invoice of nothing has calls of
    nothing.
    """
    groups: dict[Rates, list[_Thing]] = {}
    pair = (row.seller_id, row.account_id)
    for thing in sums or {_Thing("calls", 0): 0}:
        if thing.tax_set_id:
            rates = as_charged(sets[thing.tax_set_id])
        else:
            rates = rules.rates(pair, thing.service, row.period_to_ms - 1, prepaid=row.prepaid)
        groups.setdefault(rates, []).append(thing)
    return [(rates, of, sum(sums.get(thing, 0) for thing in of)) for rates, of in groups.items()]


async def rates_by_set(conn: AsyncConnection, numbers: Iterable[int]) -> dict[int, Rates]:
    """The rates of sets of `tax_sets`, as charges were made with them."""
    wanted = set(numbers) - {0}
    if not wanted:
        return {}
    rows = await conn.execute(sa.select(tax_sets.c.id, tax_sets.c.rates).where(tax_sets.c.id.in_(wanted)))
    return {number: tuple(Rate(**rate) for rate in rates) for number, rates in rows}


_TOTALS = ("net_micros", "rounding_micros", "tax_micros", "total_micros")


async def write_taxes(conn: AsyncConnection, taxed: Mapping[int, Sequence[Taxed]]) -> None:
    """By invoice, a row for each rate of each group, and the invoice's totals."""
    rows = [
        {
            "invoice_id": invoice_id, "tax_group": number, "position": position, **share.rate._asdict(),
            "base_micros": share.base_micros, "tax_micros": share.tax_micros,
        }
        for invoice_id, groups in taxed.items()
        for number, group in enumerate(groups)
        for position, share in enumerate(group.shares)
    ]  # fmt: skip
    await conn.execute(sa.insert(invoice_taxes), rows)
    totals = [
        {"of_invoice": invoice_id, **{f"new_{name}": sum(getattr(group, name) for group in groups) for name in _TOTALS}}
        for invoice_id, groups in taxed.items()
    ]
    changed = sa.update(invoices).where(invoices.c.id == sa.bindparam("of_invoice"))
    await conn.execute(changed.values({name: sa.bindparam(f"new_{name}") for name in _TOTALS}), totals)


async def _mark(conn: AsyncConnection, invoice_id: int, number: int, things: list[_Thing], group: Taxed) -> None:
    """Lines of all groups but the first, and those whose prices have their tax in them."""
    alike = [
        (invoice_lines.c.service == thing.service) & (invoice_lines.c.tax_set_id == thing.tax_set_id)
        for thing in things
    ]
    mine = (invoice_lines.c.invoice_id == invoice_id) & sa.or_(*alike)
    if number:
        await conn.execute(sa.update(invoice_lines).where(mine).values(tax_group=number))
    if group.included_micros:
        columns = sa.select(invoice_lines.c.id, invoice_lines.c.amount_micros)
        rows = (await conn.execute(columns.where(mine).order_by(invoice_lines.c.position))).all()
        nets = shared_out([row.amount_micros for row in rows], group.net_micros)
        of = sa.update(invoice_lines).where(invoice_lines.c.id == sa.bindparam("line_id"))
        values = [{"line_id": row.id, "net_micros": net} for row, net in zip(rows, nets, strict=True)]
        await conn.execute(of.values(net_micros=sa.bindparam("net_micros")), values)
