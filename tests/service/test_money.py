"""Money moved through the API, with a real store behind it: payments, corrections, refunds, transfers, write-offs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.engine import reading
from service.database.tables import accounts
from service.doctor import run
from service.ledger.storage import balance_of, imbalances
from tests.service.company import EURO, NOW_MS, Company
from tests.service.office import Got, Office
from tests.service.standing import SHELF


class House:
    """A company with a running store, and its people."""

    def __init__(self, engine: AsyncEngine, database: str, folder: Path) -> None:
        self.company = Company(engine, folder)
        self.config = self.company.config.model_copy(update={"database": database})
        self.office = Office(engine, self.company.config)
        self.office.api = self.office.api._replace(patience_s=0)
        self.ids: dict[str, int] = {}
        self.keys = 0

    async def open(self) -> None:
        """Everybody has a thousand euros."""
        await self.stand(self._open)

    async def stand(self, opening: Callable[[], Awaitable[None]]) -> None:
        """Opens by its method, or stands as it stood after the same opening, whoever's it was."""
        company = self.company
        words = (_same_opening(type(self), opening.__name__), repr(self._plain()), type(company), company.setup)
        await SHELF.open(self, words, company.engine, company.folder, opening)

    def _plain(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if isinstance(value, int | str | dict)}

    def kept(self) -> tuple[Any, ...]:
        """What a house knows: numbers and names, whoever's subclass it is."""
        return self.company.kept(), self.office.kept(), deepcopy(self._plain())

    def take(self, kept: tuple[Any, ...]) -> None:
        """As it stood."""
        company, office, plain = kept
        self.company.take(company)
        self.office.take(office)
        vars(self).update(deepcopy(plain))

    async def _open(self) -> None:
        await self.company.open()
        await self.office.open()
        async with reading(self.company.engine) as conn:
            rows = await conn.execute(sa.select(accounts.c.name, accounts.c.id))
            self.ids = {row.name: row.id for row in rows}

    async def ask(self, endpoint: str, account: str = "", *, key: str = "", **body: Any) -> Got:
        """The Super Admin asks, under a new key unless one is named."""
        self.keys += 1
        if account:
            body["account_id"] = self.ids[account]
        return await self.office.boss.ask(endpoint, key=key or f"key {self.keys}", **body)

    async def transfer(self, giver: str, taker: str, amount: str, key: str = "") -> Got:
        """Of one account to another."""
        ids = {"from_account_id": self.ids[giver], "to_account_id": self.ids[taker]}
        return await self.ask("payment.transfer", key=key, amount=amount, reason="as agreed", **ids)

    async def balance(self, account: str, book: str = "balance") -> int:
        """In the ledger."""
        async with reading(self.company.engine) as conn:
            return await balance_of(conn, self.ids[account], "EUR", book)

    def stored(self, account: str) -> int:
        """In the store."""
        return self.company.store()[self.ids[account]].balance

    async def sound(self) -> None:
        """The doctor agrees."""
        report = await run(self.config, self.company.now.wall_ms, self.company.now.boot_ms)
        assert report.ok, [check for check in report.checks if not check.ok]


def _same_opening(kind: type[House], name: str) -> tuple[Any, ...]:
    """What a method does that opens: the classes that it goes on to, and whatever it may call, as this house has it."""
    line = kind.__mro__
    own = next(place for place, one in enumerate(line) if name in vars(one))
    others = [one for one in dir(line[own]) if not one.startswith("__") and one != "open"]
    return line[own:], tuple(getattr(kind, one) for one in others)


@pytest.fixture
async def house(engine: AsyncEngine, database: str, tmp_path: Path) -> House:
    """Open for business."""
    house = House(engine, database, tmp_path)
    await house.open()
    return house


async def test_a_payment_reaches_the_store(house: House) -> None:
    """With its reason and its name in the books and in the audit."""
    line = (await house.ask("payment.make", "customer", amount="12.5", reason="invoice 7")).ok()
    assert (line["kind"], line["amount"], line["balance"]) == ("payment", "12.50", "1012.50")
    await house.company.pump()
    assert house.stored("customer") == 1_012_500_000
    lines = await house.office.boss.do("payment.list", account_id=house.ids["customer"])
    assert [(one["amount"], one["balance"]) for one in lines["items"]] == [("12.50", "1012.50"), ("1000.00", "1000.00")]
    assert (lines["items"][0]["actor"], lines["items"][0]["reason"]) == ("boss@op.example", "invoice 7")
    trail = await house.office.boss.do("audit.list", query={"action": "account.payment"})
    assert trail["items"][0]["after"]["amount"] == "12.50"
    await house.sound()


async def test_a_payment_needs_a_key_and_has_one_effect(house: House) -> None:
    """The same answer for the same key; another request under it is refused."""
    bare = await house.office.boss.ask("payment.make", account_id=house.ids["customer"], amount="1", reason="x")
    assert (bare.status, bare["type"].rsplit("/", 1)[1]) == (400, "key-missing")
    first = await house.ask("payment.make", "customer", key="k", amount="1", reason="x")
    again = await house.ask("payment.make", "customer", key="k", amount="1", reason="x")
    other = await house.ask("payment.make", "customer", key="k", amount="2", reason="x")
    assert (first.body, first.status) == (again.body, again.status)
    assert again.headers["Idempotent-Replay"] == "true"
    assert other.status == 422
    assert await house.balance("customer") == 1001 * EURO


@pytest.mark.parametrize(
    ("endpoint", "amount", "status", "said"),
    [
        ("payment.make", "0", 422, "between 0.000001"),
        ("payment.make", "-1", 409, "only a provider"),
        ("payment.make", "1000000000.000001", 422, "between 0.000001"),
        ("payment.make", "0.0000001", 422, "decimals"),
        ("payment.make", "one", 422, "amount"),
        ("payment.make", 1, 422, "as text"),
        ("payment.adjust", "0", 422, "between 0.000001"),
        ("payment.refund", "-1", 422, "between 0.000001"),
    ],
)
async def test_what_is_no_amount(house: House, endpoint: str, amount: object, status: int, said: str) -> None:
    """Each says what would be one."""
    got = await house.ask(endpoint, "customer", amount=amount, reason="x")
    assert got.status == status
    assert said in str(got.body)
    assert await house.balance("customer") == 1000 * EURO


async def test_a_correction_may_leave_an_account_below_nothing(house: House) -> None:
    """It is owed whatever is there; the revenue is corrected with it."""
    await house.ask("payment.adjust", "customer", amount="-1500", reason="fee")
    await house.company.pump()
    assert (house.stored("customer"), await house.balance("lower", "revenue")) == (-500 * EURO, 1500 * EURO)
    await house.sound()


async def test_a_refund_takes_what_is_free(house: House) -> None:
    """202 until the store has answered; then it is posted, once."""
    asked = await house.ask("payment.refund", "customer", key="r", amount="400", reason="leaves")
    assert (asked.status, asked["state"], asked["entry_id"]) == (202, "asked", None)
    await house.company.pump()
    again = await house.ask("payment.refund", "customer", key="r", amount="400", reason="leaves")
    assert (again.status, again["state"]) == (201, "posted")
    assert (await house.balance("customer"), house.stored("customer")) == (600 * EURO, 600 * EURO)
    assert await house.balance("lower", "cash") == -600 * EURO
    assert house.company.store()[house.ids["customer"]].held == 0
    await house.sound()


async def test_a_refund_never_takes_what_calls_hold(house: House) -> None:
    """Refused to the micro-unit, with what is free."""
    call = house.company.talk()
    held = house.company.store()[house.ids["customer"]].held
    assert held > 0
    await house.ask("payment.refund", "customer", key="r", amount="1000", reason="leaves")
    await house.company.pump()
    refused = await house.ask("payment.refund", "customer", key="r", amount="1000", reason="leaves")
    assert (refused.status, refused["type"].rsplit("/", 1)[1]) == (409, "no-funds")
    free = (1000 * EURO - held) / EURO
    assert f"{free:.6f}".rstrip("0") in refused["detail"]
    assert house.company.is_running(call)
    assert house.company.store()[house.ids["customer"]].held == held
    await house.sound()


async def test_a_transfer_between_sellers_moves_cash_too(house: House) -> None:
    """Each seller's books say what it owes."""
    await house.transfer("customer", "upper", "250")
    await house.company.pump()
    assert (await house.balance("customer"), await house.balance("upper")) == (750 * EURO, 1250 * EURO)
    assert (house.stored("customer"), house.stored("upper")) == (750 * EURO, 1250 * EURO)
    assert await house.balance("lower", "cash") == -750 * EURO
    assert await house.balance("Operator", "cash") == -1250 * EURO
    await house.sound()


async def test_a_cancelled_refund_lets_the_money_go(house: House) -> None:
    """Asked and taken back before the store heard of it."""
    asked = await house.ask("payment.refund", "customer", key="r", amount="400", reason="leaves")
    cancelled = await house.office.boss.do("operation.cancel", operation_id=asked["id"])
    assert cancelled["state"] == "cancelled"
    await house.company.pump()
    assert (house.stored("customer"), house.company.store()[house.ids["customer"]].held) == (1000 * EURO, 0)
    assert (await house.office.boss.ask("operation.cancel", operation_id=asked["id"])).status == 409
    assert (await house.office.boss.do("operation.show", operation_id=asked["id"]))["state"] == "cancelled"
    await house.sound()


@pytest.mark.parametrize("moment", ["before the store heard", "before the journal", "before the books", "posted"])
async def test_a_new_store_is_asked_again(house: House, moment: str) -> None:
    """The store's folder is lost at any step: the refund is posted once."""
    company = house.company
    await house.ask("payment.refund", "customer", key="r", amount="400", reason="leaves")
    if moment != "before the store heard":
        await company.flush()
        company.clerk()
    if moment == "before the journal":
        pass  # the event waits in the store for the clerk's next round
    if moment in {"before the books", "posted"}:
        company.clerk()
    if moment == "posted":
        await company.collector.collect_all(NOW_MS)
    company.wipe()
    company.wait(1)
    company.begin()
    await company.pump(4)
    assert (await house.balance("customer"), house.stored("customer")) == (600 * EURO, 600 * EURO)
    assert company.store()[house.ids["customer"]].held == 0
    await house.sound()


async def test_a_hundred_at_once(house: House) -> None:
    """Refunds, transfers and payments with equal and different keys: money is conserved, one effect for each key."""
    boss, ids = house.office.boss, house.ids

    async def one(number: int) -> Got:
        key = f"key {number % 60}"
        if number % 60 < 20:
            return await house.ask("payment.make", "customer", key=key, amount="1", reason="in")
        if number % 60 < 40:
            return await house.ask("payment.refund", "customer", key=key, amount="60", reason="out")
        return await house.transfer("customer", "upper", "30", key)

    call = house.company.talk()
    got = await asyncio.gather(*(one(number) for number in range(100)))
    assert {one.status for one in got} <= {201, 202}
    for _ in range(6):
        await house.company.pump(1)
        await house.sound()
    listed = await boss.do("operation.list", query={"limit": 200})
    states = [(one["kind"], one["state"]) for one in listed["items"]]
    assert len(states) == 40
    assert all(state in {"posted", "refused"} for _, state in states)
    out = 60 * states.count(("refund", "posted")) + 30 * states.count(("transfer", "posted"))
    held = house.company.store()[ids["customer"]].held
    assert 1020 - 60 < out + held / EURO <= 1020
    assert await house.balance("customer") == house.stored("customer") == (1020 - out) * EURO
    assert await house.balance("upper") == (1000 + 30 * states.count(("transfer", "posted"))) * EURO
    assert house.company.is_running(call)
    async with reading(house.company.engine) as conn:
        assert await imbalances(conn) == []


async def test_a_debt_is_written_off_and_the_account_closed(house: House) -> None:
    """Only when suspended, at rest, and with nothing owed."""
    await house.ask("payment.adjust", "customer", amount="-1500", reason="fraud")
    closed = await house.ask("account.close", "customer", reason="gone")
    assert "balance is not nothing" in closed["detail"]
    early = await house.ask("payment.write-off", "customer", reason="gone")
    assert "suspend it first" in early["detail"]
    await house.ask("account.suspend", "customer", reason="gone")
    assert (await house.ask("payment.write-off", "customer", reason="gone")).ok()["amount"] == "500.00"
    soon = await house.ask("account.close", "customer", reason="gone")
    assert "try again in a second" in soon["detail"]
    await house.company.pump()
    assert (await house.ask("account.close", "customer", reason="gone")).ok()["state"] == "closed"
    assert await house.balance("lower", "cost") == -500 * EURO
    assert (await house.ask("payment.adjust", "customer", amount="1", reason="late")).status == 409
    await house.company.pump()
    await house.sound()


async def test_who_has_money_left_is_not_written_off(house: House) -> None:
    """It is refunded."""
    await house.ask("account.suspend", "customer", reason="gone")
    assert "refunded" in (await house.ask("payment.write-off", "customer", reason="gone"))["detail"]


async def test_an_account_with_a_call_is_not_closed(house: House) -> None:
    """Its end would charge a closed account."""
    call = house.company.talk()
    await house.ask("account.edit", "customer", cut_on_suspend=False)
    await house.ask("account.suspend", "customer", reason="gone")
    await house.ask("payment.adjust", "customer", amount="-1000", reason="all")
    await house.company.pump()
    assert "1 calls of it are running" in (await house.ask("account.close", "customer", reason="gone"))["detail"]
    house.company.wait(1)
    house.company.hang_up(call)
    waits = await house.ask("account.close", "customer", reason="gone")
    assert "on their way" in waits["detail"]


async def test_who_moves_takes_the_money_along(house: House) -> None:
    """The old seller hands over what the account has; its own books stay as they are."""
    other = await house.office.account(house.office.boss, house.ids["upper"], "other", "reseller")
    before = await house.balance("lower", "cash")
    await house.office.boss.do("account.move", account_id=house.ids["customer"], parent_id=other)
    house.ids["other"] = other
    assert (before, await house.balance("lower", "cash")) == (-1000 * EURO, 0)
    assert await house.balance("other", "cash") == -1000 * EURO
    assert await house.balance("customer") == 1000 * EURO
    await house.company.pump()
    await house.sound()


async def test_nobody_refunds_their_own_account(house: House) -> None:
    """A reseller's finance user refunds its customers, not itself, and nobody outside."""
    lower = await house.office.hire(house.office.boss, house.ids["lower"], "lower@lower.example")
    own = await lower.ask("payment.refund", key="1", account_id=house.ids["lower"], amount="1", reason="x")
    assert (own.status, "nobody does it to their own" in own["detail"]) == (403, True)
    above = await lower.ask("payment.refund", key="2", account_id=house.ids["upper"], amount="1", reason="x")
    assert above.status == 404
    body = {"amount": "1", "reason": "x", "to_account_id": house.ids["customer"]}
    taken = await lower.ask("payment.transfer", key="3", from_account_id=house.ids["upper"], **body)
    assert (taken.status, taken["errors"][0]["pointer"]) == (422, "/from_account_id")
    mine = await lower.ask("payment.transfer", key="4", from_account_id=house.ids["lower"], **body)
    assert mine.status == 403
    below = await lower.ask("payment.refund", key="5", account_id=house.ids["customer"], amount="1", reason="x")
    assert below.status == 202
    await house.company.pump()
    customer = await house.office.hire(house.office.boss, house.ids["customer"], "c@c.example")
    lines = await customer.do("payment.list", account_id=house.ids["customer"])
    assert [(one["kind"], one["actor"]) for one in lines["items"]] == [("refund", "above"), ("payment", "test")]
    none = await customer.ask("payment.refund", key="6", account_id=house.ids["customer"], amount="1", reason="x")
    assert none.status == 403


async def test_a_suspension_ends_a_call_in_the_store(house: House) -> None:
    """The command leaves its mark; the meter does the rest (tests/kemi/test_suspension.py)."""
    house.company.talk()
    await house.ask("account.suspend", "upper", reason="late")
    await house.company.pump(1)
    assert house.company.dial().rule == "suspended"
