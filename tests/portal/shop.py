"""What the pages of messages and of paying show: broadcasts, vouchers, gateways, bank lines, reminders, commission."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.portal.house import Town

BANK = "Date;Amount;Text;Payer\r\n2026-11-20;12.50;Thank you;Erna Müller\r\n2026-11-21;-3.00;Charges;The bank\r\n"
COLUMNS = {"booked": "Date", "amount": "Amount", "remittance": "Text", "payer": "Payer"}
AUDIENCE = {"kind": "customer", "balance_below": "5000.00"}


async def fill(town: Town) -> None:
    """All of it."""
    await write(town)
    await take_money(town)
    await offer(town)
    await share(town)


async def write(town: Town) -> None:
    """A draft of the operator's, and one of a reseller's."""
    for name in ("root", "lower"):
        draft = {"name": f"Works of {name}", "subject": "Works on Sunday", "text": "Dear {{ name }},\nnothing rings."}
        await town.office.boss.do("broadcast.make", account_id=town.ids[name], audience=AUDIENCE, **draft)


async def take_money(town: Town) -> None:
    """Ways to pay the customer's seller, a bank's file, and what is done when nobody pays."""
    boss, lower = town.office.boss, town.ids["lower"]
    batch: dict[str, Any] = {"name": "Kiosk", "amount": "10.00", "currency": "EUR", "count": 3}
    await boss.do("voucher.make", account_id=lower, **batch)
    link = {"name": "Cards", "link": "https://buy.stripe.example/abc", "secret": "whsec_0123456789abcdef"}
    cards = await boss.do("payment-gateway.make", account_id=lower, **link, api_key="rk_0123456789abcdef")
    wish = {"gateway_id": cards["id"], "threshold": "10.00", "amount": "25.00", "month_max": "100.00"}
    await boss.do("recharge.edit", account_id=town.ids["customer"], body=wish)
    file = {"format": "csv", "file": base64.b64encode(BANK.encode()).decode(), "columns": COLUMNS, "currency": "EUR"}
    await boss.do("bank-line.take-file", account_id=lower, **file)
    steps = [{"kind": "reminder", "days": 3}, {"kind": "fee", "days": 10, "percent": "2.5"}]
    await boss.do("dunning.edit", account_id=lower, steps=steps)
    alert = {"threshold": "20.00", "email": "owner@customer.example"}
    await boss.do("balance-alert.make", account_id=town.ids["customer"], **alert)


async def offer(town: Town) -> None:
    """What the customer can take by itself."""
    product = {"name": "Voicemail", "kind": "subscription", "price": "1.90", "offered": True}
    await town.office.boss.do("product.make", account_id=town.ids["lower"], **product)


async def share(town: Town) -> None:
    """The agent earns a tenth of what its customer pays."""
    boss, agent = town.office.boss, town.ids["agent"]
    await boss.do("commission.make-rule", account_id=agent, percent="10")
    buyer = await town.office.account(boss, agent, "recruited", "customer", billing="postpaid", credit_limit="100.00")
    product = await boss.do("product.make", account_id=1, name="Line", kind="subscription", price="20.00", forced=True)
    started = {"product_id": product["id"], "account_id": buyer}
    await town.ask("subscription.start", **started)
    await town.company.pump()
