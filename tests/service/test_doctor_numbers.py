"""The doctor on numbers: gaps are found, whatever sellers have changed of their numbering; skips are none."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from scripts.benchmarks.month import month_of, write_accounts
from service.config import Config
from service.database.billing_tables import billing_terms, invoices
from service.database.engine import reading
from service.database.seller_tables import credit_note_numberings, numberings
from service.database.tables import accounts
from service.doctor.numbers import Form, Series, gapless, missing_of
from service.doctor.terms import without_terms
from service.sellers.numbers import number_text, pattern_problem, reading_of, take_numbers
from tests.service.office import Office

YEARLY = Form("", "{prefix}{year}-{number:5}", restarts_yearly=True)
FOREVER = Form("K", "{prefix}{number}", restarts_yearly=False)
PARTS = st.sampled_from(["{prefix}", "{year}", "{yy}", "-", "/", "A.", "7", "({"])


@given(st.lists(PARTS, max_size=4), st.sampled_from(["{number}", "{number:5}"]), st.lists(PARTS, max_size=4))
def test_a_number_is_read_as_it_was_written(before: list[str], number: str, after: list[str]) -> None:
    """Of every pattern whose fields stand apart."""
    pattern = "|".join([*before, number, *after])
    if pattern_problem(pattern, restarts_yearly=False) is not None:
        return
    match = reading_of(pattern, "P+").fullmatch(number_text(pattern, "P+", 2026, 42))
    assert match is not None
    assert int(match["number"]) == 42
    if "{year}" in pattern or "{yy}" in pattern:
        assert match["year"][-2:] == "26"


def texts(form: Form, year: int, *numbers: int) -> list[str]:
    return [number_text(form.pattern, form.prefix, year, one) for one in numbers]


@pytest.mark.parametrize(
    ("numbers", "series", "following", "missing"),
    [
        (texts(YEARLY, 2026, 1, 2, 3), Series((YEARLY,), ()), 4, []),
        (texts(YEARLY, 2026, 1, 3), Series((YEARLY,), ()), 4, ["2 is missing of the year 26"]),
        (texts(YEARLY, 2026, 2, 3), Series((YEARLY,), ()), 4, ["1 is missing of the year 26"]),
        (texts(YEARLY, 2026, 1, 2), Series((YEARLY,), ()), 5, ["3 to 4 are missing of the year 26"]),
        (texts(YEARLY, 2025, 1, 2) + texts(YEARLY, 2026, 1), Series((YEARLY,), ()), 2, []),
        (texts(YEARLY, 2025, 1, 3) + texts(YEARLY, 2026, 1), Series((YEARLY,), ()), 2, ["2 is missing of the year 25"]),
        (texts(FOREVER, 2026, 1, 2, 9), Series((FOREVER,), ((3, 8),)), 10, []),
        (texts(FOREVER, 2026, 1, 2, 9), Series((FOREVER,), ((3, 5), (6, 8))), 10, []),
        (texts(FOREVER, 2026, 1, 2, 10), Series((FOREVER,), ((3, 8),)), 11, ["3 to 9 are missing"]),
        (texts(FOREVER, 2026, 7) + texts(YEARLY, 2026, 3, 5), Series((FOREVER, YEARLY), ()), 8,
         ["4 is missing of the year 26"]),
        (["X-1"], Series((FOREVER,), ()), 1, ["X-1 is of no pattern that it had"]),
    ],
)  # fmt: skip
def test_what_is_missing(numbers: list[str], series: Series, following: int, missing: list[str]) -> None:
    """In words, by year where numbers begin anew with it."""
    assert [str(one) for one in missing_of(numbers, series, following, 2026)] == missing


async def _invoice(engine: AsyncEngine, number: str, kind: str = "invoice", **more: int) -> None:
    paper = {"language": "en", "zone": "UTC", "seller": {}, "buyer": {}, "actor": "test", "currency": "EUR"}
    when = {"period_from_ms": 0, "period_to_ms": 1, "created_ms": 1}
    row = {"seller_id": 1, "account_id": 1, "kind": kind, "state": "issued", "number": number, **paper, **when, **more}
    async with engine.begin() as conn:
        await conn.execute(sa.insert(invoices).values(**row))


async def test_changes_of_the_numbering_are_no_gaps(office: Office) -> None:
    """Prefix, pattern and a skip, by the audit log; a number that was taken and stands nowhere is one."""

    async def take(series: sa.Table = numberings) -> str:
        async with office.engine.begin() as conn:
            return (await take_numbers(conn, 1, office.now_ms, "UTC", 1, series))[0]

    async def found() -> tuple[bool, str]:
        async with reading(office.engine) as conn:
            done = await gapless(conn)
        return done.ok, done.detail

    await _invoice(office.engine, await take())
    await _invoice(office.engine, await take())
    await office.boss.do("numbering.edit", account_id=1, prefix="B-", next_number=50)
    await _invoice(office.engine, await take())
    await office.boss.do("numbering.edit", account_id=1, prefix="B-", pattern="{prefix}{number}", restarts_yearly=False)
    await _invoice(office.engine, await take())
    await _invoice(office.engine, await take(credit_note_numberings), "credit_note", refers_to_id=1)
    assert await found() == (True, "5 numbers, none missing")
    await take(credit_note_numberings)
    await take()
    ok, detail = await found()
    assert not ok
    assert "seller 1, invoices: 52 is missing; seller 1, credit notes: 2 is missing of the year 26" in detail


async def test_who_is_postpaid_and_not_billed_is_named(engine: AsyncEngine, tmp_path: Path) -> None:
    """A warning; closed accounts are none, and neither are providers."""
    month = month_of(3, 1)
    config = Config(run_dir=tmp_path / "run", data_dir=tmp_path, ratebook=tmp_path / "ratebook")
    await write_accounts(engine, config, month)
    async with reading(engine) as conn:
        assert (await without_terms(conn)).is_warning is False
    first, second = month.customers[0].id, month.customers[1].id
    async with engine.begin() as conn:
        await conn.execute(sa.delete(billing_terms).where(billing_terms.c.account_id.in_((first, second))))
        await conn.execute(sa.update(accounts).where(accounts.c.id == second).values(state="closed"))
    async with reading(engine) as conn:
        done = await without_terms(conn)
    assert (done.ok, done.is_warning) == (True, True)
    assert done.detail.startswith(f"account {first} (customer-{first}) is postpaid and has no terms: ")
