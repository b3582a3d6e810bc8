"""A day from nothing, by clicks and keys alone, with the whole program running: a call through a real Kamailio, its
price at every level as worked out by hand, its invoice and its payment, the provider's statement and its records.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from playwright.async_api import FilePayload, expect

from tests.portal.desk import Clerk, Sit
from tests.portal.screens import Screens
from tests.portal.whole import CARRIER, FOUNDER, SWITCH, FirstDay
from tests.sip.calls import answer, hang_up

pytestmark = pytest.mark.asyncio(loop_scope="module")
ADMIN, READER = "ada@op.example", "rudi@op.example"
SELLER, CUSTOMER = "dora@distri.example", "cora@shop.example"
NUMBER = "442079460000"
RATES = (
    "currency: EUR\nrates:\n  - {prefix: '44', destination: Great Britain, rate: %s, increments: %s, connect_fee: %s}\n"
)
ASKED, WHOLESALE, RETAIL = ("0.012", "60/60", "0"), ("0.02", "30/6", "0.005"), ("0.05", "60/60", "0.01")
COST, PAID, CHARGE = "0.012 EUR", "0.015 EUR", "0.06 EUR"
"""Of a call of some seconds: a minute; half a minute and the fee; a minute and the fee."""


@pytest.fixture(scope="module")
def whole() -> Iterator[FirstDay]:
    """As it is installed."""
    day = FirstDay()
    try:
        day.open()
        yield day
    finally:
        day.close()


@pytest_asyncio.fixture(loop_scope="module")
async def sit(screens: Screens, whole: FirstDay) -> AsyncIterator[Sit]:
    """Before the portal of the whole program."""
    async with screens.sitting(whole.address) as down:
        yield down


async def _next(clerk: Clerk, step: str, words: str = "Make one") -> None:
    """The way that the overview shows for a step."""
    await clerk.menu_to("/")
    row = clerk.main.locator("dt", has_text=step).locator("xpath=following-sibling::dd[1]")
    await row.get_by_role("link", name=words, exact=True).click()


async def _sells_by(clerk: Clerk, name: str, rate: tuple[str, str, str]) -> None:
    """A tariff, typed in the page and published."""
    await clerk.menu_to("/tariffs")
    await clerk.follow("New tariff")
    await clerk.fill(name=name)
    await clerk.page.fill("#source", RATES % rate)
    await clerk.press("Save")
    await clerk.follow("Publish")
    await clerk.press("Publish")
    await clerk.reads("The tariff is in force.")


async def _on_paper(clerk: Clerk, name: str) -> None:
    """Of the account whose page is at hand."""
    await clerk.follow("Billing")
    await clerk.lacks("Edit : Terms")
    await clerk.edit("On paper")
    await clerk.fill(legal_name=name, address_lines="Market 1", postcode="10115", city="Berlin", country="DE")
    await clerk.press("Save")
    await clerk.reads("It stands on what is issued from now on.", name)


async def test_from_nothing_to_a_provider_that_carries_calls(sit: Sit, whole: FirstDay) -> None:
    """The first user makes an Admin; the overview leads that one on, with names and samples that can be taken."""
    boss, admin = await sit(), await sit()
    await boss.sign_in(FOUNDER, whole.password)
    await boss.reads("Before the first call")
    await admin.accept(await boss.invite("Operator", ADMIN, "Admin"), ADMIN)
    reader = await sit()
    await reader.accept(await boss.invite("Operator", READER, "Read-only"), READER)
    await _next(admin, "A tariff")
    await admin.fill(name="asked")
    await admin.page.fill("#source", RATES % ASKED)
    await admin.press("Save")
    await _next(admin, "A tariff", "Publish it")
    await admin.press("Publish")
    await _next(admin, "A provider")
    await admin.fill(name="Carrier One", tariff_id="asked")
    await admin.press("Make")
    await _next(admin, "Its gateway")
    await admin.fill(name="gw1", host=CARRIER, port=str(whole.gateway.port))
    await admin.press("Make")
    await _next(admin, "A routing plan")
    await admin.reads("every number")
    await admin.press("Save")
    await admin.open("standard")
    await admin.reads("Carrier One/gw1")
    await admin.check()
    await boss.check()


async def test_a_distributor_gets_its_money_and_its_first_user(sit: Sit) -> None:
    """The Admin may give that one all that a reseller may."""
    admin, seller = await sit(ADMIN), await sit()
    await _sells_by(admin, "wholesale", WHOLESALE)
    await admin.new_account("Distri", "Reseller", below="Operator", tariff_id="wholesale")
    await admin.follow("Post a payment")
    await admin.fill(amount="50", reason="Bank transfer 1")
    await admin.press("Post")
    await admin.reads("Bank transfer 1", "50.00 EUR")
    await seller.accept(await admin.invite("Distri", SELLER, "Owner"), SELLER)
    await seller.reads("50.00 EUR", "Before the first call")
    await admin.check()


async def test_the_distributor_makes_a_customer_with_a_trunk(sit: Sit, whole: FirstDay) -> None:
    """By what its own overview says; what a call would do is told before there is one."""
    seller, customer = await sit(SELLER), await sit()
    await _sells_by(seller, "retail", RETAIL)
    await _next(seller, "A customer")
    await seller.fill(name="Corner Shop", billing="Postpaid", tariff_id="retail", credit_limit="20")
    await seller.press("Make")
    await _next(seller, "Or a trunk")
    await seller.fill(account_id="Corner Shop", name="switch", networks=SWITCH)
    await seller.press("Make")
    await customer.accept(await seller.invite("Corner Shop", CUSTOMER, "Owner"), CUSTOMER)
    await seller.find_account("Corner Shop")
    await _on_paper(seller, "Corner Shop GmbH")
    await seller.edit("Terms")
    await seller.fill(cycle="Daily")
    await seller.press("Save")
    await seller.reads("The terms are set.")
    whole.settle_commands()
    await seller.menu_to("/calls/trial")
    await seller.fill(trunk_id="switch", to=NUMBER)
    await seller.press("Try")
    await seller.reads("admitted", "Great Britain")
    await seller.check()


async def test_a_call_is_watched_and_its_price_is_told_at_every_level(sit: Sit, whole: FirstDay) -> None:
    """While it runs on each overview, then in its story; nobody sees a level that isn't theirs."""
    boss, seller, customer = await sit(ADMIN), await sit(SELLER), await sit(CUSTOMER)
    call, _ = await asyncio.to_thread(answer, whole.switch, whole.gateway, NUMBER)
    for clerk, so_far in ((boss, CHARGE), (seller, CHARGE), (customer, CHARGE)):
        await clerk.menu_to("/")
        await clerk.reads(f"1 running · charge so far: {so_far}")
    await boss.follow("See them")
    await boss.reads("Corner Shop", "answered", NUMBER)
    await asyncio.to_thread(hang_up, call, whole.gateway)
    await expect(boss.main).to_contain_text("Running: 0")
    for clerk, told, kept in (
        (boss, (CHARGE, PAID, COST, "0.045 EUR", "0.003 EUR"), ()),
        (seller, ("0.060 EUR", PAID, "0.045 EUR"), (COST, "0.003 EUR", "Carrier One")),
        (customer, (CHARGE,), (PAID, COST, "0.045", "Carrier One")),
    ):
        await clerk.menu_to("/calls")
        await clerk.page.locator("#results tbody a").first.click()
        await clerk.reads("It was answered", "How it was priced", *told)
        await clerk.sees_no(*kept)
        await clerk.check()


async def test_the_next_day_it_is_billed_and_paid(sit: Sit, whole: FirstDay) -> None:
    """By the service itself; what keeps an invoice from being issued is said where it is issued."""
    whole.tomorrow()
    seller, customer = await sit(SELLER), await sit(CUSTOMER)
    await seller.menu_to("/invoices")
    await seller.follow("Bill what is due")
    await seller.press("Bill")
    await seller.menu_to("/")
    await seller.reads("Drafts of invoices that wait")
    await seller.main.get_by_role("link", name="Draft", exact=True).click()
    await seller.follow("Issue")
    await seller.press("Issue")
    await seller.reads("is nobody on paper")
    seller.wrong.clear()
    await seller.page.locator("#menu").get_by_role("link", name="My account").click()
    await _on_paper(seller, "Distri GmbH")
    await seller.menu_to("/invoices")
    await seller.open("Draft")
    await seller.follow("Issue")
    await seller.press("Issue")
    await customer.menu_to("/invoices")
    await customer.page.locator("#results tbody a").first.click()
    await customer.reads("Distri GmbH", "Corner Shop GmbH", "Great Britain", CHARGE)
    assert (await customer.saves("PDF")).read_bytes().startswith(b"%PDF-")
    assert NUMBER in (await customer.saves("Calls as CSV")).read_text()
    await seller.follow("Post a payment")
    await expect(seller.page.locator("#amount")).to_have_value("0.06")
    await seller.fill(reason="Bank transfer 2")
    await seller.press("Post")
    await seller.reads("Bank transfer 2")
    await customer.page.reload()
    await customer.reads("paid")
    await customer.check()
    await seller.check()


async def test_the_provider_gets_its_statement_and_its_records_are_compared(sit: Sit) -> None:
    """One call is on both sides, another one on the provider's alone."""
    boss = await sit(ADMIN)
    await boss.menu_to("/calls")
    await boss.page.locator("#results tbody a").first.click()
    answered = await boss.main.get_by_role("row", name="It was answered").locator("td").first.inner_text()
    at = datetime.strptime(answered, "%d %b %Y, %H:%M:%S").replace(tzinfo=UTC)
    lasted = await boss.main.locator("dt", has_text="Lasted").locator("xpath=following-sibling::dd[1]").inner_text()
    span = {"since": f"{at:%Y-%m-%d}T00:00", "until": f"{at + timedelta(days=1):%Y-%m-%d}T00:00"}
    await boss.menu_to("/statements")
    await boss.follow("Look at what one would say")
    await boss.fill(account_id="Carrier One", **span)
    await boss.press("Look")
    await boss.reads("Carrier One", COST)
    await boss.follow("Issue it")
    await boss.press("Issue")
    await boss.reads("S-000001", COST, "The partner is paid.")
    records = f"call date,called,duration,amount\n{at:%Y-%m-%d %H:%M:%S},{NUMBER},{int(lasted[-2:])},0.012\n"
    records += f"{at:%Y-%m-%d} 00:00:07,442079461111,65,0.024\n"
    await boss.menu_to("/reconciliations")
    await boss.follow("Compare a file")
    await boss.fill(name="First day", account_id="Carrier One", **span)
    file = FilePayload(name="carrier.csv", mimeType="text/csv", buffer=records.encode())
    await boss.page.set_input_files("#file", file)
    await boss.press("Compare")
    same = boss.main.get_by_role("row", name="Both say the same")
    await expect(same).to_contain_text(COST)
    await boss.follow("Only they have them")
    await boss.reads("442079461111", "0.024")
    await boss.check()


async def test_who_only_reads_sees_it_all_and_changes_nothing(sit: Sit) -> None:
    """The call, its invoice, the statement, the comparison: without one button that begins something."""
    reader = await sit(READER)
    for path, name in (
        ("/calls", ""), ("/invoices", ""), ("/statements", "S-000001"), ("/reconciliations", "First day"),
        ("/tariffs", "retail"), ("/gateways", "Carrier One/gw1"), ("/accounts", "Corner Shop"),
    ):  # fmt: skip
        await reader.menu_to(path)
        things = reader.page.locator("#results tbody a")
        await (things.first if not name else things.filter(has_text=name).first).click()
        await expect(reader.page.locator("main h1")).not_to_be_empty()
        await expect(reader.main.locator("form[method=post]")).to_have_count(0)
        await reader.lacks("Edit", "New", "Issue", "Settle", "Credit", "Post a payment", "Remove", "Open a dispute")
    await reader.check()
