"""The calls of an invoice as CSV: in pieces, in the account's time, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from ratebook.money import parse_micros
from ratebook.sheets.write import FORMULAS
from service.billing.annex import COLUMNS_OF_ANNEX, LINES_A_CHUNK, annex_of


def call(**changes: Any) -> Any:
    """A record with the names that queries of the customer's side give."""
    values = {
        "call": "0" * 32,
        "start_ms": 1_790_000_000_123,
        "caller": "4940123",
        "called": "33123456",
        "destination": "France",
        "own_prefix": "33",
        "duration_ms": 61_000,
        "own_billed_s": 90,
        "amount_micros": 12_345,
        "own_currency": "EUR",
    }
    return SimpleNamespace(**values | changes)


async def stream(*calls: Any) -> AsyncIterator[Any]:
    for one in calls:
        yield one


async def rows(*calls: Any, **options: Any) -> list[list[str]]:
    pieces = [piece async for piece in annex_of(stream(*calls), zone="Europe/Berlin", **options)]
    return list(csv.reader(io.StringIO("".join(pieces), newline=""), strict=True))


async def test_a_line_says_a_call() -> None:
    head, line = await rows(call())
    assert head == list(COLUMNS_OF_ANNEX)
    assert dict(zip(head, line, strict=True)) == {
        "call": "0" * 32,
        "started": "2026-09-21T16:13:20.123+02:00",
        "caller": "4940123",
        "called": "33123456",
        "destination": "France",
        "prefix": "33",
        "duration_ms": "61000",
        "billed_s": "90",
        "amount": "0.012345",
        "currency": "EUR",
    }


@pytest.mark.parametrize("sign", FORMULAS)
async def test_no_cell_is_a_formula(sign: str) -> None:
    _, line = await rows(call(destination=f"{sign}cmd", caller=f"{sign}1"))
    assert not any(cell.startswith(FORMULAS) for cell in line)


async def test_an_annex_without_calls_has_its_names() -> None:
    assert await rows() == [list(COLUMNS_OF_ANNEX)]


async def test_calls_are_written_as_they_are_read() -> None:
    """The first piece is there before the last call is."""
    read = 0

    async def counted() -> AsyncIterator[Any]:
        nonlocal read
        for _ in range(3 * LINES_A_CHUNK):
            read += 1
            yield call()

    pieces = annex_of(counted(), zone="UTC")
    await anext(pieces)
    assert read < LINES_A_CHUNK + 1
    rest = [piece async for piece in pieces]
    assert sum(piece.count("\r\n") for piece in rest) == 2 * LINES_A_CHUNK + 1


async def test_every_amount_is_there_to_the_micro_unit() -> None:
    amounts = [1, 999_999, -5, 10**15 + 1]
    _, *lines = await rows(*(call(amount_micros=micros) for micros in amounts), names=("amount",))
    assert [parse_micros(cell) for (cell,) in lines] == amounts


async def test_a_providers_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="columns of a customer"):
        await rows(call(), names=("gateway",))
