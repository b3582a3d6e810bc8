"""Products, limits, lists of numbers and patterns in a set-up file: what is shown is done, faults have their place."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.engine import reading
from service.database.fraud_tables import call_limits, call_patterns, number_filters
from service.database.product_tables import products
from service.database.tables import accounts, tariffs
from service.setup.perform import SetupFault
from tests.service.test_setup import COMPANY, apply, bodies, ledger

__all__ = ["ledger"]

RULES = """
products:
  - {account: upper, name: hour, kind: package, seconds: 3600, price: 3, tariffs: house}
  - {account: Operator, name: line, kind: subscription, price: 9.90, period: week}
limits:
  - {account: customer, name: a day, measure: spend, spend: 50, period: day}
  - {account: customer, trunk: t1, name: first, measure: first_call, count: 60}
filters:
  - {account: customer, digits: "449"}
patterns:
  - {account: customer, name: rows, kind: sequential, calls_min: 9}
"""


@pytest.fixture
async def company(ledger: AsyncEngine, tmp_path: Path) -> AsyncEngine:
    """With a tariff that upper sells by, and the rules."""
    await apply(ledger, tmp_path, COMPANY)
    async with ledger.begin() as conn:
        upper = (await conn.execute(sa.select(accounts.c.id).where(accounts.c.name == "upper"))).scalar_one()
        await conn.execute(sa.insert(tariffs).values(name="house", currency="EUR", version="0" * 16, owner_id=upper))
    await apply(ledger, tmp_path, RULES)
    return ledger


async def test_they_are_made_and_the_call_path_is_told(company: AsyncEngine, tmp_path: Path) -> None:
    """The second time there is nothing to do."""
    told = await bodies(company)
    assert [body["do"] for body in told].count("product") == 1
    assert told[-1]["do"] != "account"
    async with reading(company) as conn:
        rows = (await conn.execute(sa.select(products).order_by(products.c.id))).all()
        limits = (await conn.execute(sa.select(call_limits.c.amount).order_by(call_limits.c.id))).scalars().all()
    assert [(row.name, row.price_micros, row.amount, row.tariff_ids) for row in rows] == [
        ("hour", 3_000_000, 3600, [2]), ("line", 9_900_000, 0, []),
    ]  # fmt: skip
    assert limits == [50_000_000, 60]
    assert await apply(company, tmp_path, RULES) == []
    assert await bodies(company) == told


CHANGES = [
    ("price: 3,", "price: 3.5, setup: 1,", "~ product upper/hour: setup 0.00 -> 1.00, price 3.00 -> 3.50"),
    ("period: week}", "period: week, state: withdrawn}", "~ product Operator/line: state active -> withdrawn"),
    ("9.90,", "9.90, offered: true,", "~ product Operator/line: offered no -> yes"),
    (", tariffs: house", "", "~ product upper/hour: tariffs house -> none"),
    ("spend: 50", "spend: 7.5", "~ limit customer/a day: spend 50.00 -> 7.50"),
    ('"449"', '"449", kind: allow', "~ filter customer/called/449: kind block -> allow"),
    ("calls_min: 9", "calls_min: 8", "~ pattern customer/rows: calls min 9 -> 8"),
    ("calls_min: 9}", "state: removed}", "- pattern customer/rows"),
    ('"449"', '"449", state: removed', "- filter customer/called/449"),
]


@pytest.mark.parametrize(("old", "new", "line"), CHANGES, ids=[one[2].partition(":")[0] for one in CHANGES])
async def test_a_change_is_shown_and_done(company: AsyncEngine, tmp_path: Path, old: str, new: str, line: str) -> None:
    """And not a second time; what a row leaves out is what it is when nobody speaks."""
    text = RULES.replace(old, new)
    (told,) = await apply(company, tmp_path, text)
    assert sorted(told.partition(": ")[2].split(", ")) == sorted(line.partition(": ")[2].split(", "))
    assert told.partition(": ")[0] == line.partition(": ")[0]
    assert await apply(company, tmp_path, text) == []


FAULTS = [
    ("period: week", "period: month", r"4:70: period: is week and can't become month: .* withdraw this one"),
    ("tariffs: house", "tariffs: wholesale", r"3:74: tariffs: no tariff 'wholesale' that can be used here"),
    ("9.90,", "9.90, forced: true, offered: true,", r"offered: what accounts take themselves"),
    ("9.90,", "9.90, state: suspended,", r"state: 'suspended': one of active, withdrawn was expected"),
    (" spend: 50,", "", r"spend: is 50.00 and can't become none"),
    ('digits: "449"', "note: x", "'digits' is missing"),
    ('"449"', '"44x"', "digits: "),
    ("trunk: t1", "trunk: t9", "trunk: no trunk 't9'"),
    ("price: 3,", "price: 3, groups: [nowhere],", "groups: there is no destination group"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "fault"), FAULTS, ids=[one[1] for one in FAULTS])
async def test_a_fault_is_told_and_nothing_is_changed(
    company: AsyncEngine, tmp_path: Path, old: str, new: str, fault: str
) -> None:
    """Though other rows of the file could be done."""
    before = await bodies(company)
    with pytest.raises(SetupFault, match=fault):
        await apply(
            company,
            tmp_path,
            RULES.replace(old, new)
            + "webhooks: [{account: upper, url: 'https://a.example', events: [payment.posted]}]",
        )
    assert await bodies(company) == before


async def test_limits_of_one_name_are_told_apart_first(company: AsyncEngine, tmp_path: Path) -> None:
    """The file can't say which of them it means."""
    async with company.begin() as conn:
        row = (await conn.execute(sa.select(call_limits).where(call_limits.c.name == "a day"))).one()
        values = {name: value for name, value in row._mapping.items() if name != "id"}
        await conn.execute(sa.insert(call_limits).values(**values))
    with pytest.raises(SetupFault, match="name: several limits are called 'a day' there: give each a name of its own"):
        await apply(company, tmp_path, RULES)


async def test_what_the_file_does_not_name_stays(company: AsyncEngine, tmp_path: Path) -> None:
    """Of each kind."""
    assert await apply(company, tmp_path, "limits: []") == []
    async with reading(company) as conn:
        for table, many in ((products, 2), (call_limits, 2), (number_filters, 1), (call_patterns, 1)):
            assert (await conn.execute(sa.select(sa.func.count()).select_from(table))).scalar_one() == many
