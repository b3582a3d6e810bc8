"""A day's work of each kind of user, from the door to its results, by clicks and keys alone; and what is taken away
from somebody who is signed in is gone at the next click. Which pages nobody of a kind comes to: test_routes.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import FilePayload, expect

from tests.portal.desk import Clerk, Sit
from tests.portal.house import portal

pytestmark = pytest.mark.asyncio(loop_scope="module")
BOSS, ADMIN, READER = "boss@op.example", "admin@op.example", "reader@op.example"
DISTRIBUTOR, RESELLER, AGENT = "owner@upper.example", "owner@lower.example", "owner@agent.example"
CUSTOMER, CARRIER = "owner@customer.example", "owner@carrier.example"
RATES = "currency: EUR\nrates:\n  - {prefix: '44', destination: Great Britain, rate: %s}\n"
SHEET = "Code,Destination,Rate\n44,Great Britain,0.011\n4420,London,0.009\n"
DEEDS = (
    "Edit", "New", "New account", "New trunk", "New device", "New gateway", "New tariff", "Invite a user", "Import",
    "Publish", "Remove", "Suspend", "Post a payment", "Lift", "Cut", "Issue", "Credit", "Settle", "Make void", "Add",
)  # fmt: skip
"""What begins something."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A portal of their own: what is done in these days would stand in the lists that others count."""
    with portal(tmp_path_factory.mktemp("days")) as found:
        yield found


def _day(back: int) -> str:
    """Midnight, so many days ago, as a field for times takes it."""
    return (datetime.now(UTC) - timedelta(days=back)).strftime("%Y-%m-%dT00:00")


async def _offered(clerk: Clerk, *lines: str, never: str = "") -> None:
    """Lines of the menu that must be there, and those that must not."""
    menu = await clerk.menu()
    assert set(lines) <= set(menu)
    assert not set(never.split()) & set(menu)


async def _balance(clerk: Clerk) -> str:
    """Of the account whose page is at hand."""
    return await clerk.main.locator("dt", has_text="Balance").first.locator("xpath=../dd").inner_text()


async def _code(seller: Clerk, amount: str) -> str:
    """Of a new voucher."""
    await seller.menu_to("/vouchers")
    await seller.follow("New vouchers")
    await seller.fill(account_id="lower", name="Morning", amount=amount, currency="EUR", count="1")
    await seller.press("Make")
    return (await seller.main.locator("pre").inner_text()).strip()


async def test_a_day_of_the_super_admin(sit: Sit) -> None:
    """How the night was, a role and an Admin who has it, an attacker who is banned and forgiven, who did what."""
    boss, email = await sit(BOSS), "shift@op.example"
    await _offered(boss, "/gateways", "/bans", "/audit", "/accounts", "/doctor")
    await boss.reads("Faults of the doctor", "entry 7: 1 micro-units of EUR where 0 were expected")
    await boss.follow("Nights")
    await boss.open("26 Nov 2026")
    await boss.reads("conservation", "at fault")
    await boss.menu_to("/roles")
    await boss.follow("New role")
    await boss.fill(name="Night shift")
    for right in ("gateways.read", "routing.read", "settings.read"):
        await boss.page.locator(f"[value='{right}']").check()
    await boss.press("Save")
    link = await boss.invite("Operator", email, "Night shift")
    shift = await sit()
    await shift.accept(link, email)
    assert {"/accounts", "/calls", "/audit", "/users"}.isdisjoint(await shift.menu())
    await shift.menu_to("/bans")
    await shift.lacks("New ban")
    await boss.menu_to("/bans")
    await boss.follow("New ban")
    await boss.fill(network="192.0.2.7/16x")
    await boss.press("Ban")
    await expect(boss.page.locator("#network-errors")).to_be_visible()
    boss.wrong.clear()
    await boss.fill(network="192.0.2.0/24", note="Scans since midnight")
    await boss.press("Ban")
    await boss.reads("192.0.2.0/24", "Scans since midnight")
    await shift.menu_to("/bans")
    await shift.reads("192.0.2.0/24")
    await boss.follow("Lift")
    await boss.press("Lift")
    await boss.reads("Nobody is banned.")
    await boss.menu_to("/gateways/health")
    await boss.reads("carrier/gw1")
    await boss.menu_to("/audit")
    await boss.fill(filter__action="ban.lift")
    await boss.press("Show")
    await boss.reads(BOSS, "192.0.2.0/24")
    await boss.check()


async def test_a_day_of_the_admin(sit: Sit) -> None:
    """A reseller, its owner, its prices from a carrier's sheet; a gateway in the plan, a call that is tried, bills."""
    admin, email = await sit(ADMIN), "owner@dawn.example"
    await _offered(admin, "/gateways", "/accounts", "/plans", "/tariffs")
    await admin.menu_to("/tariffs")
    await admin.follow("New tariff")
    await admin.fill(account_id="Operator", name="dawn")
    await admin.page.fill("#source", "currency: EUR\nrates:\n  - {prefix: '33', destination: France, rate: 0.02}\n")
    await admin.press("Save")
    await admin.follow("Import a sheet")
    await admin.press("Look at it")
    await expect(admin.page.locator("#file-errors")).to_be_visible()
    admin.wrong.clear()
    await admin.fill(deck="sheet.csv")
    await admin.page.set_input_files("#file", FilePayload(name="x.csv", mimeType="text/csv", buffer=SHEET.encode()))
    await admin.press("Look at it")
    await admin.reads("2 new", "London", "0.009")
    await admin.press("Import")
    await admin.reads("look at the last line, and save")
    await admin.press("Save")
    await admin.follow("What it changes")
    await admin.reads("3 new", "Great Britain", "0.011")
    await admin.follow("Publish")
    await admin.press("Publish")
    await admin.reads("The tariff is in force.")
    await admin.menu_to("/tariffs")
    await admin.open("dawn")
    await admin.follow("Rates")
    await admin.reads("4420", "London", "0.009")
    await admin.new_account("Dawn Telecom", "Reseller", below="Operator", tariff_id="dawn")
    link = await admin.invite("Dawn Telecom", email, "Admin")
    owner = await sit()
    await owner.accept(link, email)
    await owner.menu_to("/lookup")
    await owner.fill(number="442079460000")
    await owner.press("Look it up")
    await owner.reads("dawn", "0.009")
    await admin.menu_to("/gateways")
    await admin.follow("New gateway")
    await admin.fill(account_id="carrier", name="dawn-gw", host="127.0.0.78")
    await admin.press("Make")
    await expect(admin.page.locator("h1")).to_have_text("carrier/dawn-gw")
    await admin.menu_to("/plans")
    await admin.open("standard")
    await admin.follow("Edit")
    plan = await admin.page.input_value("#source")
    second = re.sub(
        r"(.*){gateway: carrier/gw1, priority: 1}\n", r"\g<0>\1{gateway: carrier/dawn-gw, priority: 2}\n", plan
    )
    await admin.page.fill("#source", second)
    await admin.press("Save")
    await admin.open("standard")
    await admin.reads("carrier/dawn-gw")
    await admin.menu_to("/calls/trial")
    await admin.fill(trunk_id="t1", to="4420")
    await admin.press("Try")
    await admin.reads("admitted", "carrier/gw1")
    await admin.menu_to("/invoices")
    await admin.follow("Bill what is due")
    await admin.press("Bill")
    await admin.reads("The run is done", "No period is over")
    await admin.menu_to("/invoices")
    await admin.fill(filter__account_id="upper")
    await admin.press("Show")
    await admin.page.locator("#results tbody a").first.click()
    await admin.reads("Upper GmbH")
    await admin.check()
    assert (await admin.saves("PDF")).read_bytes().startswith(b"%PDF-")


async def test_a_day_of_a_distributor(sit: Sit) -> None:
    """What the last days earned, a reseller that runs out of money and pays, a new price that it pays by."""
    seller = await sit(DISTRIBUTOR)
    await _offered(seller, "/accounts", "/roles", "/tariffs", never="/gateways /bans /doctor /plans /exchange")
    await seller.menu_to("/reports")
    await seller.fill(filter__by="Day", filter__since=_day(2))
    await seller.press("Show")
    rows = await seller.page.locator("#results tbody tr td[data-label=Margin]").all_inner_texts()
    assert sum(int(one.removesuffix("\u00a0EUR").replace(".", "")) for one in rows) in {9, 90, 900}
    await seller.new_account("Low Tide Ltd", "Reseller", below="upper")
    await seller.follow("Post a payment")
    await seller.fill(amount="0.4", reason="The rest of an old balance")
    await seller.press("Post")
    await seller.menu_to("/accounts")
    await seller.finds("name", "Low Tide Ltd")
    assert await _balance(seller) == "0.40\u00a0EUR"
    await seller.follow("Post a payment")
    await seller.fill(amount="much", reason="Bank transfer 4711")
    await seller.press("Post")
    await expect(seller.page.locator("#amount-errors")).to_be_visible()
    seller.wrong.clear()
    await seller.fill(amount="250")
    await seller.press("Post")
    await seller.reads("Bank transfer 4711", "250.40 EUR")
    await seller.menu_to("/tariffs")
    await seller.follow("New tariff")
    await seller.fill(account_id="upper", name="tide")
    await seller.page.fill("#source", RATES % "0.021")
    await seller.press("Save")
    await seller.follow("Publish")
    await seller.press("Publish")
    await seller.find_account("Low Tide Ltd")
    await seller.edit("What it is")
    await seller.fill(tariff_id="tide")
    await seller.press("Save")
    await seller.follow("tide")
    await seller.follow("Edit")
    await seller.page.fill("#source", RATES % "0.024")
    await seller.press("Save")
    await seller.follow("What it changes")
    await seller.reads("0.021", "0.024", "increased")
    await seller.follow("Publish")
    await seller.fill(note="The carrier's prices rose")
    await seller.press("Publish")
    await seller.reads("The carrier's prices rose")
    await seller.follow("Price a call")
    await seller.fill(number="442079460000", duration_s="60")
    await seller.press("Price")
    await seller.reads("0.024 EUR")
    await seller.check()


async def test_a_day_of_a_commission_reseller(sit: Sit) -> None:
    """A customer of its own, what its customers were charged, what is its share, and that it was handed out."""
    agent, boss = await sit(AGENT), await sit(BOSS)
    await _offered(agent, "/accounts", "/commissions", never="/gateways /bans /doctor /plans /portings")
    await agent.reads("Commission of this month", "2.00 EUR", "20.00 EUR")
    await agent.sees_no("Can be spent")
    await agent.new_account("Friend of mine", "Customer", below="agent", billing="Postpaid")
    await agent.menu_to("/commissions")
    await agent.reads("20.00 EUR", "10 %", "2.00 EUR")
    await boss.find_account("agent")
    await boss.follow("Commission")
    await boss.follow("Hand out now")
    await boss.fill(handed_out="Pay out")
    await boss.press("Hand out")
    await agent.menu_to("/commissions")
    await agent.follow("Payouts")
    await agent.reads("agent", "2.00 EUR")
    await agent.follow("Show")
    await agent.reads("20.00 EUR", "2.00 EUR")
    await agent.check()
    assert "20.00" in (await agent.saves("CSV")).read_text()


async def test_only_who_pays_is_offered_to_pay_in(sit: Sit) -> None:
    """A reseller and a customer with their own money; not who earns commission, nor the operator."""
    for email, pays in ((RESELLER, True), (CUSTOMER, True), (AGENT, False), (BOSS, False)):
        clerk = await sit(email)
        found = {path.rpartition("/")[2] for path in await clerk.menu()} & {"top-up", "offers"}
        assert found == ({"top-up", "offers"} if pays else set()), email


async def test_a_day_of_a_sub_reseller(sit: Sit) -> None:
    """A customer with its trunk and its telephone, invited to its own pages, where it sees them and nothing else."""
    seller, email = await sit(RESELLER), "ann@harbour.example"
    await _offered(seller, "/accounts", "/trunks", never="/gateways /bans /doctor /plans")
    await seller.new_account("Harbour Café", "Customer", below="lower", tariff_id="retail")
    trunks = seller.main.locator("section", has=seller.page.get_by_role("heading", name="Trunks", exact=True))
    await trunks.get_by_role("link", name="New", exact=True).first.click()
    await seller.fill(name="Till", networks="198.51.100.300")
    await seller.press("Make")
    await expect(seller.page.locator("#networks-errors")).to_be_visible()
    seller.wrong.clear()
    await seller.fill(networks="198.51.100.7")
    await seller.press("Make")
    await seller.reads("198.51.100.7", "Harbour Café")
    await seller.follow("Harbour Café")
    devices = seller.main.locator("section", has=seller.page.get_by_role("heading", name="Devices", exact=True))
    await devices.get_by_role("link", name="New", exact=True).first.click()
    await seller.fill(username="harbour", name="Bar")
    await seller.press("Make")
    await expect(seller.main.locator("svg").first).to_be_visible()
    link = await seller.invite("Harbour Café", email, "Owner")
    ann = await sit()
    await ann.accept(link, email)
    await ann.menu_to("/trunks")
    await ann.reads("Till")
    await ann.sees_no("t1")
    await ann.menu_to("/devices")
    await ann.reads("harbour")
    assert "/accounts" not in await ann.menu()
    await seller.find_user(email)
    await seller.reads("active", "Harbour Café")
    await seller.check()


async def test_a_day_of_a_customer(sit: Sit) -> None:
    """A voucher, a price, a call, a telephone, an invoice and the calls of the month as a file."""
    seller = await sit(RESELLER)
    code = await _code(seller, "12.5")
    await seller.menu_to("/invoices")
    drafts = seller.main.get_by_role("row", name="0.23 EUR").get_by_role("link", name="Draft")
    await drafts.first.click()  # between two and three o'clock UTC another day has calls for as much
    await seller.follow("Issue")
    await seller.press("Issue")
    customer = await sit(CUSTOMER)
    await _offered(customer, "/devices", "/calls", "/invoices", never="/gateways /accounts /bans /taxes")
    await customer.menu_to("/accounts/5/top-up")
    before = await _balance(customer)
    await customer.follow("Use a voucher")
    await customer.fill(code="AAAA-BBBB-CCCC")
    await customer.press("Pay in")
    await expect(customer.page.locator("#code-errors")).to_be_visible()
    customer.wrong.clear()
    await customer.fill(code=code.lower())
    await customer.press("Pay in")
    await customer.reads("12.50 EUR were paid in")
    number = [float(one.removesuffix("\u00a0EUR").replace(",", "")) for one in (before, await _balance(customer))]
    assert round(number[1] - number[0], 2) == 12.5
    await customer.menu_to("/lookup")
    await customer.fill(number="4420")
    await customer.press("Look it up")
    await customer.reads("0.06 EUR")
    await customer.menu_to("/calls")
    await customer.fill(filter__outcome="Answered", filter__called="4420")
    await customer.press("Show")
    assert "4420" in (await customer.saves("CSV")).read_text()
    await customer.page.locator("#results tbody a").first.click()
    await customer.reads("It was answered", "How it was priced", "0.10 EUR")
    await customer.menu_to("/devices")
    await customer.follow("New device")
    await customer.sees_no("Routing plan")
    await customer.fill(username="balcony")
    await customer.press("Make")
    await expect(customer.main.get_by_label("QR code")).to_be_visible()
    await customer.follow("I have kept it")
    await customer.reads("balcony")
    await customer.menu_to("/invoices")
    await customer.page.locator("#results tbody a").first.click()
    await customer.reads("0.23 EUR", "Lower GmbH")
    await customer.check()
    assert (await customer.saves("PDF")).read_bytes().startswith(b"%PDF-")
    assert "4420" in (await customer.saves("Calls as CSV")).read_text()


async def test_a_day_of_a_provider(sit: Sit) -> None:
    """What it is owed and for which calls, how its gateway does, what is disputed."""
    carrier = await sit(CARRIER)
    await _offered(carrier, "/gateways", "/calls", "/statements", never="/trunks /accounts /vouchers /bans")
    await carrier.sees_no("Can be spent")
    await carrier.menu_to("/gateways/health")
    await carrier.reads("carrier/gw1")
    await carrier.menu_to("/calls")
    await carrier.fill(filter__outcome="Answered")
    await carrier.press("Show")
    await carrier.reads("0.020 EUR")
    await carrier.page.locator("#results tbody a").first.click()
    await carrier.reads("What the provider gets", "0.02 EUR")
    await carrier.menu_to("/statements")
    await carrier.open("S-000001")
    await carrier.reads("0.18 EUR", "You are paid.")
    assert (await carrier.saves("PDF")).read_bytes().startswith(b"%PDF-")
    await carrier.follow("Its calls")
    await carrier.reads("1:40", "0.020")
    await carrier.page.locator("#results tbody a").first.click()
    await carrier.reads("4420", "0:30", "0.006")
    await carrier.sees_no("Nothing was charged.")  # to whom the call cost something is not told to who carries it
    await carrier.menu_to("/reconciliations")
    await carrier.open("November")
    await carrier.follow("Only you have them")
    await carrier.reads("4930123456", "0.50")
    await carrier.open("November")
    await carrier.reads("Correspondence", "0.50 EUR")
    await carrier.check()


async def test_a_provider_disputes_its_statement(sit: Sit) -> None:
    """By how much, and why; the operator finds it on the overview, answers, agrees, settles; both read it all."""
    carrier, boss = await sit(CARRIER), await sit(BOSS)
    await carrier.menu_to("/statements")
    await carrier.open("S-000001")
    await carrier.follow("Dispute it")
    await carrier.fill(subject="Calls of the 3rd", direction="out: ours to it", amount="0", text="We count two more")
    await carrier.press("Send")
    await expect(carrier.page.locator("#amount-errors")).to_be_visible()
    carrier.wrong.clear()
    await carrier.fill(amount="0.25")
    await carrier.press("Send")
    await carrier.reads("The dispute is sent.", "We count two more", "S-000001", CARRIER)
    await carrier.lacks("Next step", "Settle", "Add")
    await carrier.check()
    await boss.menu_to("/")
    await boss.reads("Disputes that wait for an answer")
    await boss.main.get_by_role("link", name="Calls of the 3rd", exact=True).click()
    await boss.follow("Next step")
    await boss.fill(state="Answered", text="Which two?")
    await boss.press("Go on")
    await boss.reads("Which two?")
    await boss.menu_to("/")
    await boss.sees_no("Disputes that wait for an answer")
    await carrier.page.reload()
    await carrier.reads("Which two?")
    await carrier.sees_no(BOSS)
    await carrier.follow("Reply")
    await carrier.fill(text="At nine and at ten")
    await carrier.press("Send")
    await carrier.reads("At nine and at ten")
    await carrier.check()
    await boss.menu_to("/disputes")
    await boss.open("Calls of the 3rd")
    await boss.follow("Next step")
    await boss.fill(state="Accepted", text="So it is")
    await boss.press("Go on")
    await boss.follow("Settle")
    await boss.press("Settle")
    await boss.reads("closed", "settled by an adjustment")
    await boss.check()
    await boss.menu_to("/audit")
    await boss.fill(filter__actor=CARRIER)
    await boss.press("Show")
    await boss.reads("statement.dispute", "dispute.reply")
    await carrier.page.reload()
    await carrier.reads("closed")
    await carrier.lacks("Reply")


async def test_a_provider_withdraws_its_dispute(sit: Sit) -> None:
    """By keys, after a page that asks once more; then nothing is offered any more, to either side."""
    carrier, boss = await sit(CARRIER), await sit(BOSS)
    await carrier.menu_to("/statements")
    await carrier.open("S-000001")
    await carrier.follow("Dispute it")
    await carrier.fill(subject="Calls of the 5th", direction="out: ours to it", amount="0.01", text="One more")
    await carrier.press("Send")
    await boss.menu_to("/disputes")
    await boss.open("Calls of the 5th")
    await boss.lacks("Withdraw")
    await carrier.main.get_by_role("link", name="Withdraw", exact=True).focus()
    await carrier.page.keyboard.press("Enter")
    await carrier.reads("Withdraw this dispute?")
    await carrier.check()
    await carrier.page.focus("#text")
    await carrier.page.keyboard.type("We found it")
    await carrier.page.keyboard.press("Tab")
    await carrier.page.keyboard.press("Enter")
    await carrier.reads("The dispute is withdrawn.", "We found it", "closed")
    await carrier.lacks("Withdraw", "Reply")
    await carrier.check()
    await boss.page.reload()
    await boss.reads("We found it", "closed")
    await boss.lacks("Next step", "Settle")


async def test_who_may_not_dispute_is_offered_nothing(sit: Sit) -> None:
    """The operator's people don't speak for the partner."""
    boss = await sit(BOSS)
    await boss.menu_to("/statements")
    await boss.open("S-000001")
    await boss.reads("Disputed by the partner")
    await boss.lacks("Dispute it")


async def test_a_day_of_somebody_who_only_reads(sit: Sit) -> None:
    """Whatever is asked is seen, on every page of the menu and of one thing of each list; nothing is begun there."""
    reader = await sit(READER)
    lines = await reader.menu()
    assert {"/accounts", "/gateways", "/tariffs", "/invoices", "/audit", "/bans"} <= set(lines)
    posts = reader.main.locator("form[method='post']:not([action='/filters'])")
    for path in lines:
        await reader.menu_to(path)
        await expect(reader.page.locator("h1")).not_to_be_empty()
        await _begins_nothing(reader)
        things = reader.page.locator("#results tbody a:not([href*='/paper.'])")
        if await things.count():
            await things.first.click()
            await _begins_nothing(reader)
        assert await posts.count() == 0, path
    await reader.find_account("lower")
    await reader.reads("Balance", "999.", "resale", "t1")
    await _begins_nothing(reader)
    assert reader.wrong == []


async def _begins_nothing(reader: Clerk) -> None:
    found = await reader.main.get_by_role("link").all_inner_texts()
    assert not set(DEEDS) & {one.partition(":")[0] for one in found}, reader.page.url


# --- taken away


@pytest.mark.parametrize(
    ("account", "seller", "role", "path", "form"),
    [
        ("Operator", BOSS, "Super Admin", "/bans", "New ban"),
        ("Operator", BOSS, "Admin", "/gateways", "New gateway"),
        ("upper", BOSS, "Owner", "/tariffs", "New tariff"),
        ("agent", BOSS, "Owner", "/accounts", "New account"),
        ("lower", DISTRIBUTOR, "Owner", "/trunks", "New trunk"),
        ("customer", RESELLER, "Owner", "/devices", "New device"),
        ("carrier", BOSS, "Owner", "/gateways", ""),
        ("Operator", BOSS, "Read-only", "/audit", ""),
    ],
)  # fmt: skip
async def test_what_is_taken_away_is_gone_at_the_next_click(
    sit: Sit, account: str, seller: str, role: str, path: str, form: str
) -> None:
    """Of each kind of user: the form that stood open is refused, its line of the menu is gone, so is its page."""
    email = f"{re.sub('[^a-z]', '', (account + role).lower())}@leaves.example"
    above = await sit(seller)
    user = await sit()
    await user.accept(await above.invite(account, email, role), email)
    await user.menu_to(path)
    if form:
        await user.follow(form)
    await above.find_user(email)
    await above.follow("Give and take roles")
    await above.main.get_by_label(role, exact=True).uncheck()
    await above.press("Save")
    await above.reads("The roles are given.")
    if form:
        await user.main.locator("form[method=post] button[type=submit]").first.click()
        await expect(user.page.locator("main h1")).to_have_text("Not allowed")
    else:
        await user.page.reload()
    assert path not in await user.menu()
    got = await user.page.goto(user.address + path)
    assert got is not None
    assert got.status == 403
