"""Accounts by what they have: every one of them once, whoever looks, however many pages it takes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from service.database.tables import accounts, book_balances
from tests.service.office import Office, Person

BALANCES = ("5", "-3", "0", "5", "12.5", "")
"""Of customers; empty: nothing was ever booked."""


@pytest.fixture
async def seller(office: Office) -> Person:
    """A reseller with customers, beside one whose customer is richer than all."""
    numbers = {name: await office.account(office.boss, 1, name, "reseller") for name in ("upper", "other")}
    for index, amount in enumerate(BALANCES):
        customer = await office.account(office.boss, numbers["upper"], f"c{index}", "customer")
        if amount:
            await _book(office, customer, amount)
    await _book(office, await office.account(office.boss, numbers["other"], "rich", "customer"), "1000")
    return await office.hire(office.boss, numbers["upper"], "owner@upper.example")


async def _book(office: Office, account: int, amount: str) -> None:
    """As if it had been booked: the list looks at nothing else."""
    micros = int(Decimal(amount) * 1_000_000)
    row = (book_balances.c.account_id == account) & (book_balances.c.book == "balance")
    async with office.engine.begin() as conn:
        done = await conn.execute(sa.update(book_balances).where(row).values(amount_micros=micros))
    assert done.rowcount == 1, "every account has a row from the beginning"


async def _whole(person: Person, **query: Any) -> list[Any]:
    """All pages."""
    found, cursor = [], ""
    while cursor is not None:
        page = await person.do("account.list", query={**query, "cursor": cursor})
        found += page["items"]
        cursor = page["next"]
    return found


@pytest.mark.parametrize("limit", [1, 3, 200])
async def test_every_account_is_there_once_by_its_balance(office: Office, seller: Person, limit: int) -> None:
    """Those that are alike by their numbers; the other way round the same."""
    plain = await _whole(seller, sort="id")
    rises = await _whole(seller, sort="balance", limit=limit)
    assert rises == sorted(plain, key=lambda one: (Decimal(one["balance"]), one["id"]))
    assert [one["balance"] for one in rises] == ["-3.00", "0.00", "0.00", "0.00", "5.00", "5.00", "12.50"]
    assert await _whole(seller, sort="-balance", limit=limit) == rises[::-1]
    assert (await _whole(office.boss, sort="-balance", limit=limit))[0]["name"] == "rich"


async def test_it_is_filtered_too(seller: Person) -> None:
    """As in every other order."""
    found = await _whole(seller, sort="-balance", kind="customer", name="c")
    assert [one["name"] for one in found] == ["c4", "c3", "c0", "c5", "c2", "c1"]
    assert await _whole(seller, sort="-balance", name="rich") == []


@pytest.mark.parametrize(
    ("query", "names"),
    [({"kind": "reseller"}, ["upper", "other"]), ({"state": "suspended"}, ["c3", "c0"])],
)
async def test_few_of_many_are_sorted_when_they_are_found(
    office: Office, seller: Person, query: dict[str, str], names: list[str]
) -> None:
    """And not met one by one among all others in the order of balances; page by page the same."""
    for name, amount in (("other", "-7"), ("c0", "1"), ("c3", "1")):
        (one,) = await _whole(office.boss, name=name)
        await _book(office, one["id"], amount)
        if name != "other":
            await office.boss.do("account.suspend", account_id=one["id"])
    said: list[str] = []

    def keep(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    sa.event.listen(office.engine.sync_engine, "before_cursor_execute", keep)
    falls = await _whole(office.boss, sort="-balance", limit=1, **query)
    sa.event.remove(office.engine.sync_engine, "before_cursor_execute", keep)
    assert [one["name"] for one in falls] == names
    assert await _whole(office.boss, sort="balance", **query) == falls[::-1]
    listed = [one for one in said if "sorted_by" in one]
    assert listed
    assert all("book_balances.amount_micros + " in one.split("ORDER BY")[1] for one in listed)


async def test_an_account_is_listed_by_its_own_currency(office: Office, seller: Person) -> None:
    """Of what it has in another one the list says nothing; one whose currency changes stays in it."""
    (one,) = await _whole(seller, name="c5")
    async with office.engine.begin() as conn:
        await conn.execute(sa.update(accounts).where(accounts.c.id == one["id"]).values(currency="USD"))
        await conn.execute(
            sa.update(book_balances)
            .where((book_balances.c.account_id == one["id"]) & (book_balances.c.currency == "EUR"))
            .values(amount_micros=9_000_000)
        )
    (found,) = [row for row in await _whole(seller, sort="balance") if row["id"] == one["id"]]
    assert (found["currency"], found["balance"]) == ("USD", "0.00")


async def test_a_cursor_holds_in_its_order_alone(seller: Person) -> None:
    """One of the order by name is refused."""
    page = await seller.do("account.list", query={"sort": "name", "limit": 1})
    got = await seller.ask("account.list", query={"sort": "balance", "cursor": page["next"]})
    assert (got.status, got["errors"][0]["pointer"]) == (422, "/cursor")
