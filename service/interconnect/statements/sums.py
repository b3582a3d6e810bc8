"""What a statement will say: calls that are on none yet, and calls of earlier ones that were rated again since.

A call is looked for until it is found on a statement, so that one that comes late is on the next.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.exchange import parse_factor
from ratebook.tax import tax_within
from service.database.engine import go_by_indexes
from service.database.interconnect_tables import (
    partner_adjustments,
    statement_adjustments,
    statement_calls,
    statement_corrections,
    statement_lines,
    statements,
)
from service.database.rerating_tables import corrections
from service.database.tables import cdrs, charges
from service.interconnect.partners import COST_LEVEL, IN, OUT


class Side(NamedTuple):
    """One direction."""

    calls: int
    micros: int
    corrected_micros: int
    """Of calls on earlier statements."""
    tax_micros: int = 0
    """Of `micros`, taxes that were added to prepaid prices."""
    corrected_tax_micros: int = 0

    @property
    def total_micros(self) -> int:
        """What is owed for this direction."""
        return self.micros + self.corrected_micros


class Sums(NamedTuple):
    """Both."""

    ours: Side
    """What the partner owes us: its traffic to us."""
    theirs: Side
    adjusted_micros: int
    """Of disputes and commitments; positive: the partner owes us more."""

    @property
    def net_micros(self) -> int:
        """Positive: the partner pays us."""
        return self.ours.total_micros - self.theirs.total_micros + self.adjusted_micros

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to state."""
        return self == Sums(Side(0, 0, 0), Side(0, 0, 0), 0)


class Wanted(NamedTuple):
    """A statement that is asked for."""

    account_id: int
    currency: str
    until_ms: int
    """Of calls that have ended by then."""


def _unstated(wanted: Wanted, direction: str) -> sa.Select[Any]:
    """Lines that are on no statement yet: record, level, money, and what of it is tax."""
    level: sa.ColumnElement[int]
    micros: sa.ColumnElement[Any]
    if direction == IN:
        level, micros = charges.c.level, charges.c.charge_micros
        query = sa.select(cdrs.c.id, level.label("level"), micros.label("micros"), charges.c.tax_micros)
        query = query.join(charges, charges.c.cdr_id == cdrs.c.id)
        query = query.where(charges.c.account_id == wanted.account_id, charges.c.currency == wanted.currency)
    else:
        level, micros = sa.literal(COST_LEVEL), cdrs.c.cost_micros
        untaxed = sa.literal(0).label("tax_micros")
        query = sa.select(cdrs.c.id, level.label("level"), micros.label("micros"), untaxed)
        query = query.where(
            cdrs.c.cost_account_id == wanted.account_id,
            cdrs.c.cost_currency == wanted.currency,
            cdrs.c.cost_micros.is_not(None),
        )
    stated = sa.exists().where((statement_calls.c.cdr_id == cdrs.c.id) & (statement_calls.c.level == level))
    counts = (cdrs.c.outcome == "answered") | (micros != 0)  # an attempt may cost something
    return query.where(cdrs.c.end_ms < wanted.until_ms, counts, ~stated)


def _uncorrected(wanted: Wanted, direction: str) -> sa.Select[Any]:
    """Corrections since its statement of a call that is on one."""
    is_cost = corrections.c.level == COST_LEVEL
    told = sa.exists().where(statement_corrections.c.correction_id == corrections.c.id)
    of = (statement_calls.c.cdr_id == corrections.c.cdr_id) & (statement_calls.c.level == corrections.c.level)
    return (
        sa.select(corrections.c.id, corrections.c.delta_micros)
        .join(statement_calls, of)
        .join(statements, statements.c.id == statement_calls.c.statement_id)
        .where(corrections.c.account_id == wanted.account_id, corrections.c.currency == wanted.currency)
        .where(is_cost if direction == OUT else ~is_cost)
        .where(corrections.c.id > statements.c.corrections_up_to, ~told)
    )


def _unadjusted(wanted: Wanted) -> sa.Select[Any]:
    """Adjustments that are on no statement yet."""
    stated = sa.exists().where(statement_adjustments.c.adjustment_id == partner_adjustments.c.id)
    return sa.select(partner_adjustments.c.id, partner_adjustments.c.amount_micros).where(
        partner_adjustments.c.account_id == wanted.account_id,
        partner_adjustments.c.currency == wanted.currency,
        ~stated,
    )


async def sums_of(conn: AsyncConnection, wanted: Wanted) -> Sums:
    """As they would be now."""
    beside = _unadjusted(wanted).subquery()
    adjusted = sa.select(sa.func.coalesce(sa.func.sum(beside.c.amount_micros), 0))
    micros = int((await conn.execute(adjusted)).scalar_one())
    return Sums(await _side(conn, wanted, IN), await _side(conn, wanted, OUT), micros)


async def _side(conn: AsyncConnection, wanted: Wanted, direction: str) -> Side:
    lines = _unstated(wanted, direction).subquery()
    sums = [sa.func.coalesce(sa.func.sum(column), 0) for column in (lines.c.micros, lines.c.tax_micros)]
    calls, micros, tax = (await conn.execute(sa.select(sa.func.count(), *sums).select_from(lines))).one()
    later = _uncorrected(wanted, direction).subquery()
    corrected = sa.select(sa.func.coalesce(sa.func.sum(later.c.delta_micros), 0))
    corrected_micros = int((await conn.execute(corrected)).scalar_one())
    corrected_tax = await _corrected_tax(conn, wanted) if direction == IN and corrected_micros else 0
    return Side(int(calls), int(micros), corrected_micros, int(tax), corrected_tax)


async def _corrected_tax(conn: AsyncConnection, wanted: Wanted) -> int:
    """Of corrections: each charge's tax is found from the whole of it, before and after."""
    later = _uncorrected(wanted, IN).subquery()
    query = (
        sa.select(corrections.c.before_micros, corrections.c.after_micros, charges.c.tax)
        .join(later, later.c.id == corrections.c.id)
        .join(charges, (charges.c.cdr_id == corrections.c.cdr_id) & (charges.c.level == corrections.c.level))
        .where(charges.c.tax_set_id != 0)
    )
    rows = [(before, after, parse_factor(tax)) for before, after, tax in await conn.execute(query)]
    return sum(tax_within(after, tax) - tax_within(before, tax) for before, after, tax in rows)


async def link(conn: AsyncConnection, wanted: Wanted, statement_id: int) -> int:
    """Puts all of it on a statement that is there; returns how many calls that are. Each can be linked once."""
    await go_by_indexes(conn)
    count = 0
    beside = _unadjusted(wanted).subquery()
    of_adjustments = sa.select(beside.c.id, sa.literal(statement_id))
    names = ["adjustment_id", "statement_id"]
    await conn.execute(sa.insert(statement_adjustments).from_select(names, of_adjustments))
    for direction in (IN, OUT):
        later = _uncorrected(wanted, direction).subquery()
        of_corrections = sa.select(later.c.id, sa.literal(statement_id))
        names = ["correction_id", "statement_id"]
        await conn.execute(sa.insert(statement_corrections).from_select(names, of_corrections))
    for direction in (IN, OUT):
        lines = _unstated(wanted, direction).subquery()
        chosen = sa.select(lines.c.id, lines.c.level, sa.literal(statement_id), lines.c.micros, lines.c.tax_micros)
        names = ["cdr_id", "level", "statement_id", "micros", "tax_micros"]
        count += (await conn.execute(sa.insert(statement_calls).from_select(names, chosen))).rowcount
    await _summarise(conn, statement_id)
    return count


async def _summarise(conn: AsyncConnection, statement_id: int) -> None:
    """Lines by direction and destination, from what is linked."""
    direction = sa.case((statement_calls.c.level == COST_LEVEL, OUT), else_=IN)
    own = (charges.c.cdr_id == statement_calls.c.cdr_id) & (charges.c.level == statement_calls.c.level)
    billed = sa.func.coalesce(charges.c.billed_s, cdrs.c.cost_billed_s, 0)
    money = (statement_calls.c.micros, statement_calls.c.tax_micros)
    sums = [sa.func.sum(column) for column in (cdrs.c.duration_ms, billed, *money)]
    chosen = (
        sa.select(sa.literal(statement_id), direction, cdrs.c.destination, sa.func.count(), *sums)
        .select_from(statement_calls)
        .join(cdrs, cdrs.c.id == statement_calls.c.cdr_id)
        .join(charges, own, isouter=True)
        .where(statement_calls.c.statement_id == statement_id)
        .group_by(direction, cdrs.c.destination)
    )
    names = ["statement_id", "direction", "destination", "calls", "duration_ms", "billed_s", "micros", "tax_micros"]
    await conn.execute(sa.insert(statement_lines).from_select(names, chosen))
