"""Automatic recharges: one payment for each crossing, whatever is killed; declined ones end, and are told."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from service.config import Payments
from service.database.access_tables import mails
from service.database.engine import reading
from service.database.recharge_tables import recharge_tasks
from service.payments.recharger import AT_ONCE, LEASE_MS, WAITS_S, Recharger
from service.payments.recharging import DECLINE_WAITS_MS
from service.payments.stripe_client import TIMEOUT_S, Answer, Charge, Client, What
from tests.service.company import EURO
from tests.service.dying import KILLED, RECHARGE, Killed, ending_at, kill_work, raise_killed, watched
from tests.service.stripe_fake import API_KEY, Stripe, stripe_fake
from tests.service.test_invoices import DAY_MS
from tests.service.test_payments import Till, returned


class Plant(Till):
    """The customer is recharged by 50 below 990, at most 120 a month."""

    stripe: Stripe

    async def open(self) -> None:
        """Its card is kept."""
        await super().open()
        self.config = self.config.model_copy(update={"payments": Payments(stripe=self.stripe.url)})
        self.office.api = self.office.api._replace(config=self.config)
        await self.ask("payment-gateway.edit", payment_gateway_id=self.gateway, api_key=API_KEY)
        self.recharger = Recharger(self.company.engine, self.config)
        self.now_ms = self.company.now.wall_ms
        (await self.want()).ok()
        page = (await self.ask("recharge.card", "customer")).ok()
        reference = page["link"].rpartition("/")[2]
        card = {"id": "seti_1", "customer": "cus_1", "payment_method": "pm_1", "metadata": {"reference": reference}}
        event = {"id": "evt_card", "type": "setup_intent.succeeded", "data": {"object": card}}
        assert await self.tell(event) == "the card is kept"

    async def want(self, **more: Any) -> Any:
        """Its wish."""
        values = {"gateway_id": self.gateway, "threshold": "990", "amount": "50", "month_max": "120"}
        return await self.ask("recharge.edit", "customer", **values | more)

    async def spend(self, amount: str) -> None:
        """A fee."""
        await self.earn(f"-{amount}")

    async def earn(self, amount: str) -> None:
        """A goodwill."""
        (await self.ask("payment.adjust", "customer", amount=amount, reason="fee")).ok()

    async def work(self, after_ms: int = 0) -> int:
        """The recharger's rounds, so much later."""
        self.now_ms += after_ms
        done = 0
        while took := await self.recharger.work(self.now_ms):
            done += took
        return done

    async def told(self) -> list[str]:
        """Every message of every payment that was made."""
        return [await self.tell(event) for event in self.stripe.events()]

    async def tasks(self) -> list[Row[Any]]:
        """All of them."""
        async with reading(self.company.engine) as conn:
            return list(await conn.execute(sa.select(recharge_tasks).order_by(recharge_tasks.c.id)))

    async def shown(self) -> tuple[str, str]:
        """State and fault."""
        got = await self.office.boss.do("recharge.show", account_id=self.ids["customer"])
        return got["state"], got["fault"]

    async def mailed(self) -> list[str]:
        """Whom a failure was told."""
        async with reading(self.company.engine) as conn:
            query = sa.select(mails.c.recipient).where(mails.c.template == "recharge_failed")
            return list((await conn.execute(query)).scalars())


@pytest.fixture
async def plant(engine: AsyncEngine, database: str, tmp_path: Path) -> AsyncIterator[Plant]:
    """With a card."""
    async with stripe_fake() as stripe:
        plant = Plant(engine, database, tmp_path)
        plant.stripe = stripe
        await plant.open()
        yield plant


async def test_a_crossing_is_one_payment(plant: Plant) -> None:
    """By a fee or a call; posted by the message alone, once; the month has an end; a refund is posted back."""
    assert await plant.shown() == ("on", "")
    await plant.spend("9")
    assert (await plant.work(), plant.stripe.payments) == (0, [])
    await plant.spend("2")
    await plant.spend("2")
    assert (await plant.work(), await plant.work()) == (1, 0)
    assert await plant.balance("customer") == 987 * EURO
    (paid,) = plant.stripe.payments
    assert (paid["amount"], paid["currency"], paid["customer"], paid["payment_method"]) == (
        "5000",
        "eur",
        "cus_1",
        "pm_1",
    )
    assert [one.partition(" ")[0] for one in await plant.told()] == ["entry"]
    assert await plant.told() == ["taken already"]
    assert await plant.balance("customer") == 1037 * EURO
    await plant.spend("48")
    await plant.work()
    await plant.told()
    assert await plant.balance("customer") == 1039 * EURO
    await plant.spend("50")
    assert (await plant.work(), len(plant.stripe.payments)) == (0, 2)
    assert await plant.shown() == ("on", "the month has had 120.00 EUR")
    back = returned("evt_back", 5_000)
    back["data"]["object"]["payment_intent"] = paid["id"]
    assert (await plant.tell(back)).startswith("entry ")
    assert await plant.balance("customer") == 939 * EURO
    assert [task.state for task in await plant.tasks()] == ["done", "done"]
    await plant.company.pump()
    await plant.sound()


async def test_a_balance_that_is_still_below_is_recharged_again(plant: Plant) -> None:
    """One after the other, never two at once; up to the month's sum, and in the next month; not by a gateway that is
    off, nor after a card was declined for good.
    """
    (await plant.want(month_max="100")).ok()
    await plant.spend("200")
    await plant.work()
    assert (await plant.work(), len(plant.stripe.payments)) == (0, 1)
    for count, balance in ((2, 900), (2, 900)):
        await plant.told()
        await plant.work()
        await plant.told()
        assert (len(plant.stripe.payments), await plant.balance("customer")) == (count, balance * EURO)
    await plant.ask("payment-gateway.edit", payment_gateway_id=plant.gateway, active=False)
    assert (await plant.work(40 * DAY_MS), len(await plant.tasks())) == (0, 2)
    await plant.ask("payment-gateway.edit", payment_gateway_id=plant.gateway, active=True)
    plant.stripe.answers = ["declined"] * 3
    for wait_ms in (0, *DECLINE_WAITS_MS):
        assert await plant.work(wait_ms) == 1
    assert (await plant.shown())[0] == "off"
    assert (await plant.work(DAY_MS), len(await plant.tasks())) == (0, 3)


async def test_killed_for_good_a_crossing_is_one_payment(plant: Plant, database: str, tmp_path: Path) -> None:
    """By SIGKILL, in a process of its own, before and behind the asking."""
    await plant.spend("20")
    deaths = 0
    for statement in (2, 4, 6, 8, 10):
        given = (str(statement), plant.stripe.url, str(plant.now_ms))
        deaths += await kill_work(RECHARGE, database, tmp_path, *given) == KILLED
        plant.now_ms += LEASE_MS + 1
    await plant.work()
    await plant.told()
    assert deaths >= 3
    assert (len(plant.stripe.payments), len(set(plant.stripe.asked))) == (1, 1)
    assert (await plant.balance("customer"), (await plant.tasks())[0].state) == (1030 * EURO, "done")


async def test_killed_at_any_statement_a_crossing_is_one_payment(plant: Plant) -> None:
    """Whoever dies has asked or not: the next one asks under the same key."""
    (await plant.want(month_max="1000000")).ok()
    rounds = 0
    for number in range(1, sys.maxsize):
        plant.now_ms += LEASE_MS + 1
        await plant.spend("60" if rounds else "20")
        try:
            with watched(plant.company.engine, ending_at(number, raise_killed)):
                await plant.recharger.work(plant.now_ms)
            done = True
        except Killed:
            done = False
        rounds += 1
        await plant.work(LEASE_MS + 1)
        await plant.told()
        assert len(plant.stripe.payments) == rounds
        await plant.earn("10")
        if done:
            break
    assert rounds > 6
    assert len(set(plant.stripe.asked)) == rounds
    assert {task.state for task in await plant.tasks()} == {"done"}


async def test_two_at_once_and_an_answer_that_is_lost(plant: Plant) -> None:
    """One payment: of two rechargers one asks; what was paid and not heard of is asked again under its key."""
    await plant.spend("20")
    plant.stripe.answers = ["broken"]
    await asyncio.gather(*(plant.recharger.work(plant.now_ms) for _ in range(3)))
    assert (len(plant.stripe.asked), len(plant.stripe.payments)) == (1, 1)
    assert (await plant.tasks())[0].state == "waiting"
    await plant.work(WAITS_S[0] * 1000)
    assert (len(plant.stripe.asked), len(set(plant.stripe.asked)), len(plant.stripe.payments)) == (2, 1, 1)
    await plant.told()
    assert await plant.balance("customer") == 1030 * EURO


async def test_a_message_that_is_faster_than_the_answer(plant: Plant) -> None:
    """It posts; what comes of the answer changes nothing."""
    await plant.spend("20")
    plant.stripe.answers = ["broken"]
    await plant.recharger.work(plant.now_ms)
    await plant.told()
    assert (await plant.work(WAITS_S[0] * 1000), len(plant.stripe.asked)) == (0, 1)
    assert (await plant.balance("customer"), (await plant.tasks())[0].state) == (1030 * EURO, "done")


async def test_a_card_that_is_declined_is_off_in_the_end(plant: Plant) -> None:
    """After the third time, with a mail; nothing was posted, and a new wish begins anew."""
    await plant.office.hire(plant.office.boss, plant.ids["customer"], "owner@shop.example")
    plant.stripe.answers = ["declined", "confirm", "declined"]
    await plant.spend("20")
    await plant.work()
    assert await plant.shown() == ("on", "Your card was declined.")
    assert await plant.work(DECLINE_WAITS_MS[0] - 1) == 0
    await plant.work(1)
    assert (await plant.shown())[1] == "the bank wants the customer to confirm it"
    assert await plant.mailed() == []
    await plant.work(DECLINE_WAITS_MS[1])
    assert await plant.shown() == ("off", "Your card was declined.")
    assert await plant.mailed() == ["owner@shop.example"]
    assert (len(set(plant.stripe.asked)), await plant.balance("customer")) == (3, 980 * EURO)
    await plant.earn("20")
    await plant.spend("20")
    assert await plant.work(1) == 0
    assert (await plant.want()).ok()["state"] == "on"
    await plant.earn("20")
    await plant.spend("20")
    assert await plant.work() == 1


async def test_who_has_paid_meanwhile_is_not_asked_again(plant: Plant) -> None:
    """Nor who wants it no more."""
    plant.stripe.answers = ["declined"]
    await plant.spend("20")
    await plant.work()
    (await plant.ask("payment.make", "customer", amount="100", reason="cash")).ok()
    await plant.work(DECLINE_WAITS_MS[0])
    assert (len(plant.stripe.asked), (await plant.tasks())[0].state) == (1, "failed")
    await plant.spend("100")
    (await plant.ask("recharge.remove", "customer")).ok()
    await plant.work(1)
    assert len(plant.stripe.asked) == 1


async def test_a_gateway_that_is_away_is_asked_again_for_hours(plant: Plant) -> None:
    """Under one key, less than a day; then it is off."""
    plant.stripe.answers = ["away"] * 20
    await plant.spend("20")
    for wait_s in (0, *WAITS_S):
        assert await plant.work(wait_s * 1000) == 1
    assert (len(plant.stripe.asked), len(set(plant.stripe.asked))) == (len(WAITS_S) + 1, 1)
    assert (await plant.shown())[0] == "off"
    assert sum(WAITS_S) < 86_400


async def test_a_payment_that_comes_to_nothing_later(plant: Plant) -> None:
    """Of a bank that takes days: as if it had been declined at once; only of ours."""
    plant.stripe.answers = ["processing"]
    await plant.spend("20")
    await plant.work()
    (event,) = plant.stripe.events("payment_intent.payment_failed")
    assert await plant.tell(event) == "declined"
    assert ((await plant.tasks())[0].declines, await plant.balance("customer")) == (1, 980 * EURO)
    other = {"id": "evt_9", "type": event["type"], "data": {"object": {"id": "pi_9", "metadata": {"reference": "x"}}}}
    assert await plant.tell(other) == "moves no money"


async def test_recharges_are_listed_with_what_became_of_them(plant: Plant) -> None:
    """Of whoever asks and of those below: what waits says when it is tried again, and why it had to wait."""
    plant.stripe.answers = ["declined"]
    await plant.spend("20")
    await plant.work()
    boss = plant.office.boss
    (wish,) = (await boss.do("recharge.list", query={"account_id": plant.ids["customer"]}))["items"]
    assert (wish["account_id"], wish["state"], wish["month_max"]) == (plant.ids["customer"], "on", "120.00")
    (tried,) = (await boss.do("recharge.history"))["items"]
    assert (tried["state"], tried["amount"], tried["declines"]) == ("waiting", "50.00", 1)
    assert tried["fault"]
    assert tried["next_at"] > tried["created_at"]
    await plant.work(DECLINE_WAITS_MS[0])
    (done,) = (await boss.do("recharge.history", query={"state": "asked"}))["items"]
    assert (done["id"], done["next_at"]) == (tried["id"], None)
    for path, query in (("recharge.list", {"state": "off"}), ("recharge.history", {"account_id": plant.ids["upper"]})):
        assert (await boss.do(path, query=query))["items"] == []


async def test_what_is_no_recharge(plant: Plant) -> None:
    """Each with its field; no key of the gateway's is ever shown."""
    other = {"account_id": plant.ids["upper"], "name": "other", "link": "https://buy.stripe.com/x"}
    foreign = (await plant.ask("payment-gateway.make", **other, secret="whsec_long_enough_it_is")).ok()["id"]
    for wrong, pointer in (
        ({"amount": "0"}, "/amount"), ({"amount": "1.005"}, "/amount"), ({"month_max": "49"}, "/month_max"),
        ({"gateway_id": foreign}, "/gateway_id"),
    ):  # fmt: skip
        got = await plant.want(**wrong)
        assert (got.status, got["errors"][0]["pointer"]) == (422, pointer), got
    shown = await plant.ask("payment-gateway.list")
    assert API_KEY not in str(shown.body)
    assert [one["can_ask"] for one in shown["items"]] == [True, False]
    trail = await plant.office.boss.do("audit.list")
    assert API_KEY not in str(trail)
    card = {"id": "s", "customer": "cus_2", "payment_method": "pm_2", "metadata": {"reference": "ra_unknown"}}
    told = await plant.tell({"id": "evt_x", "type": "setup_intent.succeeded", "data": {"object": card}})
    assert told.startswith("refused: ")


async def test_another_sellers_gateway_and_closed_accounts_are_asked_nothing(plant: Plant) -> None:
    """An account that has moved, or closed, since its balance fell: it is off, and its card is left alone."""
    await plant.spend("20")
    (await plant.ask("account.move", "customer", parent_id=plant.ids["upper"])).ok()
    assert (await plant.work(), plant.stripe.payments) == (0, [])
    assert await plant.shown() == ("off", "the account has another seller now: say anew by which gateway")
    assert (await plant.want()).status == 422
    (await plant.ask("account.move", "customer", parent_id=plant.ids["lower"])).ok()
    await plant.earn("20")
    (await plant.want()).ok()
    await plant.spend("1000")
    (await plant.ask("account.suspend", "customer", reason="ends")).ok()
    await plant.company.pump()
    (await plant.ask("account.close", "customer", reason="ends")).ok()
    assert (await plant.work(), plant.stripe.payments) == (0, [])
    assert await plant.shown() == ("off", "the account is closed")
    assert [task.state for task in await plant.tasks()] == ["failed", "failed"]


async def test_a_slow_gateway_keeps_what_was_claimed(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of ten claims may be asked for as long as it may take: until the last one another service claims none."""
    await plant.spend("20")
    other, claimed = Recharger(plant.company.engine, plant.config), []

    async def slow(_self: Client, _charge: Charge) -> Answer:
        claimed.append(await other.work(plant.now_ms + AT_ONCE * TIMEOUT_S * 1000))
        return Answer(What.TAKEN)

    monkeypatch.setattr(Client, "charge", slow)
    assert await plant.recharger.work(plant.now_ms) == 1
    assert claimed == [0]


async def test_who_moved_before_the_message_came_is_recharged_again(plant: Plant) -> None:
    """By its new seller's gateway: what the former one says it has got is not posted, nor waited for any more."""
    await plant.spend("20")
    assert await plant.work() == 1
    await plant.ask("account.move", "customer", parent_id=plant.ids["upper"])
    said = "the account pays another seller by now: pay it back at the gateway"
    assert await plant.told() == [f"refused: {said}"]
    assert [(task.state, task.fault) for task in await plant.tasks()] == [("failed", said)]
    assert (await plant.balance("customer"), (await plant.shown())[1]) == (980 * EURO, said)
