"""Amounts follow their currency on every page and in every form: yen have no decimals, dinars three."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from kemi import clock
from service.config import Config
from tests.portal.books import ADDRESS, DAY_MS, moment
from tests.portal.conftest import Walker
from tests.portal.house import portal
from tests.service.test_money import House

BOSS = "boss@op.example"
EXCHANGE = "rates:\n  - {from: EUR, to: JPY, rate: 160}\n  - {from: EUR, to: KWD, rate: 0.35}\n"
PRICES = {"JPY": "1234", "KWD": "12.345"}


class Bazaar(House):
    """Beside those who pay in euros, one who pays in yen, and one in dinars: each with an invoice of a product."""

    async def furnish(self) -> None:
        """All of it."""
        await self.open()
        (self.company.config.ratebook / "exchange.yaml").write_text(EXCHANGE)
        await self.company.publish()
        self.office.now_ms = clock.now().wall_ms
        self.office.boss = await self.office.sign_in(BOSS)
        boss, began = self.office.boss, moment(self.office.now_ms // DAY_MS * DAY_MS - 3 * DAY_MS)
        await boss.do("party.edit", account_id=1, body={**ADDRESS, "legal_name": "Op", "tax_number": "DE811115368"})
        vat = {"percent": "7.5", "category": "S", "services": ["subscription"]}
        await boss.do("tax.make", account_id=1, name="VAT", everybody=True, **vat)
        for currency, price in PRICES.items():
            buyer = {"name": f"Buyer of {currency}", "kind": "customer", "billing": "postpaid", "credit_limit": "9000"}
            number = self.ids[currency] = await self.office.account(boss, 1, currency=currency, **buyer)
            party = {**ADDRESS, "legal_name": currency}
            await boss.do("party.edit", account_id=number, body=party)
            await boss.do("terms.edit", account_id=number, body={"cycle": "daily", "starts_at": began})
            product = {"name": f"Line in {currency}", "kind": "subscription", "price": price, "currency": currency}
            sold = (await self.ask("product.make", account_id=1, **product)).ok()
            (await self.ask("subscription.start", product_id=sold["id"], account_id=number)).ok()
            (await self.ask("payment.make", account_id=number, amount="500", reason="cash")).ok()
            limit = {"account_id": number, "measure": "spend", "spend": "70", "action": "warn"}
            await boss.do("limit.make", name=f"Limit in {currency}", **limit)
        await self.company.pump()
        await boss.do("invoice.run", body={})


async def _bazaar(engine: AsyncEngine, url: str, folder: Path) -> Config:
    bazaar = Bazaar(engine, url, folder)
    await bazaar.furnish()
    return bazaar.config


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of its portal."""
    with portal(tmp_path_factory.mktemp("bazaar"), furnish=_bazaar) as found:
        yield found


@pytest.fixture
async def walker(walker: Walker) -> Walker:
    """The Super Admin."""
    await walker.sign_in(BOSS)
    return walker


async def _id(walker: Walker, noun: str, name: str) -> str:
    found = re.search(rf'href="/{noun}/(\d+)">{name}<', (await walker.get(f"/{noun}")).text)
    assert found is not None, name
    return found[1]


def _value(text: str, name: str) -> str:
    """What stands in a field."""
    found = re.search(rf'id="{name}" name="{name}" value="([^"]*)"', text)
    assert found is not None, name
    return found[1]


def _money(words: str, currency: str) -> set[str]:
    """All amounts in a currency."""
    return set(re.findall(rf"(?:^|\s)([\d,.-]+)\s{currency}\b", words.replace("\u00a0", " ")))


DECIMALS = {"JPY": 0, "KWD": 3}


@pytest.mark.parametrize(("currency", "limit"), [("JPY", "9000"), ("KWD", "9000.000")])
async def test_amounts_in_fields_follow_the_account(walker: Walker, currency: str, limit: str) -> None:
    """With the currency beside them, whether something stands there or is still to be typed."""
    number = await _id(walker, "accounts", f"Buyer of {currency}")
    form = (await walker.get(f"/accounts/{number}/credit-limit")).text
    assert _value(form, "credit_limit") == limit
    for path, name in (
        (f"/accounts/{number}/credit-limit", "credit_limit"),
        (f"/accounts/{number}/payment", "amount"),
        (f"/balance-alerts/new?account_id={number}", "threshold"),
        (f"/limits/new?account_id={number}", "spend"),
    ):
        assert f'id="{name}-unit">{currency}<' in (await walker.get(path)).text, path


@pytest.mark.parametrize(("currency", "price"), [("JPY", "1234"), ("KWD", "12.345")])
async def test_amounts_in_fields_follow_the_thing(walker: Walker, currency: str, price: str) -> None:
    """A product's price; a set-up fee of nothing has no more decimals than the price."""
    form = (await walker.get(f"/products/{await _id(walker, 'products', f'Line in {currency}')}/edit")).text
    assert _value(form, "price") == price
    assert _value(form, "setup") == {"JPY": "0", "KWD": "0.000"}[currency]
    assert f'id="price-unit">{currency}<' in form


@pytest.mark.parametrize("currency", DECIMALS)
async def test_amounts_on_pages_follow_their_currency(walker: Walker, currency: str) -> None:
    """Those of an invoice, of its lines, of limits and of packages: and each says which it is."""
    number = await _id(walker, "accounts", f"Buyer of {currency}")
    invoices = (await walker.get(f"/invoices?account_id={number}")).text
    found = re.search(r'href="(/invoices/\d+)"', invoices)
    assert found is not None
    for path in (f"/accounts/{number}", found[1], f"{found[1]}/lines", f"{found[1]}/credit/lines", "/limits"):
        told = _money((await walker.get(path)).words, currency)
        assert told, path
        assert {len(one.partition(".")[2]) for one in told} == {DECIMALS[currency]}, (path, told)


async def test_nothing_is_nothing_in_every_currency(walker: Walker) -> None:
    """Before anybody has said which: a form that asks for it begins without decimals."""
    assert _value((await walker.get("/accounts/new")).text, "credit_limit") == "0"
    assert _value((await walker.get("/products/new")).text, "setup") == "0"


async def test_a_currency_is_chosen(walker: Walker) -> None:
    """Of those that an account can have, one's own first."""
    for path, has_none in (("/accounts/new", True), ("/products/new", True), ("/vouchers/new", False)):
        text = (await walker.get(path)).text
        found = re.search(r'<select[^>]*id="currency".*?</select>', text, re.DOTALL)
        assert found is not None, path
        assert re.findall(r'value="([^"]*)"', found[0]) == [""] * has_none + ["EUR", "JPY", "KWD"], path
    assert (
        '<select class="form-select form-select-sm" id="steps-0-currency"'
        in (await walker.get("/accounts/1/dunning")).text
    )


async def test_a_new_account_begins_as_most_are(walker: Walker) -> None:
    """A customer of one's own, unless the address says otherwise."""
    text = (await walker.get("/accounts/new")).text
    assert 'value="customer" selected' in text
    assert 'value="1" selected' in text
    assert 'name="kind" value="provider"' in (await walker.get("/accounts/new?kind=provider")).text
