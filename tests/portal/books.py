"""What the pages of money show: taxes, terms, an invoice and a draft, products, a partner's paper."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kemi import clock
from service.interconnect.commitments.rules import DAY_MAX

if TYPE_CHECKING:
    from tests.portal.house import Town

DAY_MS = 86_400_000
ADDRESS = {"address_lines": ["Hafenstraße 7"], "postcode": "20457", "city": "Hamburg", "country": "DE"}
SHEET = "called,start,duration,amount\r\n4930123456,{start},60,0.5\r\n"


def moment(wall_ms: int) -> str:
    """As the API takes it."""
    return datetime.fromtimestamp(wall_ms // 1000, UTC).isoformat()


async def fill(town: Town) -> None:
    """All of it, by today's clock."""
    town.office.now_ms = clock.now().wall_ms
    town.office.boss = await town.office.sign_in("boss@op.example")
    await bill(town)
    await sell(town)
    await settle(town)
    await tell(town)


async def bill(town: Town) -> None:
    """The last three days of two accounts: an invoice that was issued, the first of all, and three drafts."""
    boss, now_ms = town.office.boss, town.office.now_ms
    for name in ("root", "upper", "lower", "customer"):
        party = {**ADDRESS, "legal_name": f"{name.capitalize()} GmbH", "tax_number": "DE811115368"}
        await boss.do("party.edit", account_id=town.ids[name], body=party)
    for name in ("root", "lower"):
        tax = {"account_id": town.ids[name], "name": "VAT", "percent": "19", "category": "S", "everybody": True}
        await boss.do("tax.make", **tax)
    began = moment(now_ms // DAY_MS * DAY_MS - 3 * DAY_MS)
    for name, is_reviewed in (("upper", False), ("customer", True)):
        terms = {"cycle": "daily", "reviewed": is_reviewed, "prepaid_invoices": True, "starts_at": began}
        terms["zero_invoices"] = is_reviewed  # three drafts, whichever day the calls were on
        await boss.do("terms.edit", account_id=town.ids[name], body=terms)
        await boss.do("invoice.run", body={"account_id": town.ids[name]})


async def sell(town: Town) -> None:
    """A package that the customer has, and a subscription."""
    for name, kind, more in (("Flat 100", "package", {"seconds": 6_000}), ("Support", "subscription", {})):
        offer: dict[str, Any] = {"account_id": town.ids["lower"], "name": name, "kind": kind, "price": "4.90", **more}
        product = (await town.ask("product.make", **offer)).ok()
        (await town.ask("subscription.start", product_id=product["id"], account_id=town.ids["customer"])).ok()
    await town.company.pump()


async def settle(town: Town) -> None:
    """A statement of the carrier, its call records against ours, and what is disputed of them."""
    boss, now_ms, carrier = town.office.boss, town.office.now_ms, town.ids["carrier"]
    period = {"since": moment(now_ms - 3 * DAY_MS), "until": moment(now_ms)}
    await boss.do("statement.issue", account_id=carrier, **period)
    raw = SHEET.format(start=(now_ms - DAY_MS) // 1000).encode()
    file = base64.b64encode(raw).decode()
    compared = await boss.do("reconciliation.make", account_id=carrier, name="November", file=file, **period)
    await boss.do("dispute.open", reconciliation_id=compared["id"], subject="November", kinds=["only_theirs"])
    deal = {"kind": "minimum", "direction": "out", "committed_minutes": 1_000, "rate": "0.01"}
    began = datetime.fromtimestamp((now_ms - 3 * DAY_MS) // 1000, UTC)
    began = began.replace(day=min(began.day, DAY_MAX))  # every month has it
    long = {"since": began.isoformat(), "until": moment(now_ms + 300 * DAY_MS)}
    await boss.do("commitment.make", account_id=carrier, name="A thousand minutes", **deal, **long)


async def tell(town: Town, name: str = "Fernmelde") -> None:
    """A customer of lower pays by a tariff that changes in a month, and will be told."""
    boss, lower = town.office.boss, town.ids["lower"]
    source = "currency: EUR\nrates:\n  - {{prefix: '44', destination: Great Britain, rate: {}}}\n"
    tariff = (await boss.do("tariff.make", account_id=lower, name="retail", source=source.format("0.5")))["id"]
    await boss.do("tariff.bring-into-force", tariff_id=tariff)
    (customer,) = (await boss.do("account.list", query={"name": name}))["items"]
    await boss.do("account.edit", account_id=customer["id"], tariff_id=tariff)
    await boss.do("notice-terms.edit", account_id=lower, sends=True)
    await boss.do("tariff.edit", tariff_id=tariff, source=source.format("0.625"))
    await boss.do("tariff.bring-into-force", tariff_id=tariff, at=moment(town.office.now_ms + 30 * DAY_MS))
