"""Parties, taxes, terms, commission, high-risk ranges in a set-up file: what is shown is done, faults have a place."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.billing_tables import billing_terms, taxes
from service.database.commission_tables import commission_rules
from service.database.engine import reading
from service.database.fraud_tables import risk_choices, risk_ranges
from service.setup.perform import SetupFault
from tests.service.test_setup import COMPANY, apply, bodies, ledger

__all__ = ["ledger"]
RULES = """
parties:
  - {account: upper, legal_name: Upper Ltd, country: DE}
  - {account: customer, legal_name: C, country: FR}
taxes:
  - {account: upper, name: VAT, percent: 19, category: S, everybody: true}
terms:
  - {account: customer, cycle: weekly, starts_at: "2026-09-01T00:00:00Z"}
commission_rules:
  - {account: lower, percent: 10}
commission_terms:
  - {account: lower}
ranges:
  - {name: satellite, prefixes: ["881", "882"]}
  - {name: islands, prefixes: ["247"], open_for_existing: true}
range_choices:
  - {account: customer, opened: satellite}
"""


@pytest.fixture
async def company(ledger: AsyncEngine, tmp_path: Path) -> AsyncEngine:
    """With the rules."""
    await apply(ledger, tmp_path, COMPANY)
    await apply(ledger, tmp_path, RULES)
    return ledger


async def test_they_are_made_and_the_call_path_is_told(company: AsyncEngine, tmp_path: Path) -> None:
    """The second time there is nothing to do."""
    told = await bodies(company)
    assert [body["do"] for body in told].count("ranges") == 2
    async with reading(company) as conn:
        tax = (await conn.execute(sa.select(taxes))).one()
        terms = (await conn.execute(sa.select(billing_terms))).one()
        rule = (await conn.execute(sa.select(commission_rules))).one()
        opened = (await conn.execute(sa.select(risk_choices).join(risk_ranges))).one()
        through = list((await conn.execute(sa.select(risk_ranges.c.open_through).order_by("name"))).scalars())
    assert (tax.percent_millionths, rule.percent_millionths) == (19_000_000, 10_000_000)
    assert (terms.cycle, terms.anchor_ms, opened.open) == ("weekly", 1_788_220_800_000, True)
    assert (through[0] > 0, through[1]) == (True, 0)
    assert await apply(company, tmp_path, RULES) == []
    assert await bodies(company) == told


CHANGES = [
    ("Upper Ltd", "Upper SA", "~ party upper: legal name Upper Ltd -> Upper SA"),
    ("everybody: true}", 'valid_until: "2027-01-01T00:00:00Z"}',
     "~ tax upper/VAT: everybody yes -> no, valid until none -> 2027-01-01T00:00:00.000Z"),
    ("percent: 19, category: S, everybody: true", "state: removed, percent: 1, category: S", "- tax upper/VAT"),
    ("cycle: weekly,", "cycle: weekly, due_days: 7,", "~ terms customer: due days 14 -> 7"),
    ("percent: 10}", 'percent: 10, valid_until: "2027-01-01T00:00:00Z"}',
     "~ commission-rule lower/charge: valid until none -> 2027-01-01T00:00:00.000Z"),
    ("{account: lower, percent: 10}", "{account: lower, state: removed}", "- commission-rule lower/charge"),
    ("  - {account: lower}\n", "  - {account: lower, handed_out: pay_out}\n",
     "~ commission-terms lower: handed out credit -> pay_out"),
    ('["247"], open_for_existing: true', '["247", "290"]', "~ range islands: prefixes 247 -> 247 290"),
    ("opened: satellite", "closed: [islands]",
     "~ range-choices customer: opened satellite -> none, closed none -> islands"),
]  # fmt: skip


async def test_a_change_is_shown_and_done(company: AsyncEngine, tmp_path: Path) -> None:
    """And not a second time; what a row leaves out is what it is when nobody speaks."""
    for old, new, line in CHANGES:
        text = RULES.replace(old, new)
        assert text != RULES, old
        assert await apply(company, tmp_path, text) == [line]
        assert await apply(company, tmp_path, text) == []
        await apply(company, tmp_path, RULES)


FAULTS = [
    ("percent: 19,", "percent: 20,", r"percent: is 19.00 and can't become 20.00: make a new tax and remove this one"),
    ("category: S", "category: VAT", r"6:\d+: category: Input should be 'S'"),
    ("category: S, ", "", "category: Field required"),
    ("percent: 10}", "percent: 11}", r"percent: is 10.00 and can't become 11.00"),
    ("{account: lower, percent: 10}", "{account: upper, percent: 10}", "this account is none"),
    ("opened: satellite", "opened: [moon]", "opened: no range 'moon' here or in the ledger"),
    ('["247"]', '["881"]', "it stands in 'satellite' already"),
    ("country: FR", "country: XX", "country: a country's two letters"),
    ("cycle: weekly,", "cycle: weekly, tax_status: reverse_charge,", "needs a tax number or a registration"),
    ("{account: lower}", '{account: lower, starts_at: "2026-09-01T00:00:00Z"}', "starts_at"),
]  # fmt: skip


async def test_a_fault_is_told_and_nothing_is_changed(company: AsyncEngine, tmp_path: Path) -> None:
    """Though other rows of the file could be done."""
    before = await bodies(company)
    for old, new, fault in FAULTS:
        text = RULES.replace(old, new)
        assert text != RULES, old
        with pytest.raises(SetupFault, match=fault):
            await apply(company, tmp_path, text + "\nfilters: [{account: customer, digits: '449'}]")
    assert await bodies(company) == before
