"""What the database puts together says what the service would say: cell by cell, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.money import format_micros
from service.api.lines import LINE, NUMBER, TEXT, Kind, LineColumn, Span, Spelling, escaped, unescaped
from service.api.offsets import offsets
from service.database.engine import is_sqlite, reading
from service.portal.components.written import line

BERLIN = ZoneInfo("Europe/Berlin")
SPAN = Span(1_700_000_000, 1_800_000_000)
MARKED = ["\x1fx", "x\x1e", "\x1d", "\x1b", "\x1b0", "\x1b3\x1f"]
TEXTS = ["", "a", "0044", "=1", "+49", 'a"b', "a\r\nb", " a ", "äöü €", "''", "%s", "\\", "\U0001f600", *MARKED]
AMOUNTS = [0, 1, -1, 10, 10_000, 10_001, -10_000, 500_000, -500_000, 1_234_567, 10**15, -(10**15), 123_450_000, None]
NUMBERS = [0, 7, -7, 2**53, None]
MOMENTS = [SPAN.from_s, 1_711_846_799, 1_711_846_800, 1_729_990_799, 1_729_990_800, SPAN.until_s - 1]


async def _told(engine: AsyncEngine, kind: Kind, value: Any, *, is_careful: bool = True) -> str:
    """A line of one cell."""
    async with reading(engine) as conn:
        spelling = Spelling(BERLIN, SPAN, is_sqlite=is_sqlite(conn), is_careful=is_careful)
        told = spelling.line([LineColumn("a", kind)], [spelling.cell(kind, value)])
        return str((await conn.execute(sa.select(told))).scalar_one())


@pytest.mark.parametrize("text", TEXTS)
async def test_a_text_is_as_it_stands(engine: AsyncEngine, text: str) -> None:
    """Escaped where that is asked for: then it holds no mark, and is told back."""
    value = sa.literal(text, sa.Text())
    assert await _told(engine, "text", value, is_careful=False) == LINE + TEXT + text
    careful = await _told(engine, "text", value)
    assert careful == line([LineColumn("a", "text")], [text])
    assert unescaped(careful[2:]) == text


@given(st.text(st.sampled_from("a0123\x1b\x1c\x1d\x1e\x1f")))
def test_what_is_escaped_comes_back(text: str) -> None:
    """And has no marks meanwhile."""
    assert not {LINE, NUMBER, TEXT} & set(escaped(text))
    assert unescaped(escaped(text)) == text


@pytest.mark.parametrize("is_so", [True, False])
async def test_a_flag_is_yes_or_no(engine: AsyncEngine, is_so: bool) -> None:
    """Not text: it becomes a flag in a workbook."""
    assert await _told(engine, "flag", sa.literal(is_so)) == LINE + NUMBER + ("yes" if is_so else "no")


@pytest.mark.parametrize("kind", ["text", "number", "amount", "moment", "list"])
async def test_what_is_not_there_is_empty(engine: AsyncEngine, kind: Kind) -> None:
    """Neither a zero nor the word."""
    types = {"text": sa.Text, "list": sa.JSON}
    nothing = sa.cast(sa.null(), types.get(kind, sa.BigInteger))
    assert await _told(engine, kind, nothing) == LINE + LineColumn("a", kind).mark


@pytest.mark.parametrize("micros", AMOUNTS)
async def test_an_amount_is_exact(engine: AsyncEngine, micros: int | None) -> None:
    """With as many decimals as `format_micros` gives it."""
    value = sa.cast(sa.literal(micros), sa.BigInteger)
    expected = "" if micros is None else format_micros(micros)
    told = await _told(engine, "amount", value)
    assert told == LINE + NUMBER + expected
    given_here = None if micros is None else Decimal(micros) / 1_000_000
    assert told == line([LineColumn("a", "amount")], [given_here])


async def test_an_amount_may_be_worked_out(engine: AsyncEngine) -> None:
    """A margin is what was earned less what was paid, and only then told."""
    earned, paid = (sa.cast(sa.literal(micros), sa.BigInteger) for micros in (5_000_000, 4_990_001))
    assert await _told(engine, "amount", earned - paid) == LINE + NUMBER + "0.009999"


@pytest.mark.parametrize("number", NUMBERS)
async def test_a_number_is_a_number(engine: AsyncEngine, number: int | None) -> None:
    """As it is written."""
    value = sa.cast(sa.literal(number), sa.BigInteger)
    assert await _told(engine, "number", value) == LINE + NUMBER + ("" if number is None else str(number))


@pytest.mark.parametrize("at_s", MOMENTS)
async def test_a_time_has_the_offset_of_its_moment(engine: AsyncEngine, at_s: int) -> None:
    """To the second at which clocks are moved."""
    value = sa.cast(sa.literal(at_s * 1000 + 999), sa.BigInteger)
    expected = LINE + TEXT + datetime.fromtimestamp(at_s, UTC).astimezone(BERLIN).isoformat()
    assert await _told(engine, "moment", value, is_careful=False) == expected
    assert await _told(engine, "moment", value) == expected


async def test_a_time_that_is_none_is_empty(engine: AsyncEngine) -> None:
    """0: never."""
    for is_careful in (True, False):
        assert await _told(engine, "moment", sa.literal(0), is_careful=is_careful) == LINE + TEXT


@pytest.mark.parametrize("at_s", [1, 500_000_000, SPAN.from_s - 1, SPAN.until_s, 4_000_000_000])
async def test_a_time_beyond_the_span_is_told_with_care(engine: AsyncEngine, at_s: int) -> None:
    """Else it has a mark too many, so that it is asked again."""
    value = sa.cast(sa.literal(at_s * 1000), sa.BigInteger)
    assert await _told(engine, "moment", value, is_careful=False) == LINE + TEXT + TEXT
    expected = datetime.fromtimestamp(at_s, UTC).astimezone(BERLIN).isoformat()
    assert await _told(engine, "moment", value) == LINE + TEXT + expected


@pytest.mark.parametrize("values", [[], ["a"], ["+49", "b;c", "d\x1fe"], [1, 20]])
async def test_a_list_is_one_cell(engine: AsyncEngine, values: list[Any]) -> None:
    """Of what stands in it, one behind the other."""
    expected = LINE + TEXT + escaped("; ".join(map(str, values)))
    assert await _told(engine, "list", sa.literal(values, sa.JSON())) == expected


@given(
    st.sampled_from(["Europe/Berlin", "UTC", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"]),
    st.integers(*SPAN),
)
def test_offsets_are_the_zones(zone: str, at_s: int) -> None:
    """Whatever the moment."""
    found = next(one for one in offsets(ZoneInfo(zone), *SPAN) if one.from_s <= at_s)
    assert datetime.fromtimestamp(at_s, UTC).astimezone(ZoneInfo(zone)).isoformat()[19:] == found.text
