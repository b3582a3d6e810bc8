"""Lists as lines of a file that the database itself puts together: tens of thousands a second, as plain text.

A cell here says exactly what the same cell says that is made of the endpoint's answer: a test compares the two.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from ratebook.money import format_micros
from ratebook.sheets.write import FORMULAS

LINES_MAX = 10_000
"""Of a batch: some ten megabytes of a workbook, several times at once."""
Text = sa.ColumnElement[str]
Expression = sa.ColumnElement[Any]
T = TypeVar("T")
_STEP = timedelta(days=7)
"""No zone's clocks are moved twice within it."""


class LinesAsked(NamedTuple):
    """Which file."""

    names: tuple[str, ...]
    """Of its columns, in their order."""
    kind: Literal["csv", "xlsx"]
    zone: ZoneInfo
    """Of its times."""


class Lines(NamedTuple):
    """A batch."""

    text: str
    rows: int
    next: str | None
    """The cursor of the next batch; None: this is the last."""


class Offset(NamedTuple):
    """A zone's distance from UTC, from a moment on."""

    from_s: int
    seconds: int

    @property
    def text(self) -> str:
        """As ISO 8601 has it."""
        minutes = abs(self.seconds) // 60
        return f"{'-' if self.seconds < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"


@functools.lru_cache(maxsize=256)
def offsets(zone: ZoneInfo, from_s: int, until_s: int) -> tuple[Offset, ...]:
    """Those that a zone has in a span of time, the latest first; the earliest holds before it, too."""
    found = [Offset(from_s, _offset_s(zone, from_s))]
    for at_s in range(from_s, until_s + int(_STEP.total_seconds()), int(_STEP.total_seconds())):
        if _offset_s(zone, at_s) != found[-1].seconds:
            found.append(_changed(zone, at_s - int(_STEP.total_seconds()), at_s))
    return tuple(reversed(found))


def _offset_s(zone: ZoneInfo, at_s: int) -> int:
    found = datetime.fromtimestamp(at_s, UTC).astimezone(zone).utcoffset()
    return int(found.total_seconds()) if found is not None else 0


def _changed(zone: ZoneInfo, before_s: int, after_s: int) -> Offset:
    """The moment between two at which the clocks are moved."""
    wanted = _offset_s(zone, after_s)
    while after_s - before_s > 1:
        middle_s = (before_s + after_s) // 2
        if _offset_s(zone, middle_s) == wanted:
            after_s = middle_s
        else:
            before_s = middle_s
    return Offset(after_s, wanted)


def joined(parts: Sequence[Text]) -> Text:
    """Texts behind each other."""
    return functools.reduce(lambda one, other: one.concat(other), parts)


def constant(text: str) -> Text:
    """A text of ours in a statement: nothing that anybody sent."""
    quoted = text.replace("'", "''")
    return sa.literal_column(f"'{quoted}'", sa.Text())


def as_text(value: Expression) -> Text:
    """A number as it is written."""
    return sa.cast(value, sa.Text)


class Doubtful(NamedTuple):
    """A cell of text, in two ways."""

    careful: Text
    """Right, whatever it says."""
    plain: Text
    """As it stands: right if it is harmless."""


Cell = Text | Doubtful


class Spelling:
    """How a file's cells are written, in one engine's SQL."""

    def __init__(self, kind: Literal["csv", "xlsx"], zone: tuple[Offset, ...], *, is_sqlite: bool) -> None:
        self.kind = kind
        self._zone = zone
        self._is_sqlite = is_sqlite

    def line(self, cells: Sequence[Cell]) -> Text:
        """A line of cells: put together at once, since text behind text is copied again for each cell."""
        texts = [one for one in cells if isinstance(one, Doubtful)]
        careful = self._put([one.careful if isinstance(one, Doubtful) else one for one in cells])
        if self._is_sqlite or self.kind != "csv" or not texts:
            return careful
        plain = self._put([one.plain if isinstance(one, Doubtful) else one for one in cells])
        return sa.case((_are_harmless([one.plain for one in texts]), plain), else_=careful)

    def _put(self, cells: Sequence[Text]) -> Text:
        marks = ["%s"] * len(cells)
        told = ",".join(marks) + "\r\n" if self.kind == "csv" else "<row>" + "".join(marks) + "</row>"
        return (sa.func.printf if self._is_sqlite else sa.func.format)(constant(told), *cells, type_=sa.Text())

    def number(self, value: Expression) -> Text:
        """A whole number, or nothing."""
        return self._figure(value)

    def amount(self, micros: Expression) -> Text:
        """An exact amount with 2 to 6 decimals, or nothing."""
        much = sa.func.abs(micros)
        whole, part = as_text(much.op("/")(_M)), much.op("%")(_M)
        two = sa.func.substr(as_text(part.op("/")(sa.literal_column("10000")) + sa.literal_column("100")), _TWO)
        six = sa.func.rtrim(sa.func.substr(as_text(part + _M), _TWO), constant("0"))
        digits = sa.case((part.op("%")(sa.literal_column("10000")) == sa.literal_column("0"), two), else_=six)
        sign = sa.case((micros < sa.literal_column("0"), constant("-")), else_=constant(""))
        return self._figure(joined([sign, whole, constant("."), digits]))

    def amount_text(self, micros: int | None) -> str:
        """The same of an amount that was worked out here."""
        if micros is None:
            return "" if self.kind == "csv" else "<c/>"
        told = format_micros(micros)
        return told if self.kind == "csv" else f"<c><v>{told}</v></c>"

    def _figure(self, told: Expression) -> Text:
        if self.kind == "csv":
            return told
        return sa.func.coalesce(joined([constant("<c><v>"), as_text(told), constant("</v></c>")]), constant("<c/>"))

    def moment(self, wall_ms: Expression) -> Text:
        """ISO 8601 with the zone's distance from UTC; 0: nothing."""
        last = self._zone[-1]
        told = sa.case(
            *((wall_ms >= sa.literal_column(str(one.from_s * 1000)), self._local(wall_ms, one))
              for one in self._zone[:-1]),
            else_=self._local(wall_ms, last),
        ) if len(self._zone) > 1 else self._local(wall_ms, last)  # fmt: skip
        nothing, whole = (constant(""), told) if self.kind == "csv" else (constant("<c/>"), self._string(told))
        return sa.case((wall_ms > sa.literal_column("0"), whole), else_=nothing)

    def _local(self, wall_ms: Expression, offset: Offset) -> Text:
        wall_s = wall_ms.op("/")(sa.literal_column("1000")).op("+")(sa.literal_column(str(offset.seconds)))
        if self._is_sqlite:
            local = sa.func.strftime(constant("%Y-%m-%dT%H:%M:%S"), wall_s, constant("unixepoch"))
        else:
            utc = sa.func.timezone(constant("UTC"), sa.func.to_timestamp(wall_s))
            local = sa.func.to_char(utc, constant('YYYY-MM-DD"T"HH24:MI:SS'))
        return joined([local, constant(offset.text)])

    def word(self, value: Expression) -> Text:
        """Letters, digits and blanks of ours. Null: nothing."""
        if self.kind == "csv":
            return value
        return sa.case((sa.func.length(value) > sa.literal_column("0"), self._string(value)), else_=constant("<c/>"))

    def flag(self, value: Expression) -> Text:
        """Yes or no."""
        yes, no = ("yes", "no") if self.kind == "csv" else ('<c t="b"><v>1</v></c>', '<c t="b"><v>0</v></c>')
        return sa.case((value, constant(yes)), else_=constant(no))

    def text(self, value: Expression) -> Doubtful:
        """What somebody wrote: never a formula, never a mark of the file; what a file can't say is left to it.

        Null: nothing.
        """
        if self.kind == "csv":
            return Doubtful(self._csv(value), value)
        filled = sa.func.length(value) > sa.literal_column("0")
        return Doubtful(sa.case((filled, self._xml(value)), else_=constant("<c/>")), value)

    def _csv(self, value: Expression) -> Text:
        begins = sa.func.substr(value, _ONE, _ONE).op("IN", is_comparison=True)(_BEGINNINGS)
        inert = sa.case((begins, constant("'").concat(value)), else_=value)
        quoted = joined([constant('"'), sa.func.replace(inert, constant('"'), constant('""')), constant('"')])
        careful = sa.case((self._has(value, ',"\r\n'), quoted), else_=inert)
        return sa.case((self._has(value, ',"\r\n\t=+@-'), careful), else_=value)

    def _xml(self, value: Expression) -> Text:
        is_odd = self._has(value, "&<>_\n\t") | (sa.func.trim(value) != value)
        return sa.case((is_odd, self._careful(value)), else_=self._string(value))

    def _string(self, told: Text, begin: str = "<t>") -> Text:
        return joined([constant(f'<c t="inlineStr"><is>{begin}'), told, constant("</t></is></c>")])

    def _careful(self, value: Expression) -> Text:
        replaced = sa.func.replace
        told: Expression = sa.case(
            (self._looks_escaped(value), replaced(value, constant("_x"), constant("_x005F_x"))),
            else_=value,
        )
        for mark, instead in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            told = replaced(told, constant(mark), constant(instead))
        return self._string(told, '<t xml:space="preserve">')

    def _looks_escaped(self, value: Expression) -> sa.ColumnElement[bool]:
        """Whether Excel would take a part of a text for a character."""
        if self._is_sqlite:
            return value.op("GLOB", is_comparison=True)(constant("*_x" + "[0-9A-Fa-f]" * 4 + "_*"))
        return value.op("~", is_comparison=True)(constant("_x[0-9A-Fa-f]{4}_"))

    def _has(self, value: Expression, marks: str) -> sa.ColumnElement[bool]:
        """Whether one of a few characters stands in a text."""
        if self._is_sqlite:
            return value.op("GLOB", is_comparison=True)(constant(f"*[{marks}]*"))
        return value.op("~", is_comparison=True)(constant(f"[{marks}]"))


def _are_harmless(texts: Sequence[Text]) -> sa.ColumnElement[bool]:
    """On PostgreSQL, whether none of a line's texts has a mark of CSV or begins as a formula: one look for all of them,
    with a character between that they hardly ever have.
    """
    together: Text = sa.func.concat_ws(constant(_BETWEEN), constant(""), *texts, type_=sa.Text())
    return ~together.op("~", is_comparison=True)(constant(f'[,"\r\n]|{_BETWEEN}[{_BEGINS}]'))


_BETWEEN = "\x01"
_BEGINS = "".join(sorted(FORMULAS, key="-".__eq__))
"""As a class of a regular expression has them: the hyphen last."""
_M: Expression = sa.literal_column("1000000")
_BEGINNINGS: Text = sa.literal_column("(" + ", ".join(f"'{one}'" for one in FORMULAS) + ")", sa.Text())
_ONE: Expression = sa.literal_column("1")
_TWO: Expression = sa.literal_column("2")
