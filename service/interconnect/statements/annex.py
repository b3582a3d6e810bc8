"""The annex of a statement: each of its calls and corrections as a line of CSV, which come to its sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.exchange import parse_factor
from ratebook.money import format_micros
from ratebook.tax import tax_within
from service.database.interconnect_tables import statement_calls, statement_corrections
from service.database.rerating_tables import corrections
from service.database.tables import cdrs, charges
from service.delivery.columns import COLUMNS, csv_text, moment
from service.interconnect.partners import COST_LEVEL, IN, OUT

PART_CALLS = 5_000
"""Or corrections."""
NAMES = (
    "line", "direction", "call", "answered", "ended", "caller", "called", "destination", "duration_ms", "billed_s",
    "amount", "tax", "currency",
)  # fmt: skip
"""`line`: a call, or the correction of one on an earlier statement. `tax`: of the amount."""
_NUMBERS = {IN: ("caller", "called"), OUT: ("caller_sent", "called_sent")}
"""What each side of a call may know of it, by direction: columns of delivered records."""
_SHOWN = (
    cdrs.c.id, cdrs.c.call, cdrs.c.start_ms, cdrs.c.answer_ms, cdrs.c.end_ms, cdrs.c.caller, cdrs.c.caller_sent,
    cdrs.c.private, cdrs.c.called, cdrs.c.called_sent, cdrs.c.destination, cdrs.c.duration_ms,
)  # fmt: skip


class Part(NamedTuple):
    """Some of it."""

    content: str
    following: int | None
    """Where the next one begins, if there is one: twice the last call's record; of a correction twice its number, and
    one more.
    """


async def part_of(conn: AsyncConnection, statement: Row[Any], after: int) -> Part:
    """The next calls, and corrections behind the last of them. `after`: as the part before says it; 0: the first part,
    in which the names stand.
    """
    zone = ZoneInfo((statement.paper or {}).get("zone", "UTC"))
    lines = [] if after else [list(NAMES)]
    after_id, is_behind_calls = divmod(after, 2)
    if not is_behind_calls:
        rows = await _calls(conn, statement, after_id)
        lines += [_line("call", row, row.micros, row.tax_micros, zone, statement.currency) for row in rows]
        ids = sorted({row.id for row in rows})
        if len(ids) == PART_CALLS:
            return Part(csv_text(lines), 2 * ids[-1])
        after_id = 0
    rows = await _corrections(conn, statement, after_id)
    lines += [_line("correction", row, row.delta_micros, _tax_of(row), zone, statement.currency) for row in rows]
    return Part(csv_text(lines), 2 * rows[-1].correction_id + 1 if len(rows) == PART_CALLS else None)


async def _calls(conn: AsyncConnection, statement: Row[Any], after_id: int) -> Sequence[Row[Any]]:
    """In both directions, where a call has both."""
    own = (statement_calls.c.statement_id == statement.id) & (statement_calls.c.cdr_id > after_id)
    ids = sa.select(statement_calls.c.cdr_id).where(own).distinct().order_by(statement_calls.c.cdr_id).limit(PART_CALLS)
    same = (charges.c.cdr_id == statement_calls.c.cdr_id) & (charges.c.level == statement_calls.c.level)
    level = statement_calls.c.level
    query: sa.Select[Any] = sa.select(
        *_SHOWN, level, statement_calls.c.micros, statement_calls.c.tax_micros, _billed(statement)
    )
    query = query.join(statement_calls, statement_calls.c.cdr_id == cdrs.c.id).join(charges, same, isouter=True)
    query = query.where(own & statement_calls.c.cdr_id.in_(ids)).order_by(cdrs.c.id, level)
    rows: Sequence[Row[Any]] = (await conn.execute(query)).all()
    return rows


def _billed(statement: Row[Any]) -> sa.Label[Any]:
    """As the statement counts it: calls may have been rated again since."""
    later = (corrections.c.cdr_id == statement_calls.c.cdr_id) & (corrections.c.level == statement_calls.c.level)
    later &= corrections.c.id > statement.corrections_up_to
    before = sa.select(corrections.c.before_billed_s).where(later).order_by(corrections.c.id).limit(1)
    now = sa.case((statement_calls.c.level == COST_LEVEL, cdrs.c.cost_billed_s), else_=charges.c.billed_s)
    return sa.func.coalesce(before.scalar_subquery(), now, 0).label("billed_s")


async def _corrections(conn: AsyncConnection, statement: Row[Any], after_id: int) -> Sequence[Row[Any]]:
    """Of calls on earlier statements, behind one of them."""
    number = statement_corrections.c.correction_id
    same = (charges.c.cdr_id == corrections.c.cdr_id) & (charges.c.level == corrections.c.level)
    columns = (
        number,
        corrections.c.level,
        corrections.c.delta_micros,
        corrections.c.before_micros,
        corrections.c.after_micros,
    )
    query: sa.Select[Any] = sa.select(*_SHOWN, *columns, charges.c.tax, corrections.c.after_billed_s.label("billed_s"))
    query = query.join(corrections, corrections.c.cdr_id == cdrs.c.id).join(charges, same, isouter=True)
    query = query.join(statement_corrections, number == corrections.c.id)
    query = query.where(statement_corrections.c.statement_id == statement.id, number > after_id)
    query = query.order_by(number).limit(PART_CALLS)
    rows: Sequence[Row[Any]] = (await conn.execute(query)).all()
    return rows


def _tax_of(row: Row[Any]) -> int:
    """Of a correction: by which the tax of the whole charge has changed."""
    if row.tax is None:
        return 0
    factor = parse_factor(row.tax)
    return tax_within(row.after_micros, factor) - tax_within(row.before_micros, factor)


def _line(kind: str, row: Row[Any], micros: int, tax_micros: int, zone: ZoneInfo, currency: str) -> list[str]:
    direction = OUT if row.level == COST_LEVEL else IN
    numbers = [COLUMNS[name].cell(row, zone) for name in _NUMBERS[direction]]
    times = [moment(row.answer_ms, zone), moment(row.end_ms, zone)]
    destination = COLUMNS["destination"].cell(row, zone)
    counted = [str(row.duration_ms), str(row.billed_s)]
    money = [format_micros(micros), format_micros(tax_micros), currency]
    return [kind, direction, row.call, *times, *numbers, destination, *counted, *money]
