"""Refunds and disputes at a gateway, in parts and in any order: what is away there is what went back here."""

from __future__ import annotations

import importlib
import random
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.money import parse_micros
from service.database.reversal_tables import gateway_returns
from tests.service.company import EURO
from tests.service.test_payments import paid, returned
from tests.service.test_receipts import listed
from tests.service.test_reversals import Desk

UPGRADE = importlib.import_module("service.database.migrations.versions.0069_returns_at_gateways")
REFUND, DISPUTE, WON = "charge.refunded", "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated"


class Cards(Desk):
    """25 euros are asked for."""

    async def open(self) -> None:
        """Nothing is paid yet."""
        await super().open()
        self.due = (await self.standing())[1]
        _, self.reference = await self.top_up()
        self.told = 0

    async def say(self, kind: str, euros: int, name: str = "") -> str:
        """A message that was not sent before."""
        self.told += 1
        event = f"evt_{self.told}"
        message = returned(event, euros * 100, kind, name) if kind else paid(event, self.reference)
        return await self.tell(message)

    async def stands(self) -> int:
        """Of the 25 euros what the customer still has paid: its balance, invoice and receipt agree on it."""
        await self.agrees()
        micros = self.due - (await self.standing())[1]
        assert await self.balance("customer") == 1000 * EURO - self.due + micros
        receipts = [one for one in await listed(self, "customer") if one["reason"].startswith("cards")]
        back = [parse_micros(one["returned"]) for one in receipts]
        assert micros == (25 * EURO - back[0] if back else 0)
        return micros // EURO


@pytest.fixture
async def cards(engine: AsyncEngine, database: str, tmp_path: Path) -> Cards:
    """Open for business."""
    cards = Cards(engine, database, tmp_path)
    await cards.open()
    return cards


async def test_the_rest_of_what_was_refunded_is_disputed(cards: Cards) -> None:
    """Both went back; when the dispute is won its part alone comes after all, however often that is told."""
    kept = []
    for kind, euros in ((".", 0), (REFUND, 10), (DISPUTE, 15), (DISPUTE, 15), (WON, 15), (WON, 15), (REFUND, 25)):
        await cards.say(kind.strip("."), euros, "dp_1" if kind != REFUND else "ch_1")
        kept.append(await cards.stands())
    assert kept == [25, 15, 0, 0, 15, 15, 0]


async def test_the_bank_takes_more_than_is_left(cards: Cards) -> None:
    """At most what was paid goes back; what the dispute had taken of it comes again."""
    kept = []
    for kind, euros in (("", 0), (REFUND, 10), (DISPUTE, 25), (WON, 25)):
        await cards.say(kind, euros, "dp_1" if kind != REFUND else "ch_1")
        kept.append(await cards.stands())
    assert kept == [25, 15, 0, 15]


async def test_who_took_it_back_by_hand_took_back_what_is_told_later(cards: Cards) -> None:
    """Once in all; a dispute that is won brings its own part again."""
    await cards.say("", 0)
    (receipt,) = [one for one in await listed(cards, "customer") if one["reason"].startswith("cards")]
    (await cards.take_back(receipt["entry_id"], amount="12")).ok()
    assert (await cards.say(REFUND, 5), await cards.say(DISPUTE, 7, "dp_1")) == ("posted before", "posted before")
    assert await cards.stands() == 13
    assert (await cards.say(DISPUTE, 3, "dp_2")).startswith("entry ")
    assert await cards.stands() == 10
    await cards.say(WON, 7, "dp_1")
    assert await cards.stands() == 17


def refund(event: str, total: int, before: int | None) -> dict[str, Any]:
    """The total of a payment's refunds, and what it was."""
    message = returned(event, total * 100)
    if before is not None:
        message["data"]["previous_attributes"] = {"amount_refunded": before * 100, "refunded": False}
    return message


def failed(event: str, euros: int, name: str, kind: str = "refund.failed", status: str = "failed") -> dict[str, Any]:
    """A refund that came to nothing, or is told as something else."""
    one = {"id": name, "payment_intent": "pi_1", "amount": euros * 100, "currency": "eur", "status": status}
    return {"id": event, "type": kind, "data": {"object": one}}


async def test_a_refund_that_failed_is_here_again(cards: Cards) -> None:
    """Once, however often and under which names it is told; a refund that goes on its way changes nothing."""
    await cards.say("", 0)
    kept = []
    for message in (
        refund("evt_r1", 10, 0), failed("evt_f1", 10, "re_1", "refund.updated", "pending"),
        failed("evt_f2", 10, "re_1", "refund.updated", "succeeded"), failed("evt_f3", 10, "re_1"),
        failed("evt_f4", 10, "re_1", "charge.refund.updated"), refund("evt_r2", 10, 0),
    ):  # fmt: skip
        await cards.tell(message)
        kept.append(await cards.stands())
    assert kept == [15, 15, 15, 25, 25, 15]


@pytest.mark.parametrize("falls", [True, False])
async def test_refunds_behind_one_that_failed_count(cards: Cards, falls: bool) -> None:
    """Whether the total that Stripe tells falls by it or not; and one that somebody has stopped is no refund either."""
    await cards.say("", 0)
    before = 0 if falls else 10
    messages = [
        refund("evt_r1", 10, 0), failed("evt_f1", 10, "re_1"), refund("evt_r2", before + 15, before),
        failed("evt_f2", 15, "re_2", "refund.updated", "canceled"),
    ]  # fmt: skip
    kept = []
    for message in messages:
        await cards.tell(message)
        kept.append(await cards.stands())
    assert kept == [15, 25, 10, 25]


@pytest.mark.parametrize("seed", range(4))
async def test_a_failure_is_told_in_any_order(cards: Cards, seed: int) -> None:
    """Also before its refund, and before the payment."""
    messages = [
        paid("evt_p", cards.reference), refund("evt_r1", 10, 0), failed("evt_f1", 10, "re_1"),
        refund("evt_r2", 4, None), refund("evt_r3", 4, 0),
    ]  # fmt: skip
    random.Random(seed).shuffle(messages)
    for message in messages:
        await cards.tell(message)
    assert await cards.stands() == 21


STORY = [
    ("", 0, ""), (REFUND, 4, "ch_1"), (REFUND, 9, "ch_1"), (DISPUTE, 8, "dp_1"), (WON, 8, "dp_1"),
    (DISPUTE, 6, "dp_2"),
]  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
async def test_messages_come_in_any_order_and_again(cards: Cards, seed: int) -> None:
    """Before the payment itself, too: after each of them what is known holds, and in the end all of it."""
    chance = random.Random(seed)
    story = STORY + chance.choices(STORY, k=3)
    chance.shuffle(story)
    seen: list[Any] = []
    for message in story:
        await cards.say(*message)
        seen.append(message)
        refunded = max((euros for kind, euros, _ in seen if kind == REFUND), default=0)
        disputes = {name: euros for kind, euros, name in seen if kind == DISPUTE}
        won = {name: euros for kind, euros, name in seen if kind == WON}
        away = min(25, refunded + max(0, sum(disputes.values()) - sum(won.values())))
        assert await cards.stands() == (25 - away if STORY[0] in seen else 0)
    assert await cards.stands() == 10


async def test_an_older_ledger_knows_what_was_posted(cards: Cards) -> None:
    """Refunds and disputes apart, from the messages that posted them; a dispute of then is won by its name."""
    await cards.say("", 0)
    await cards.say(REFUND, 10, "ch_1")
    await cards.say(DISPUTE, 15, "dp_1")
    async with cards.company.engine.begin() as conn:
        await conn.execute(sa.delete(gateway_returns))
        await conn.run_sync(UPGRADE.keep_what_was_told)
        of = gateway_returns.c
        rows = await conn.execute(sa.select(of.dispute, of.back_micros, of.again_micros).order_by(of.dispute))
        assert [tuple(row) for row in rows] == [("", 10 * EURO, 0), ("before", 15 * EURO, 0)]
    await cards.say(WON, 15, "dp_1")
    assert await cards.stands() == 15
    await cards.say(REFUND, 10, "ch_1")
    assert await cards.stands() == 15
