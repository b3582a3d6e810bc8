"""A report's rows as lines of a file: added up, sorted and named by the database, told here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from ratebook.money import format_micros
from service.api.call import Call
from service.api.lines import ESCAPES, LINE, LineColumn, escaped
from service.api.nouns import NOUNS, visible
from service.database.columns import BIG
from service.reports.adding import Way
from service.reports.over_time import SplitRow

ROWS_MAX = 100_000
"""Of a batch, for which all is added up anew: some ten megabytes of lines, and a few times as much of rows."""
_COUNTS = ("attempts", "answered", "minutes", "rang", "pdd_ms", "earned", "spent", "margin")
_Cell = Callable[[Any], object]


async def rows_of(call: Call, way: Way, sums: sa.Select[Any], order: Sequence[Any]) -> list[Any]:
    """Rows of `counted`, whole numbers on either engine, each with its name as far as the asker may see it."""
    found = sums.order_by(*order).subquery("sums")
    counts = [sa.cast(found.c[name], BIG).label(name) for name in _COUNTS]
    query = sa.select(found.c.key.label("key"), *counts)
    if way.noun:
        noun, table = NOUNS[way.noun], NOUNS[way.noun].table
        seen = (table.c.id == found.c.key) & visible(noun, call.actor)
        query = query.add_columns(table.c.name.label("named")).select_from(found.outerjoin(table, seen))
    return list(await call.conn.execute(query.order_by(*order)))


class Telling(NamedTuple):
    """How rows are told."""

    by: str
    currency: str
    zone: ZoneInfo
    has_money: bool
    sells: bool

    def lines(self, columns: Sequence[LineColumn], rows: Sequence[Any]) -> tuple[str, bool]:
        """Text, and whether its cells are escaped: a name holds a mark."""
        cells, name = self._cells(), self._name
        is_escaped = any(mark in text for text in [str(name(row)) for row in rows] for mark in ESCAPES)
        if is_escaped:
            cells["name"] = lambda row: escaped(str(name(row)))
        asked = [(one.mark, cells[one.name]) for one in columns]
        return "".join([LINE + "".join([f"{mark}{cell(row)}" for mark, cell in asked]) for row in rows]), is_escaped

    def _name(self, row: Any) -> object:
        if self.by in {"destination", "code"}:
            return row.key
        return "" if self.by in {"hour", "day"} else row.named or ""

    def _cells(self) -> dict[str, _Cell]:
        """As `service.reports.summary_api` says of each field."""
        is_time = self.by in {"hour", "day"}
        return {
            "name": self._name,
            "number": _nothing if is_time or self.by == "destination" else lambda row: row.key or "",
            "at": lambda row: self._at(row) if is_time or isinstance(row, SplitRow) else "",
            "attempts": lambda row: row.attempts,
            "answered": lambda row: row.answered,
            "asr_percent": lambda row: row.answered * 100 // (row.attempts or 1),
            "duration_ms": lambda row: row.minutes,
            "acd_s": lambda row: row.minutes // row.answered // 1000 if row.answered else "",
            "pdd_ms": lambda row: row.pdd_ms // row.rang if row.rang else "",
            "currency": lambda _: self.currency,
            "earned": (lambda row: format_micros(row.earned)) if self.has_money else _nothing,
            "spent": (lambda row: format_micros(row.spent)) if self.has_money else _nothing,
            "margin": (lambda row: format_micros(row.margin)) if self.has_money and self.sells else _nothing,
        }

    def _at(self, row: Any) -> str:
        at = row.at if isinstance(row, SplitRow) else row.key
        return datetime.fromtimestamp(at // 1000, UTC).astimezone(self.zone).isoformat()


def _nothing(_: Any) -> str:
    return ""
