"""Vouchers, payment gateways, alerts: each posts once, and what is wrong posts nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from service.api.call import Asking
from service.api.dispatch import respond
from service.api.problems import Problem
from service.database.access_tables import mails
from service.database.engine import reading
from service.database.payment_tables import gateway_events, payment_rests, vouchers
from service.database.tables import accounts
from service.payments.stripe import BadMessage, What, check_signature, parse
from service.urls import ENDPOINTS
from tests.service.company import EURO, NOW_MS
from tests.service.test_money import House

SECRET = "whsec_of_the_test_only"
TAKE = next(one for one in ENDPOINTS if one.name == "payment-gateway.take")


class Till(House):
    """With a gateway of the customer's seller."""

    async def open(self) -> None:
        """And a thousand euros for everybody."""
        await self.stand(self._open_till)

    async def _open_till(self) -> None:
        await super().open()
        link = "https://buy.stripe.com/test"
        made = await self.ask(
            "payment-gateway.make", account_id=self.ids["lower"], name="cards", link=link, secret=SECRET
        )
        self.gateway = made.ok()["id"]

    async def top_up(self, amount: str = "25") -> tuple[int, str]:
        """Begun; its number and reference."""
        got = (await self.ask("top-up.make", "customer", gateway_id=self.gateway, amount=amount)).ok()
        return int(got["id"]), str(got["link"]).partition("client_reference_id=")[2]

    async def tell(
        self, event: dict[str, Any], *, secret: str = SECRET, at_ms: int = NOW_MS, tamper: bytes = b""
    ) -> str:
        """As Stripe does; what became of it, or the problem's kind."""
        body = json.dumps(event).encode()
        stamp = str(at_ms // 1000)
        sign = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        asking = Asking({"gateway": str(self.gateway)}, body=tamper or body, signature=f"t={stamp},v1={sign}")
        try:
            reply = await respond(self.office.api, TAKE, asking, NOW_MS)
        except Problem as problem:
            return problem.kind
        return str(json.loads(reply.body)["outcome"])


def paid(event: str, reference: str, minor: int = 2_500, currency: str = "eur", status: str = "paid") -> dict[str, Any]:
    """A checkout that was completed."""
    session = {
        "id": "cs_1", "client_reference_id": reference, "payment_intent": "pi_1", "payment_status": status,
        "amount_total": minor, "currency": currency,
    }  # fmt: skip
    return {"id": event, "type": "checkout.session.completed", "data": {"object": session}}


def returned(event: str, minor: int, kind: str = "charge.refunded", name: str = "dp_1") -> dict[str, Any]:
    """A refund, in total; or a dispute."""
    charge = {"id": name, "payment_intent": "pi_1", "amount_refunded": minor, "amount": minor, "currency": "eur"}
    return {"id": event, "type": kind, "data": {"object": charge}}


@pytest.fixture
async def till(engine: AsyncEngine, database: str, tmp_path: Path) -> Till:
    """Open for business."""
    till = Till(engine, database, tmp_path)
    await till.open()
    return till


async def test_a_payment_by_card_is_posted_once(till: Till) -> None:
    """The message comes twice, another tells the same again; refunds take back what was not taken back before."""
    _, reference = await till.top_up()
    assert (await till.tell(paid("evt_1", reference))).startswith("entry ")
    assert await till.tell(paid("evt_1", reference)) == "taken already"
    assert await till.tell(paid("evt_2", reference)) == "refused: the top-up is paid already"
    assert await till.balance("customer") == 1025 * EURO
    for event, minor, left in (("evt_3", 1_000, 1015), ("evt_4", 1_000, 1015), ("evt_5", 9_999_999, 1000)):
        await till.tell(returned(event, minor))
        assert await till.balance("customer") == left * EURO
    assert await till.tell(returned("evt_6", 2_500, "charge.dispute.funds_withdrawn")) == "posted before"
    await till.company.pump()
    assert till.stored("customer") == 1000 * EURO
    events = (await till.office.boss.do("payment-gateway.events"))["items"]
    assert len(events) == 6
    await till.sound()


async def test_what_is_wrong_posts_nothing(till: Till) -> None:
    """Another currency, another amount, no such reference, not paid, another event."""
    _, reference = await till.top_up()
    wrong = {
        "evt_1": paid("evt_1", reference, currency="usd"), "evt_2": paid("evt_2", reference, 2_499),
        "evt_3": paid("evt_3", "kb_unknown"), "evt_4": paid("evt_4", reference, status="unpaid"),
        "evt_5": {"id": "evt_5", "type": "customer.created", "data": {"object": {}}}, "evt_6": returned("evt_6", 100),
    }  # fmt: skip
    said = [await till.tell(event) for event in wrong.values()]
    assert [one.partition(":")[0] for one in said] == ["refused"] * 3 + ["moves no money"] * 2 + ["refused"]
    assert await till.balance("customer") == 1000 * EURO
    assert (await till.tell(paid("evt_7", reference))).startswith("entry ")


async def test_only_the_gateway_is_believed(till: Till) -> None:
    """Another secret, an old signature, one of another body, no JSON, a gateway that is off."""
    _, reference = await till.top_up()
    event = paid("evt_1", reference)
    assert await till.tell(event, secret="another one, long enough") == "bad-header"
    assert await till.tell(event, at_ms=NOW_MS - 301_000) == "bad-header"
    assert await till.tell(event, tamper=json.dumps(paid("evt_1", reference, 9_999)).encode()) == "bad-header"
    await till.ask("payment-gateway.edit", payment_gateway_id=till.gateway, active=False)
    assert await till.tell(event) == "not-found"
    assert await till.balance("customer") == 1000 * EURO
    async with reading(till.company.engine) as conn:
        assert (await conn.execute(sa.select(sa.func.count()).select_from(gateway_events))).scalar_one() == 0


@given(st.binary(max_size=200), st.text(max_size=100))
def test_any_bytes_are_refused(body: bytes, header: str) -> None:
    """Never with anything but a BadMessage."""
    with pytest.raises(BadMessage):
        check_signature(header, body, SECRET, 0)
    try:
        told = parse(body)
    except BadMessage:
        return
    assert told.what is What.OTHER


async def test_a_voucher_is_good_once(till: Till) -> None:
    """However it is written; wrong, used, void, over and another seller's are answered alike."""
    made = await till.ask(
        "voucher.make", account_id=till.ids["lower"], name="spring", amount="10", currency="EUR", count=3
    )
    first, second, third = made.ok()["codes"]
    used = (await till.ask("voucher.use", "customer", code=first.lower().replace("-", " "))).ok()
    assert (used["amount"], used["balance"]) == ("10.00", "1010.00")
    again = await till.ask("voucher.use", "customer", code=first)
    others = await till.ask("voucher.use", "upper", code=second)
    await till.ask("voucher.void", voucher_batch_id=made["id"])
    void = await till.ask("voucher.use", "customer", code=third)
    unknown = await till.ask("voucher.use", "customer", code="ABCD-EFGH")
    assert [one.status for one in (again, others, void, unknown)] == [409] * 4
    assert len({one["detail"] for one in (again, others, void, unknown)}) == 1
    assert await till.balance("customer") == 1010 * EURO
    async with reading(till.company.engine) as conn:
        assert first not in str(list(await conn.execute(sa.select(vouchers))))
    await till.sound()


async def test_a_low_balance_is_told_at_the_crossing(till: Till) -> None:
    """By a call, once; again after the balance was above; not to who asked for another threshold."""
    threshold = {"account_id": till.ids["customer"], "threshold": "999.97", "email": "money@shop.example"}
    (await till.ask("balance-alert.make", **threshold)).ok()
    (await till.ask("balance-alert.make", **{**threshold, "threshold": "5", "email": "late@shop.example"})).ok()

    async def told() -> list[tuple[str, str]]:
        async with reading(till.company.engine) as conn:
            rows = await conn.execute(sa.select(mails).where(mails.c.template == "low_balance").order_by(mails.c.id))
            return [(row.recipient, row.fields["balance"]) for row in rows]

    till.company.call(10)
    await till.company.pump()
    assert await told() == []
    for _ in range(2):
        till.company.call(60)
        await till.company.pump()
    assert await told() == [("money@shop.example", "999.93")]
    (await till.ask("payment.make", "customer", amount="1", reason="x")).ok()
    (await till.ask("payment.adjust", "customer", amount="-1", reason="x")).ok()
    assert len(await told()) == 2


async def test_what_goes_back_pays_no_invoice(till: Till) -> None:
    """Of a postpaid account, what waits falls with it; a message that posts nothing takes nothing."""
    async with till.company.engine.begin() as conn:
        mine = accounts.c.id == till.ids["customer"]
        await conn.execute(sa.update(accounts).where(mine).values(billing="postpaid"))
    _, reference = await till.top_up()
    waiting = []
    for event in (
        paid("evt_1", reference),
        returned("evt_2", 1_000),
        returned("evt_3", 1_000),
        returned("evt_4", 2_500),
    ):
        await till.tell(event)
        async with reading(till.company.engine) as conn:
            waiting.append((await conn.execute(sa.select(payment_rests.c.rest_micros))).scalar_one())
    assert waiting == [25 * EURO, 15 * EURO, 15 * EURO, 0]
