"""Numbers of invoices: gapless and unique for each seller, however many are taken at once. The rules are pure."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.engine import is_sqlite
from service.database.seller_tables import credit_note_numberings, numberings, receipt_numberings

PATTERN = "{prefix}{year}-{number:5}"
"""Of a seller that has set none."""
PATTERNS = {
    numberings.name: PATTERN,
    credit_note_numberings.name: "{prefix}CN{year}-{number:5}",
    receipt_numberings.name: "{prefix}R{year}-{number:5}",
}
"""By series."""
DIGITS_MAX = 12
_FIELD = re.compile(r"{(?:prefix|year|yy|number(?::(\d{1,2}))?)}")


def pattern_problem(pattern: str, *, restarts_yearly: bool) -> str | None:
    """What is wrong with a pattern; None: nothing."""
    rest = _FIELD.sub("", pattern)
    if "{" in rest or "}" in rest:
        return "only {prefix}, {year}, {yy}, {number} and {number:5} (at least five digits) stand in braces"
    found = [match for match in _FIELD.finditer(pattern) if match[0].startswith("{number")]
    if len(found) != 1:
        return "{number} stands in it once"
    if int(found[0][1] or 1) > DIGITS_MAX:
        return f"a number has at most {DIGITS_MAX} digits here"
    if restarts_yearly and not ("{year}" in pattern or "{yy}" in pattern):
        return "numbers that begin anew each year need {year} or {yy} beside them"
    return None


def number_text(pattern: str, prefix: str, year: int, number: int) -> str:
    """A number as it stands on the invoice. `pattern` has no problem."""

    def put(match: re.Match[str]) -> str:
        name = match[0].strip("{}")
        plain = {"prefix": prefix, "year": f"{year:04}", "yy": f"{year % 100:02}"}
        return plain[name] if name in plain else f"{number:0{int(match[1] or 1)}}"

    return _FIELD.sub(put, pattern)


def reading_of(pattern: str, prefix: str) -> re.Pattern[str]:
    """What reads `number`, and `year` if it has one, from a number of a pattern that has no problem."""
    parts, end = [], 0
    for match in _FIELD.finditer(pattern):
        name = match[0].strip("{}").partition(":")[0]
        parts += [re.escape(pattern[end : match.start()]), re.escape(prefix) if name == "prefix" else _READS[name]]
        end = match.end()
    first, named, rest = "".join([*parts, re.escape(pattern[end:])]).partition("?P<year>")
    return re.compile(first + named + rest.replace("?P<year>", "?:"))


_READS = {"year": r"(?P<year>\d{4})", "yy": r"(?P<year>\d{2})", "number": r"(?P<number>\d+)"}


def year_of(now_ms: int, zone: str) -> int:
    """The year of a moment where the seller is."""
    return datetime.fromtimestamp(now_ms // 1000, ZoneInfo(zone)).year


async def take_numbers(
    conn: AsyncConnection, account_id: int, now_ms: int, zone: str, count: int, series: sa.Table = numberings
) -> list[str]:
    """The next ones, of invoices, credit notes or receipts (`series`)."""
    insert = sqlite.insert(series) if is_sqlite(conn) else postgresql.insert(series)
    fresh = insert.values(account_id=account_id, pattern=PATTERNS[series.name])
    await conn.execute(fresh.on_conflict_do_nothing())
    where = series.c.account_id == account_id
    row = (await conn.execute(sa.select(series).where(where).with_for_update())).one()
    year = max(row.year, year_of(now_ms, zone))
    number = 1 if row.restarts_yearly and 0 < row.year < year else row.next_number
    await conn.execute(sa.update(series).where(where).values(next_number=number + count, year=year))
    return [number_text(row.pattern, row.prefix, year, one) for one in range(number, number + count)]
