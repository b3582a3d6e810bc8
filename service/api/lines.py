"""Lists as lines that the database itself puts together: tens of thousands a second, for files.

A line is plain text: before each cell stands a mark that says whether it is text or a number, before each line a mark
of its own. What CSV and XLSX want of a cell is done to many lines at once, where they become a file
(`service.portal.components.written`). So a cell here says what the same field of the endpoint's answer says: a test
compares the two, list by list.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from service.api.call import Call
from service.api.offsets import Offset, offsets
from service.database.engine import is_sqlite
from service.database.tables import accounts
from service.ledger.rules import ROOT_ID

LINES_MAX = 20_000
"""Of a batch: some ten megabytes, several times at once."""
LINE, NUMBER, TEXT = "\x1d", "\x1e", "\x1f"
"""What stands before a line, and before a cell. A text may hold one itself: then it is escaped."""
ESCAPES = {"\x1b": "\x1b0", LINE: "\x1b1", NUMBER: "\x1b2", TEXT: "\x1b3"}
"""In this order; the other way round they are undone."""
DAY_S, DAY_MS = 86_400, 86_400_000
BEFORE_DAYS, AHEAD_DAYS = 1_000, 500
"""Of the ledger's beginning, and from now: hardly any moment of a list lies beyond."""
Kind = Literal["text", "number", "flag", "amount", "moment", "list"]
Text = sa.ColumnElement[str]
Expression = sa.ColumnElement[Any]


class LineColumn(NamedTuple):
    """A column that is asked for."""

    name: str
    kind: Kind
    of: tuple[str, str] | None = None
    """What is named, and the field that holds its number; None: a field of its own."""

    @property
    def mark(self) -> str:
        """That stands before its cells."""
        return NUMBER if self.kind in {"number", "flag", "amount"} else TEXT


def _nobody(cursor: str | None) -> None:
    """Is told."""


class LinesAsked(NamedTuple):
    """Which lines."""

    columns: tuple[LineColumn, ...]
    zone: ZoneInfo
    """Of their times."""
    hidden: frozenset[str] = frozenset()
    """Columns of names that are not for the asker's eyes: they are empty."""
    told: Callable[[str | None], None] = _nobody
    """Called with the cursor of the next batch if that is known before the lines."""


class Lines(NamedTuple):
    """A batch."""

    text: str
    rows: int
    next: str | None
    """The cursor of the next batch; None: this is the last."""
    is_escaped: bool = False
    """Whether texts are: one of them holds a mark."""


def escaped(text: str) -> str:
    """A text without marks."""
    for mark, instead in ESCAPES.items():
        text = text.replace(mark, instead)
    return text


def unescaped(text: str) -> str:
    """What was escaped."""
    for mark, instead in reversed(ESCAPES.items()):
        text = text.replace(instead, mark)
    return text


class Span(NamedTuple):
    """Of time, in which moments lie."""

    from_s: int
    until_s: int
    """Exclusive."""


WIDE = Span(0, 4_102_444_800)
"""1970 to 2099."""


AT = "\x00"
"""What stands for the moment in `Local`'s text; no statement holds it."""


class Local(FunctionElement[str]):
    """A moment's text: of the moment, and of SQL that is put together once for all columns. As expressions, its
    hundreds of stretches took longer to build than to be answered.
    """

    name = "local"
    type = sa.Text()
    inherit_cache = True


@compiles(Local)
def _compile_local(element: Local, compiler: Any, **more: Any) -> str:
    wall_ms, ways = element.clauses
    return str(compiler.process(ways, **more)).replace(AT, compiler.process(wall_ms, **more))


@functools.lru_cache(maxsize=64)
def _ways(zone: ZoneInfo, span: Span, is_sqlite: bool, is_careful: bool) -> str:  # noqa: FBT001 -- of a cache
    """A CASE over the stretches of a zone's clock, with AT for the moment."""
    known = offsets(zone, *span)
    told = [f"WHEN {AT} >= {one.from_s * 1000} THEN {_local(one, is_sqlite)}" for one in known[:-1]]
    if not is_careful:
        told.insert(0, f"WHEN {AT} < {span.from_s * 1000} OR {AT} >= {span.until_s * 1000} THEN '{TEXT}'")
    return f"CASE WHEN {AT} = 0 THEN '' {' '.join(told)} ELSE {_local(known[-1], is_sqlite)} END"


def _local(offset: Offset, is_sqlite: bool) -> str:  # noqa: FBT001 -- likewise
    wall_s = f"{AT} / 1000 + {offset.seconds}"
    if is_sqlite:
        return f"strftime('%Y-%m-%dT%H:%M:%S{offset.text}', {wall_s}, 'unixepoch')"
    return f"""to_char(timezone('UTC', to_timestamp({wall_s})), 'YYYY-MM-DD"T"HH24:MI:SS"{offset.text}"')"""


class Spelling:
    """How cells are told in one engine's SQL.

    `is_careful`: whatever they hold. Else a text that holds a mark, and a moment beyond the span, have a mark too many.
    """

    def __init__(self, zone: ZoneInfo, span: Span, *, is_sqlite: bool, is_careful: bool = False) -> None:
        self._ways = _ways(zone, WIDE if is_careful else span, is_sqlite, is_careful)
        self._is_sqlite = is_sqlite
        self._is_careful = is_careful

    def line(self, columns: Sequence[LineColumn], cells: Sequence[Expression]) -> Text:
        """Put together at once, since text behind text is copied again for each cell. Null: nothing."""
        told = constant(LINE + "".join(f"{column.mark}%s" for column in columns))
        return (sa.func.printf if self._is_sqlite else sa.func.format)(told, *cells, type_=sa.Text())

    def cell(self, kind: Kind, value: Expression) -> Expression:
        """A value of its kind."""
        told: Expression = getattr(self, kind)(value)
        return told

    def number(self, value: Expression) -> Expression:
        """As text on PostgreSQL, whose `format` looks each type up anew that follows another one."""
        return value if self._is_sqlite else as_text(value)

    def text(self, value: Expression) -> Expression:
        """What somebody wrote."""
        if self._is_careful:
            for mark, instead in ESCAPES.items():
                value = sa.func.replace(value, constant(mark), constant(instead))
        return value

    def amount(self, micros: Expression) -> Expression:
        """An exact amount with 2 to 6 decimals, or nothing."""
        is_cents = micros % _literal(10_000) == _literal(0)
        if self._is_sqlite:
            exact = sa.func.rtrim(_decimal(micros, 1, 6), constant("0"))
            return sa.case((micros.is_(None), constant("")), (is_cents, _decimal(micros, 10_000, 2)), else_=exact)
        much = micros * sa.literal_column("0.000001", sa.Numeric())
        return as_text(sa.case((is_cents, sa.func.round(much, _literal(2))), else_=sa.func.trim_scale(much)))

    def moment(self, wall_ms: Expression) -> Expression:
        """ISO 8601 with the zone's distance from UTC; 0 or null: nothing."""
        return Local(wall_ms, sa.literal_column(self._ways))

    def flag(self, value: Expression) -> Expression:
        """Yes or no."""
        return sa.case((value, constant("yes")), else_=constant("no"))

    def list(self, value: Expression) -> Expression:
        """Texts or numbers of a list that is kept as JSON, or such a cell already (`together`)."""
        if not isinstance(value.type, sa.JSON):
            return self.text(value)
        if self._is_sqlite:
            each = sa.func.json_each(value).table_valued("value")
            told = sa.func.group_concat(each.c.value, constant("; "), type_=sa.Text())
        else:
            each = sa.func.json_array_elements_text(value).table_valued("value")
            told = sa.func.string_agg(each.c.value, constant("; "), type_=sa.Text())
        found = sa.select(self.text(told)).select_from(each).scalar_subquery()
        return sa.case((sa.cast(value, sa.Text) == constant("[]"), constant("")), else_=found)


class Told(NamedTuple):
    """Rows whose first column is a line, or all of them."""

    rows: Sequence[Any]
    is_escaped: bool

    @property
    def text(self) -> str:
        """All lines."""
        return "".join([row[0] for row in self.rows])


async def told(
    call: Call, asked: LinesAsked, query: Callable[[Spelling], sa.Select[Any]], lines: int | None = None
) -> Told:
    """The rows of a query whose first column is a line. Where a cell has a mark too many, it is asked once more.

    `lines`: it gives so many at once, as one row (`at_once`).
    """
    span, engine = await _span(call), is_sqlite(call.conn)
    found = Told((await call.conn.execute(query(Spelling(asked.zone, span, is_sqlite=engine)))).all(), is_escaped=False)
    text, count = found.text, len(found.rows) if lines is None else lines
    marks = [LINE, *(column.mark for column in asked.columns)]
    if all(text.count(mark) == marks.count(mark) * count for mark in (LINE, NUMBER, TEXT)):
        return found
    careful = Spelling(asked.zone, span, is_sqlite=engine, is_careful=True)
    return Told((await call.conn.execute(query(careful))).all(), is_escaped=True)


def at_once(lines: sa.Select[Any]) -> sa.Select[Any]:
    """The lines of a query, in its order, as one text: on PostgreSQL each row beside takes longer than its sort."""
    found = lines.subquery()
    return sa.select(sa.func.aggregate_strings(found.c[0], ""))


async def _span(call: Call) -> Span:
    """From some time before the ledger began until some time from now; whole days, so that it stays the same."""
    begun = sa.select(accounts.c.created_ms).where(accounts.c.id == ROOT_ID)
    begun_ms = int((await call.conn.execute(begun)).scalar_one())
    first, last = begun_ms // DAY_MS - BEFORE_DAYS, call.now_ms // DAY_MS + AHEAD_DAYS
    return Span(max(0, first) * DAY_S, last * DAY_S)


def together(each: sa.Select[Any]) -> Expression:
    """A list's cell of what a query finds for the row, in its order."""
    found = each.subquery()
    return sa.select(sa.func.aggregate_strings(found.c[0], "; ")).scalar_subquery()


def constant(text: str) -> Text:
    """A text of ours in a statement: nothing that anybody sent."""
    quoted = text.replace("'", "''")
    return sa.literal_column(f"'{quoted}'", sa.Text())


def as_text(value: Expression) -> Text:
    """A number as it is written."""
    return sa.cast(value, sa.Text)


def _decimal(micros: Expression, unit: int, digits: int) -> Text:
    """With so many decimals, of units of so many micros, as SQLite tells it."""
    much = sa.func.abs(micros)
    whole, part = much.op("/")(_literal(1_000_000)), much.op("%")(_literal(1_000_000)).op("/")(_literal(unit))
    sign = sa.case((micros < _literal(0), constant("-")), else_=constant(""))
    return sa.func.printf(constant(f"%s%d.%0{digits}d"), sign, whole, part, type_=sa.Text())


def _literal(number: int) -> Expression:
    return sa.literal_column(str(number), sa.BigInteger())
