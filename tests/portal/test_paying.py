"""The pages of paying in, of banks, reminders, commission, offers and alerts: what they show, and what they do."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import aiohttp
import pytest

from tests.portal.conftest import SAME, Walker

BOSS, LOWER, CUSTOMER, AGENT = (
    "boss@op.example", "owner@lower.example", "owner@customer.example", "owner@agent.example",
)  # fmt: skip


@pytest.fixture
async def boss(walker: Walker) -> Walker:
    """The Super Admin."""
    await walker.sign_in(BOSS)
    return walker


async def keyed(walker: Walker, path: str, **form: str) -> Any:
    """A form as it is sent from its page: with the key, and the version if it has one."""
    page = await walker.get(path)
    hidden = {name: page.hidden(name) for name in ("_key", "_version") if f'name="{name}"' in page.text}
    return await walker.post(path, **hidden, **form)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/vouchers", "Kiosk"), ("/vouchers/new", "Their codes are shown this once"), ("/top-ups", "online yet"),
        ("/payment-gateways", "https://buy.stripe.example/abc"), ("/payment-gateways/events", "told nothing yet"),
        ("/bank-lines", "Erna Müller"), ("/bank-lines?state=ignored", "Charges"), ("/bank-lines/new", "Remittance"),
        ("/bank-lines/1", "it names no invoice that is open"), ("/reminders", "Nobody had to be reminded yet"),
        ("/accounts/4/billing", "10 days after it"), ("/accounts/4/dunning", 'name="steps.4.kind"'),
        ("/accounts/5/billing", "Neither reminded nor barred"), ("/commissions", "20.00 EUR"),
        ("/commission-rules", "what customers are charged"), ("/commission-payouts", "Nothing was handed out yet"),
        ("/accounts/6/commission", "source=item&amp;rule_id=1"), ("/accounts/6/commission/report", "Sales"),
        ("/commissions?rule_id=0", "Nothing fits these filters"), ("/balance-alerts", "20.00 EUR"),
        ("/accounts/5", "Low-balance alerts"), ("/operations", "Flat 100"),
        ("/recharges", "no card yet"), ("/recharges/history", "Nothing was recharged yet"),
        ("/accounts/5/recharge", "100.00 EUR"), ("/accounts/3/recharge", "leave a card at the gateway"),
        ("/bank-layouts", "Booked on: Date"),
    ],
)  # fmt: skip
async def test_every_page_says_what_it_is_for(boss: Walker, path: str, said: str) -> None:
    """With what stands in the town's books."""
    got = await boss.get(path)
    assert got.status == 200
    assert said in got.text or said in got.words.replace("\u00a0", " ")


@pytest.mark.parametrize(
    "path", ["/vouchers", "/bank-lines", "/bank-layouts", "/payment-gateways/events", "/commissions", "/reminders"]
)
async def test_what_is_not_a_customers(walker: Walker, path: str) -> None:
    """Nor does its menu have it."""
    await walker.sign_in(CUSTOMER)
    menu = (await walker.get("/")).text
    assert f'href="{path}"' not in menu
    got = await walker.get(path)
    assert got.status == 403 or "Nothing was earned" in got.words or "Nobody had" in got.words


async def test_codes_are_told_once_and_are_worth_it(walker: Walker, boss: Walker) -> None:
    """Made by the seller, kept as a file, used once by a customer; what is left is made void."""
    form = {"account_id": "4", "name": "Fair", "amount": "2.50", "currency": "EUR"}
    got = await keyed(boss, "/vouchers/new", **form, count="none")
    assert got.status == 422
    assert 'id="count-errors"' in got.text
    got = await keyed(boss, "/vouchers/new", **form, count="2")
    codes = re.findall(r"\b(?:[A-Z2-9]{4}-){4}[A-Z2-9]{4}\b", got.words)
    file = unquote(re.findall(r'href="data:text/csv;charset=utf-8,([^"]*)"', got.text)[0])
    assert file.splitlines() == ["code,amount,currency", *(f"{code},2.50,EUR" for code in codes)]
    assert codes[0] not in (await boss.get("/vouchers")).text
    await walker.sign_in(CUSTOMER)
    got = await keyed(walker, "/accounts/5/voucher", code=codes[0].lower())
    assert "2.50 EUR were paid in" in got.words.replace("\u00a0", " ")
    got = await keyed(walker, "/accounts/5/voucher", code=codes[0])
    assert got.status == 409
    await walker.sign_in(BOSS)
    number = max(int(one) for one in re.findall(r"/vouchers/(\d+)/void", (await walker.get("/vouchers")).text))
    await keyed(walker, f"/vouchers/{number}/void")
    await walker.sign_in(CUSTOMER)
    assert (await keyed(walker, "/accounts/5/voucher", code=codes[1])).status == 409


async def test_a_customer_begins_to_pay_online(walker: Walker) -> None:
    """At its seller's gateway, with our reference in the link; the balance waits for what the gateway says."""
    await walker.sign_in(CUSTOMER)
    shown = await walker.get("/accounts/5/top-up")
    assert "/accounts/5/top-ups/new?gateway_id=1" in shown.text
    path = "/accounts/5/top-ups/new?gateway_id=1"
    got = await keyed(walker, path, gateway_id="1", amount="much")
    assert 'id="amount-errors"' in got.text
    got = await keyed(walker, path, gateway_id="1", amount="12.34")
    assert "Pay 12.34 EUR" in got.words.replace("\u00a0", " ")
    assert "https://buy.stripe.example/abc?client_reference_id=kb_" in got.text
    assert "open" in (await walker.get("/accounts/5/top-up")).words


async def test_a_customer_is_recharged_by_a_card(walker: Walker) -> None:
    """Sets when and how much; a month that holds not one is told beside its field; then it ends it."""
    await walker.sign_in(CUSTOMER)
    here = "/accounts/5/recharge"
    wish = {"gateway_id": "1", "threshold": "10", "amount": "25"}
    got = await keyed(walker, f"{here}/edit", **wish, month_max="20")
    assert 'id="month_max-errors"' in got.text
    got = await keyed(walker, f"{here}/edit", **wish, month_max="75")
    assert got.path == here
    assert "75.00 EUR" in got.words.replace("\u00a0", " ")
    assert f"{here}/card" in got.text
    got = await keyed(walker, f"{here}/removal")
    assert "leave a card at the gateway" in got.words
    assert f"{here}/removal" not in got.text
    await keyed(walker, f"{here}/edit", **wish, month_max="100")
    assert (await walker.get("/accounts/3/recharge")).status == 404


async def test_how_a_banks_files_are_read_is_forgotten(boss: Walker) -> None:
    """What was taken stays; the next file says again what is what."""
    number = re.findall(r"/bank-layouts/(\d+)/removal", (await boss.get("/bank-layouts")).text)[0]
    asked = await boss.get(f"/bank-layouts/{number}/removal")
    assert "Lines that were taken stay" in asked.words
    got = await keyed(boss, f"/bank-layouts/{number}/removal")
    assert got.path == "/bank-layouts"
    assert f"/bank-layouts/{number}/removal" not in got.text
    assert "Erna Müller" in (await boss.get("/bank-lines")).words


async def test_nobody_tops_up_the_operator(boss: Walker) -> None:
    """It has no seller; who sells offers nothing to itself either."""
    menu = (await boss.get("/")).text
    assert "/accounts/1/top-up" not in menu
    assert 'href="/offers"' not in menu


async def test_a_payment_gateway_is_turned_off(boss: Walker) -> None:
    """Its secret is shown to nobody; a link that is none is told."""
    form = {"account_id": "2", "name": "Other", "secret": "whsec_abcdefghijklmnop"}
    got = await keyed(boss, "/payment-gateways/new", **form, link="ftp://x")
    assert 'id="link-errors"' in got.text
    got = await keyed(boss, "/payment-gateways/new", **form, link="https://buy.stripe.example/x")
    number = max(int(one) for one in re.findall(r"/payment-gateways/(\d+)/edit", got.text))
    path = f"/payment-gateways/{number}/edit"
    assert "whsec" not in (await boss.get(path)).text
    got = await keyed(boss, path, link="https://buy.stripe.example/x", secret="")
    assert "The payment gateway is changed." in got.words


BANK = "When;How much;What for\r\n24.11.2026;7,50;Nothing known\r\n25.11.2026;8,50;Nor this\r\n"
MAPPING = {"columns.booked": "When", "columns.amount": "How much", "columns.remittance": "What for"}


async def upload(walker: Walker, mapping: dict[str, str]) -> str:
    """Of a bank's file."""
    form: Any = aiohttp.FormData()
    form.add_field("file", BANK.encode(), filename="bank.csv", content_type="text/csv")
    fields = {"account_id": "4", "format": "csv", "date_order": "dmy", "decimal_mark": ",", "currency": "EUR"}
    for name, value in (fields | mapping).items():
        form.add_field(name, value)
    async with walker.session.post(f"{walker.address}/bank-lines/new", data=form, headers=SAME) as answer:
        return await answer.text()


async def test_a_banks_file_is_taken_and_its_lines_are_settled(walker: Walker) -> None:
    """Columns are named by hand; what nobody knows waits, and is posted to who has paid it, or is no payment."""
    await walker.sign_in(LOWER)
    assert 'id="columns-errors"' in await upload(walker, {"columns.booked": "When"})
    assert "Those that wait" in await upload(walker, MAPPING)
    first, second = re.findall(r"/bank-lines/(\d+)", (await walker.get("/bank-lines?state=open")).text)[:2]
    got = await keyed(walker, f"/bank-lines/{first}/account", account_id="5")
    assert "It is posted." in got.words
    assert "customer" in got.words
    assert (await keyed(walker, f"/bank-lines/{first}/account", account_id="5")).status == 409
    got = await keyed(walker, f"/bank-lines/{second}/ignore", reason="A gift")
    assert "A gift" in got.words
    assert "It is no payment" not in got.words


async def test_steps_are_said_line_by_line(walker: Walker) -> None:
    """Empty lines say nothing; what can't be is told with its line, and what was typed stays."""
    await walker.sign_in(LOWER)
    rows = [("reminder", "-3", ""), ("", "", ""), ("bar", "-1", "")]
    typed = {
        f"steps.{at}.{name}": value
        for at, row in enumerate(rows)
        for name, value in zip(("kind", "days", "percent"), row, strict=True)
    }
    got = await keyed(walker, "/accounts/4/dunning", **typed)
    assert "2: a bar comes after the last day to pay" in got.words
    assert 'name="steps.1.days" value="-1"' in got.text
    got = await keyed(walker, "/accounts/4/dunning", **typed | {"steps.2.days": "30"})
    assert "3 days before it" in got.words
    assert "30 days after it" in got.words


async def test_an_account_is_spared(walker: Walker) -> None:
    """By its seller; its own people are not asked."""
    await walker.sign_in(LOWER)
    got = await keyed(walker, "/accounts/5/exemption", exempt="yes", reason="A friend")
    assert "A friend" in got.words
    got = await keyed(walker, "/accounts/5/exemption", reason="No more")
    assert "Spared no" in got.words
    assert (await keyed(walker, "/accounts/4/exemption", exempt="yes", reason="Me")).status == 403


async def test_what_was_earned_is_explained_and_handed_out(walker: Walker) -> None:
    """From the sum to its sales; the reseller itself sees it, and changes nothing of it."""
    await walker.sign_in(AGENT)
    shown = await walker.get("/accounts/6/commission")
    assert "2.00 EUR" in shown.words
    assert not any(deed in shown.text for deed in ("/commission/payout", "/edit", "/commission/terms"))
    sales = await walker.get("/commissions?account_id=6&source=item&rule_id=1")
    assert sales.words.count("20.00") == 1
    await walker.sign_in(BOSS)
    rule = {"account_id": "6", "share_of": "charge", "service": "calls"}
    got = await keyed(walker, "/commission-rules/new", **rule, percent="95")
    assert 'id="percent-errors"' not in got.text
    number = max(int(one) for one in re.findall(r"/commission-rules/(\d+)/removal", got.text))
    assert (await keyed(walker, "/commission-rules/new", **rule, percent="900")).status == 422
    got = await keyed(walker, f"/commission-rules/{number}/edit", valid_until="2031-01-01T00:00")
    assert "1 Jan 2031" in got.words
    assert "The rule is gone." in (await keyed(walker, f"/commission-rules/{number}/removal")).words
    terms = {"cycle": "weekly", "cycle_day": "1", "zone": "UTC", "handed_out": "credit"}
    assert "weekly" in (await keyed(walker, "/accounts/6/commission/terms", **terms)).words
    got = await keyed(walker, "/accounts/6/commission/payout", handed_out="pay_out")
    assert "It is handed out." in got.words
    assert (await keyed(walker, "/accounts/6/commission/payout", handed_out="pay_out")).status == 409


async def test_a_customer_takes_an_offer_and_gives_notice(walker: Walker) -> None:
    """Once; what it has already isn't taken again."""
    await walker.sign_in(CUSTOMER)
    found = re.findall(r"/offers/take\?offer_id=(\d+)", (await walker.get("/offers")).text)
    path = f"/offers/take?offer_id={found[0]}"
    got = await keyed(walker, path, offer_id=found[0])
    assert "Voicemail" in got.words
    assert (await keyed(walker, path, offer_id=found[0])).status == 409
    number = got.path.rpartition("/")[2]
    got = await keyed(walker, f"/subscriptions/{number}/notice")
    assert "It ends with the period that is paid." in got.words
    assert f"/subscriptions/{number}/notice" not in got.text


async def test_an_alert_is_set_and_removed(walker: Walker) -> None:
    """By the customer itself; an address that is none is told."""
    await walker.sign_in(CUSTOMER)
    form = {"account_id": "5", "threshold": "7.77"}
    got = await keyed(walker, "/balance-alerts/new", **form, email="nobody")
    assert 'id="email-errors"' in got.text
    got = await keyed(walker, "/balance-alerts/new", **form, email="me@customer.example")
    assert "7.77 EUR" in got.words.replace("\u00a0", " ")
    number = max(int(one) for one in re.findall(r"/balance-alerts/(\d+)/removal", got.text))
    got = await keyed(walker, f"/balance-alerts/{number}/removal")
    assert "7.77" not in got.words
