"""What an account may be called and stand below, and who pays whom in a tree."""

from __future__ import annotations

import random

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from service.accounts.rules import AccountSpec, account_problems, name_problem
from service.accounts.storage import find_account, path_of, seller_of, subtree
from service.config import Config
from service.database.engine import reading
from service.database.tables import accounts
from service.ledger.rules import Entry, charge_postings, cost_postings, payment_postings
from service.ledger.storage import balances, imbalances, post_entry
from service.start import ensure_first_rows
from tests.service.planting import plant

NOW_MS = 1_790_000_000_000


@pytest.mark.parametrize("name", ["a", "Ann & Co.", "Müller GmbH (Köln)", "0", "a-b", "O'Neil", "x@y"])
def test_names_of_people_and_companies_pass(name: str) -> None:
    """Letters of any language, digits, and what stands in company names."""
    assert name_problem(name) is None


@pytest.mark.parametrize("name", ["", " a", "a ", "_a", "#1", "a/b", "a\n", "a\tb", "-a", "a" * 101, "a\x00"])
def test_other_names_are_refused(name: str) -> None:
    """Blanks at the ends, control characters, `#` (an id) and `/` (a gateway)."""
    assert name_problem(name)


@given(st.text(max_size=120))
def test_no_name_that_passes_reads_as_something_else(name: str) -> None:
    """Neither as an id, nor as a gateway, nor as two lines."""
    if name_problem(name) is None:
        assert name.strip() == name
        assert not name.startswith("#")
        assert "/" not in name
        assert len(name.splitlines()) == 1


PARENTS = {kind: AccountSpec("p", "Operator", kind, "EUR") for kind in ("reseller", "customer", "provider")}


@pytest.mark.parametrize(
    ("kind", "parent", "allowed"),
    [
        ("reseller", None, True),
        ("reseller", "reseller", True),
        ("reseller", "customer", False),
        ("customer", "reseller", True),
        ("customer", "provider", False),
        ("provider", None, True),
        ("provider", "reseller", False),
    ],
)
def test_who_stands_below_whom(kind: str, parent: str | None, allowed: bool) -> None:
    """Resellers and the root have customers; providers stand below the root, for now."""
    problems = account_problems(AccountSpec("a", "p", kind, "EUR"), PARENTS[parent] if parent else None)
    assert (problems == {}) is allowed
    assert allowed or "stands below a" in problems["parent"]


def test_only_a_reseller_earns_commission() -> None:
    """A customer has nobody to earn it by."""
    assert "commission" in account_problems(AccountSpec("a", "Operator", "customer", "EUR", commission=True), None)
    assert account_problems(AccountSpec("a", "Operator", "reseller", "EUR", commission=True), None) == {}


async def test_a_seller_is_the_nearest_that_is_charged(engine: AsyncEngine) -> None:
    """Two commission resellers between: the distributor above them; above that the root."""
    await ensure_first_rows(engine, Config(), NOW_MS)
    specs = [
        ("distributor", "Operator", "reseller"),
        ("agent", "distributor", "reseller"),
        ("under-agent", "agent", "reseller"),
        ("customer", "under-agent", "customer"),
    ]
    async with engine.begin() as conn:
        await plant(conn, specs, NOW_MS, agents="agent under-agent")
        rows = {name: await find_account(conn, name) for name, _, _ in specs}
        assert [row.name for row in await path_of(conn, rows["customer"])] == [
            "customer", "under-agent", "agent", "distributor", "Operator",
        ]  # fmt: skip
        assert await seller_of(conn, rows["customer"]) == rows["distributor"].id
        assert await seller_of(conn, rows["distributor"]) == 1


async def test_subtrees_of_a_random_tree_are_exact(engine: AsyncEngine) -> None:
    """60 accounts below each other at random: each subtree by path is the one that following parents gives."""
    await ensure_first_rows(engine, Config(), NOW_MS)
    chance = random.Random(7)
    parents = {"a0": "Operator"}
    for number in range(1, 60):
        parents[f"a{number}"] = chance.choice(["Operator", *parents])
    async with engine.begin() as conn:
        await plant(conn, [(name, parent, "reseller") for name, parent in parents.items()], NOW_MS)

    def is_below(name: str, top: str) -> bool:
        while name != top and name in parents:
            name = parents[name]
        return name == top

    async with reading(engine) as conn:
        for top in ("Operator", *parents):
            found = [row.name for row in await subtree(conn, await find_account(conn, top))]
            assert sorted(found) == sorted(name for name in ("Operator", *parents) if is_below(name, top))
            assert found[0] == top


async def test_random_entries_are_what_a_simple_model_says(engine: AsyncEngine) -> None:
    """300 payments, charges and costs: balances are those of a dictionary, and everything adds up."""
    await ensure_first_rows(engine, Config(), NOW_MS)
    chance = random.Random(11)
    model: dict[int, int] = {}
    async with engine.begin() as conn:
        await plant(conn, [(name, "Operator", "customer") for name in "abc"], NOW_MS)
        ids = list((await conn.execute(sa.select(accounts.c.id).where(accounts.c.id != 1))).scalars())
        for _ in range(300):
            account, micros = chance.choice(ids), chance.randrange(1, 10**12)
            make, sign = chance.choice([(payment_postings, 1), (charge_postings, -1)])
            lines = (*make(account, 1, micros, "EUR"), *cost_postings(ids[0], 5, "EUR"))
            await post_entry(conn, Entry("adjustment", "test", "", NOW_MS, lines))
            model[account] = model.get(account, 0) + sign * micros
            model[ids[0]] = model.get(ids[0], 0) + 5
    async with reading(engine) as conn:
        assert await balances(conn) == model
        assert await imbalances(conn) == []
