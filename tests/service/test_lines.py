"""What the database puts together says what the service would say: cell by cell, on both engines."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.money import format_micros
from service.api.lines import Offset, Spelling, offsets
from service.database.engine import is_sqlite, reading
from service.portal.components import book
from service.portal.components.files import inert

BERLIN = ZoneInfo("Europe/Berlin")
FROM_S, UNTIL_S = 1_700_000_000, 1_800_000_000
TEXTS = [
    "", "a", "0044", "=1+1", "+49", "-5", "@x", "\tx", "\rx", "a,b", 'a"b', '"', "a\nb", "a\r\nb", "=a,b", '=","',
    " a ", "a-b@c", "<b>&amp;", "_x0041_", "_x41_", "_xZZZZ_", "äöü €", "'", "''", "a;b", "%s", "100%", "\\", "[x]",
    "^", "a_b", "]]>", "\U0001f600", "*", "?", "NULL",
]  # fmt: skip
AMOUNTS = [0, 1, -1, 10, 10_000, 10_001, -10_000, 500_000, -500_000, 1_234_567, 10**15, -(10**15), 123_450_000, None]
NUMBERS = [0, 7, -7, 2**53, None]


async def _told(engine: AsyncEngine, kind: Any, cell: Any) -> str:
    """A line of one cell. `cell`: of a spelling."""
    async with reading(engine) as conn:
        spelling = Spelling(kind, offsets(BERLIN, FROM_S, UNTIL_S), is_sqlite=is_sqlite(conn))
        return str((await conn.execute(sa.select(spelling.line([cell(spelling)])))).scalar_one())


def _csv(value: object) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([inert(value), "x"])
    return text.getvalue().removesuffix(",x\r\n") + "\r\n"


def _cell(xml: str) -> tuple[str | None, str | None]:
    """Kind and text of a row's only cell."""
    (cell,) = ElementTree.fromstring(xml)
    return cell.get("t"), "".join(cell.itertext()) or None


@pytest.mark.parametrize("text", TEXTS)
async def test_text_is_the_same_in_both_ways(engine: AsyncEngine, text: str) -> None:
    """Of a CSV byte by byte; of a workbook kind and text. A formula stays a text in both."""
    value = sa.literal(text, sa.Text())
    assert await _told(engine, "csv", lambda spelling: spelling.text(value)) == _csv(text)
    told = await _told(engine, "xlsx", lambda spelling: spelling.text(value))
    assert _cell(told.replace("\r", "&#13;")) == _cell(book.row([text]).replace("\r", "&#13;"))


async def test_texts_of_a_line_dont_change_each_other(engine: AsyncEngine) -> None:
    """Harmless ones beside others, and nothing; each as it is alone."""
    async with reading(engine) as conn:
        spelling = Spelling("csv", offsets(BERLIN, FROM_S, UNTIL_S), is_sqlite=is_sqlite(conn))
        for at in range(len(TEXTS)):
            texts = [*TEXTS[at : at + 2], "a", None]
            cells = [spelling.text(sa.cast(sa.literal(one), sa.Text)) for one in texts]
            told = (await conn.execute(sa.select(spelling.line(cells)))).scalar_one()
            assert told == ",".join(_csv(one or "").removesuffix("\r\n") for one in texts) + "\r\n"


@pytest.mark.parametrize("is_so", [True, False])
async def test_a_flag_is_yes_or_no(engine: AsyncEngine, is_so: bool) -> None:
    """In a workbook it is one, too."""
    assert await _told(engine, "csv", lambda spelling: spelling.flag(sa.literal(is_so))) == _csv(is_so)
    assert await _told(engine, "xlsx", lambda spelling: spelling.flag(sa.literal(is_so))) == book.row([is_so])


async def test_what_is_not_there_is_empty(engine: AsyncEngine) -> None:
    """Neither a zero nor the word."""
    nothing = sa.cast(sa.null(), sa.Text)
    for cell in (lambda one: one.text(nothing), lambda one: one.word(nothing)):
        assert await _told(engine, "csv", cell) == "\r\n"
        assert await _told(engine, "xlsx", cell) == "<row><c/></row>"


@pytest.mark.parametrize("micros", AMOUNTS)
async def test_an_amount_is_exact(engine: AsyncEngine, micros: int | None) -> None:
    """With as many decimals as `format_micros` gives it."""
    value = sa.cast(sa.literal(micros), sa.BigInteger)
    expected = "" if micros is None else format_micros(micros)
    assert await _told(engine, "csv", lambda spelling: spelling.amount(value)) == f"{expected}\r\n"
    told = await _told(engine, "xlsx", lambda spelling: spelling.amount(value))
    assert told == book.row([None if micros is None else Decimal(micros) / 1_000_000])
    for kind in ("csv", "xlsx"):
        worked = Spelling(kind, (Offset(0, 0),), is_sqlite=True).amount_text(micros)
        line = await _told(engine, kind, lambda spelling: spelling.amount(value))
        assert worked == line.removesuffix("\r\n").removeprefix("<row>").removesuffix("</row>")


@pytest.mark.parametrize("number", NUMBERS)
async def test_a_number_is_a_number(engine: AsyncEngine, number: int | None) -> None:
    """In a workbook, too."""
    value = sa.cast(sa.literal(number), sa.BigInteger)
    assert await _told(engine, "csv", lambda spelling: spelling.number(value)) == _csv(number)
    assert await _told(engine, "xlsx", lambda spelling: spelling.number(value)) == book.row([number])


@pytest.mark.parametrize("at_s", [0, FROM_S, 1_711_846_799, 1_711_846_800, 1_729_990_799, 1_729_990_800, UNTIL_S])
async def test_a_time_has_the_offset_of_its_moment(engine: AsyncEngine, at_s: int) -> None:
    """To the second at which clocks are moved; 0: never."""
    value = sa.cast(sa.literal(at_s * 1000 + 999 * bool(at_s)), sa.BigInteger)
    expected = datetime.fromtimestamp(at_s, UTC).astimezone(BERLIN).isoformat() if at_s else ""
    assert await _told(engine, "csv", lambda spelling: spelling.moment(value)) == f"{expected}\r\n"
    assert await _told(engine, "xlsx", lambda spelling: spelling.moment(value)) == book.row([expected])


@given(
    st.sampled_from(["Europe/Berlin", "UTC", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"]),
    st.integers(FROM_S, UNTIL_S),
)
def test_offsets_are_the_zones(zone: str, at_s: int) -> None:
    """Whatever the moment."""
    found = next(one for one in offsets(ZoneInfo(zone), FROM_S, UNTIL_S) if one.from_s <= at_s)
    assert datetime.fromtimestamp(at_s, UTC).astimezone(ZoneInfo(zone)).isoformat()[19:] == found.text
