"""A story for each row of the list of features about accounts, A1 to A18: from the door to the result, by clicks and
keys alone, as who does that work all day.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.portal.desk import Clerk, Sit
from tests.portal.post import READERS, Post, post
from tests.portal.screens import Screens
from tests.service.mailroom import part
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")
BOSS, ADMIN, READER = "boss@op.example", "admin@op.example", "reader@op.example"
UPPER, LOWER, AGENT = "owner@upper.example", "owner@lower.example", "owner@agent.example"
CUSTOMER, CARRIER = "owner@customer.example", "owner@carrier.example"
DEEDS = ("New account", "New trunk", "New device", "New gateway", "Invite a user", "New role", "New tariff", "New tax")


@pytest.fixture(scope="module")
def posted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    """A town of its own, with a mail server."""
    with post(tmp_path_factory.mktemp("post")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def post_sit(screens: Screens, posted: Post) -> AsyncIterator[Sit]:
    """Before a screen of that town."""
    async with screens.sitting(posted.address) as down:
        yield down


async def _until(condition: Callable[[], bool]) -> None:
    """What the service does beside its pages takes a second or two."""
    for _ in range(int(PATIENCE_S / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise TimeoutError


def _days_ago(days: int) -> str:
    """Midnight, as a field for times takes it."""
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT00:00")


async def test_a1_hierarchy(sit: Sit) -> None:
    """A reseller and a customer below it are made, moved, suspended, resumed, closed."""
    boss = await sit(BOSS)
    await boss.new_account("Tree Telecom", "Reseller", below="upper")
    await boss.new_account("Tree Leaf", "Customer", below="Tree Telecom")
    await boss.follow("Move")
    await boss.fill(parent_id="lower")
    await boss.press("Move")
    await boss.reads("lower")
    await boss.find_account("Tree Telecom")
    await boss.follow("Suspend")
    await boss.fill(reason="Unpaid since spring")
    await boss.press("Suspend")
    await boss.reads("suspended", "Unpaid since spring")
    await boss.follow("Resume")
    await boss.press("Resume")
    await boss.reads("active")
    await boss.follow("Close")
    await boss.fill(reason="Gone")
    await boss.press("Close")
    await boss.reads("closed")
    await boss.check()
    upper = await sit(UPPER)
    await upper.find_account("Tree Leaf")
    await upper.reads("lower")


async def test_a2_super_admin(sit: Sit) -> None:
    """Makes an Admin, who comes in by the link; logs in as it, which every page and the audit say; takes it away."""
    boss, email = await sit(BOSS), "second@op.example"
    link = await boss.invite("Operator", email, "Admin")
    admin = await sit()
    await admin.accept(link, email)
    await admin.menu_to("/accounts")
    await admin.reads("upper")
    await boss.find_user(UPPER)
    await boss.follow("Log in as")
    await boss.press("Log in as this user")
    acting = boss.page.locator(".kb-acting")
    await expect(acting).to_be_visible()
    for path in await boss.menu():
        await boss.menu_to(path)
        await expect(acting).to_contain_text(UPPER)
    await boss.page.get_by_role("button", name="Back to yourself").click()
    await boss.menu_to("/audit")
    await boss.reads("impersonat")
    await boss.find_user(email)
    await boss.follow("Remove")
    await boss.press("Remove")
    await admin.menu_to("/")
    await expect(admin.page.locator("h1")).to_have_text("Sign in")


async def test_a3_admin(sit: Sit) -> None:
    """A day of the Admin: a reseller, its owner, its tariff, its money; a gateway's state; who did what."""
    admin = await sit(ADMIN)
    await admin.new_account("Admins Telecom", "Reseller", below="Operator", tariff_id="wholesale")
    await admin.edit("Money")
    await admin.fill(credit_limit="250", reason="Signed")
    await admin.press("Set")
    await admin.reads("250.00 EUR")
    await admin.invite("Admins Telecom", "finance@admins.example", "Finance")
    await admin.find_account("Admins Telecom")
    await admin.follow("Post a payment")
    await admin.fill(amount="100.5", reason="Bank transfer")
    await admin.press("Post")
    await admin.reads("100.50 EUR", "Bank transfer")
    await admin.menu_to("/gateways/health")
    await admin.reads("carrier/gw1")
    await admin.menu_to("/gateways")
    await admin.open("carrier/gw1")
    await admin.reads("408, 503")
    await admin.check()


async def test_a4_roles_and_permissions(sit: Sit) -> None:
    """A reseller defines a role for a user below it, never beyond its own rights; taken away, it is gone at once."""
    lower, email = await sit(LOWER), "desk@lower.example"
    await lower.menu_to("/roles")
    await lower.follow("New role")
    await lower.fill(name="Desk of lower")
    for right in ("accounts.read", "devices.read", "devices.change"):
        await lower.page.locator(f"[value='{right}']").check()
    await expect(lower.page.locator("[value='gateways.change']")).to_be_disabled()
    await lower.press("Save")
    link = await lower.invite("lower", email, "Desk of lower")
    desk = await sit()
    await desk.accept(link, email)
    assert not {"/calls", "/invoices", "/gateways", "/audit"} & set(await desk.menu())
    await desk.menu_to("/devices")
    await expect(desk.main.get_by_role("link", name="New device")).to_be_visible()
    await lower.menu_to("/roles")
    await lower.open("Desk of lower")
    await lower.follow("Edit")
    await lower.page.locator("[value='devices.change']").uncheck()
    await lower.press("Save")
    await desk.menu_to("/devices")
    await desk.lacks("New device")
    await lower.find_user(email)
    await lower.follow("Give and take roles")
    await lower.main.get_by_label("Desk of lower", exact=True).uncheck()
    await lower.press("Save")
    await desk.page.reload()
    assert "/devices" not in await desk.menu()


async def test_a5_several_users(sit: Sit) -> None:
    """A customer invites a colleague who reads only; makes a token that ends; sees where one is signed in."""
    owner, email = await sit(CUSTOMER), "books@customer.example"
    link = await owner.invite("customer", email, "Read-only")
    books = await sit()
    await books.accept(link, email)
    await books.menu_to("/devices")
    await books.lacks("New device", "Import")
    await books.leaves()
    await owner.menu_to("/tokens")
    await owner.follow("New token")
    await owner.fill(user_id=CUSTOMER, name="Accounting", role_id="Read-only", expires_at=_days_ago(-30))
    await owner.press("Make")
    await owner.reads("It is shown this once")
    await owner.menu_to("/tokens")
    await owner.reads("Accounting", "Read-only")
    await owner.profile_to("Profile")
    await owner.follow("Where am I signed in?")
    await owner.reads("this one")


async def test_a6_distributor(sit: Sit) -> None:
    """Writes a tariff of its own, is told where it is wrong, publishes it, sells by it, and sees its margin."""
    lower = await sit(LOWER)
    await lower.menu_to("/tariffs")
    await lower.follow("New tariff")
    await lower.fill(account_id="lower", name="story-prices")
    await lower.page.fill("#source", "currency: EUR\nrates:\n  - {prefix: '49', rate: dear}\n")
    await lower.press("Save")
    await expect(lower.page.locator("[data-line='3']").first).to_be_visible()
    lower.wrong.clear()
    await lower.page.fill("#source", "currency: EUR\nrates:\n  - {prefix: '49', destination: Germany, rate: 0.12}\n")
    await lower.press("Save")
    await lower.follow("Publish")
    await lower.fill(note="The first")
    await lower.press("Publish")
    await lower.reads("The first")
    await lower.find_account("customer")
    await lower.edit("What it is")
    await lower.fill(tariff_id="story-prices")
    await lower.press("Save")
    await lower.reads("The account is changed.", "story-prices")
    await lower.edit("What it is")
    await lower.fill(tariff_id="retail")
    await lower.press("Save")
    await lower.menu_to("/calls")
    await lower.page.locator("#results tbody a", has_text=":").nth(1).click()
    await lower.reads("Seller's margin")
    await lower.menu_to("/reports")
    await lower.reads("Margin", "customer")
    await lower.check()


async def test_a7_commission_reseller(sit: Sit) -> None:
    """Reads what it earned, on which sales and by which rule; changes nothing of it."""
    agent = await sit(AGENT)
    await agent.menu_to("/commissions")
    await agent.reads("20.00 EUR", "10 %", "2.00 EUR")
    await agent.follow("agent")
    await agent.follow("Commission")
    await agent.reads("What was earned", "Rules")
    await agent.lacks("New rule", "Hand out now", "Remove")
    await agent.follow("Report of a time")
    await agent.press("Show")
    await agent.reads("20.00 EUR", "2.00 EUR")
    await agent.check()


async def test_a8_prepaid_and_postpaid(sit: Sit) -> None:
    """The billing model gives the default role: a postpaid customer reads statements at the next click, and tops up no
    more; a role that was given stays.
    """
    lower = await sit(LOWER)
    await lower.new_account("Model Ltd", "Customer", below="lower", billing="Prepaid")
    await lower.reads("prepaid")
    await lower.follow("Roles")
    await lower.reads("Prepaid customer")
    link = await lower.invite("Model Ltd", "owner@model.example", "Owner")
    owner = await sit()
    await owner.accept(link, "owner@model.example")
    menu = await owner.menu()
    assert any(path.endswith("/top-up") for path in menu)
    assert "/statements" not in menu
    await lower.find_account("Model Ltd")
    await lower.edit("What it is")
    await lower.fill(billing="Postpaid")
    await lower.press("Save")
    await lower.reads("postpaid")
    await lower.follow("Roles")
    await lower.reads("Postpaid customer")
    await owner.menu_to("/devices")
    menu = await owner.menu()
    assert "/statements" in menu
    assert not any(path.endswith("/top-up") for path in menu)
    await owner.menu_to("/users")
    await owner.open("owner@model.example")
    await owner.reads("Owner")


async def test_a9_reseller_manages_itself(sit: Sit) -> None:
    """Billing, taxes, templates and roles of its own; its buying prices are not its to change."""
    lower = await sit(LOWER)
    await lower.menu_to("/taxes")
    await lower.follow("New tax")
    await lower.fill(account_id="lower", name="Levy", percent="3", category="Levy")
    await lower.press("Make")
    await lower.reads("Levy")
    await lower.menu_to("/invoices")
    await lower.follow("Bill what is due")
    await lower.press("Bill")
    await lower.menu_to("/accounts/4/mail-templates")
    await lower.main.get_by_role("link", name="welcome", exact=True).first.click()
    await lower.edit("What it says")
    await lower.page.fill("#subject", "Welcome at Lower")
    await lower.press("Save")
    await lower.reads("Welcome at Lower")
    await lower.menu_to("/roles")
    await lower.follow("New role")
    await lower.fill(name="Books of lower")
    await lower.page.locator("[value='invoices.read']").check()
    await lower.press("Save")
    await lower.reads("Books of lower")
    await lower.menu_to("/reports")
    await lower.reads("customer", "Earned", "Margin")
    await lower.menu_to("/tariffs")
    await lower.open("resale")
    await lower.lacks("Edit", "Publish", "Import a sheet")
    await lower.check()


async def test_a10_personalisation(sit: Sit) -> None:
    """Name and colour of a reseller stand in its customers' pages."""
    lower = await sit(LOWER)
    await lower.menu_to("/accounts/4/brand")
    await lower.edit("Brand")
    await lower.fill(company="Lower Calls", primary_colour="#0b6e4f")
    await lower.press("Save")
    await lower.reads("Lower Calls", "#0b6e4f")
    customer = await sit(CUSTOMER)
    await expect(customer.page.locator("header, .kb-brand, nav").first).to_contain_text("Lower Calls")
    colour = "getComputedStyle(document.documentElement).getPropertyValue('--kb-primary').trim()"
    assert await customer.page.evaluate(colour) == "#0b6e4f"
    upper = await sit(UPPER)
    assert await upper.page.evaluate(colour) != "#0b6e4f"
    await upper.sees_no("Lower Calls")
    await customer.check()
    await lower.menu_to("/accounts/4/brand")
    await lower.follow("Remove")
    await lower.press("Remove")
    await customer.page.reload()
    assert await customer.page.evaluate(colour) != "#0b6e4f"


async def test_a11_invoice_prefix(sit: Sit) -> None:
    """A pattern with the year; the next invoice that is issued has it."""
    lower = await sit(LOWER)
    await lower.new_account("Billed Daily", "Customer", below="lower", billing="Postpaid")
    await lower.follow("Billing")
    await lower.edit("On paper")
    await lower.fill(legal_name="Billed GmbH", address_lines="Kai 1", postcode="20457", city="Hamburg", country="DE")
    await lower.press("Save")
    await lower.edit("Terms")
    await lower.fill(cycle="Daily", zero_invoices=True, reviewed=True, starts_at=_days_ago(2))
    await lower.press("Save")
    await lower.reads("daily")
    await lower.find_account("lower")
    await lower.follow("Billing")
    await lower.edit("Numbers of invoices")
    await lower.fill(prefix="LOW-", pattern="{prefix}{year}/{number:4}")
    await lower.press("Save")
    await lower.reads("LOW-")
    await lower.menu_to("/invoices")
    await lower.follow("Bill what is due")
    await lower.fill(account_id="Billed Daily")
    await lower.press("Bill")
    await expect(lower.page.locator("h1")).not_to_have_text("Bill what is due")
    await lower.menu_to("/invoices")
    await lower.fill(filter__state="Draft", filter__account_id="Billed Daily")
    await lower.press("Show")
    await lower.open("Draft")
    await lower.follow("Issue")
    await lower.press("Issue")
    await expect(lower.page.locator("h1")).to_have_text(re.compile(r"^LOW-20\d\d/\d{4}$"))
    await lower.check()


async def test_a12_customer_is_also_provider(sit: Sit) -> None:
    """One account on both sides: a gateway of its own, and a statement with both directions."""
    boss = await sit(BOSS)
    await boss.new_account("Both Ways", "Customer", below="Operator", provides=True)
    await boss.menu_to("/gateways")
    await boss.follow("New gateway")
    await boss.fill(account_id="Both Ways", name="gw1", host="127.0.0.77", tariff_id="carrier")
    await boss.press("Make")
    await expect(boss.page.locator("h1")).to_have_text("Both Ways/gw1")
    await boss.reads("Both Ways")
    await boss.menu_to("/statements")
    await boss.follow("Look at what one would say")
    await boss.fill(account_id="Both Ways", until="2026-11-01T00:00", since="2026-10-01T00:00")
    await boss.press("Look")
    await boss.reads("It owes us, for its traffic", "It is owed, for ours")


async def test_a13_ip_based_authentication(sit: Sit) -> None:
    """A trunk by its networks and prefix; nonsense is told beside its field; suspended, it says so."""
    lower = await sit(LOWER)
    await lower.menu_to("/trunks")
    await lower.follow("New trunk")
    await lower.fill(account_id="customer", name="Office", networks="not a network", tech_prefix="77")
    await lower.press("Make")
    await expect(lower.page.locator("#networks-errors")).to_be_visible()
    lower.wrong.clear()
    await lower.fill(networks="198.51.100.0/28\n2001:db8::/48", channels="4")
    await lower.press("Make")
    await lower.reads("198.51.100.0/28", "2001:db8::/48", "77")
    await lower.menu_to("/trunks")
    await lower.follow("New trunk")
    await lower.fill(account_id="customer", name="Twin", networks="198.51.100.0/28", tech_prefix="77")
    await lower.press("Make")
    await expect(lower.page.locator("#networks-errors")).to_be_visible()
    lower.wrong.clear()
    await lower.fill(tech_prefix="78", tariff_id="retail")
    await lower.press("Make")
    await lower.reads("78", "retail")
    await lower.menu_to("/trunks")
    await lower.open("Office")
    await lower.edit("Where from")
    await lower.fill(state="Suspended")
    await lower.press("Save")
    await lower.reads("suspended")
    await lower.check()


async def test_a14_devices(posted: Post, post_sit: Sit) -> None:
    """A customer makes a device: password and QR code once, kept as HA1 only; it registers and is seen; its seller sets
    limits and caller ID; with another password, suspended or removed it is gone at once.
    """
    customer = await post_sit(CUSTOMER)
    await customer.menu_to("/devices")
    await customer.follow("New device")
    await customer.fill(username="studio", name="Studio")
    await customer.press("Make")
    told = customer.main.locator("dd.kb-secret")
    _, secret, realm = [await told.nth(place).inner_text() for place in range(3)]
    await expect(customer.main.locator("svg").first).to_be_visible()
    await customer.follow("I have kept it")
    await customer.reads("It is not registered now.")
    await customer.sees_no(secret)
    assert not posted.holds(secret)
    ((number, ha1),) = posted.says("SELECT id, ha1_md5 FROM devices WHERE username = 'studio'")
    assert ha1 == hashlib.md5(f"studio:{realm}:{secret}".encode()).hexdigest()
    await _told(posted, number, ha1_md5=ha1)
    assert posted.register(number) == 1
    await customer.page.reload()
    await customer.reads("sip:studio@192.0.2.7", "192.0.2.7:5060", "Snom 715")
    await customer.check()
    await customer.follow("New password")
    await customer.press("New password")
    other = await told.nth(1).inner_text()
    assert other != secret
    other_ha1 = hashlib.md5(f"studio:{realm}:{other}".encode()).hexdigest()
    await _told(posted, number, ha1_md5=other_ha1)

    lower = await post_sit(LOWER)
    await lower.menu_to("/devices")
    await lower.open("studio")
    await lower.edit("Sign-in")
    await lower.fill(channels="0", caller_number="+44 20 7946 0001")
    await lower.press("Save")
    for field in ("channels", "caller_number"):
        await expect(lower.page.locator(f"#{field}-errors")).to_be_visible()
    lower.wrong.clear()
    await lower.fill(channels="2", cps="3", call_max_s="600", caller_number="442079460001")
    await lower.press("Save")
    await lower.reads("The device is changed.", "442079460001")
    await lower.check()
    await _told(posted, number, channels_max=2, cps_max=3, call_max_s=600, caller_number="442079460001")
    assert posted.register(number) == 1
    await lower.edit("Sign-in")
    await lower.fill(state="Suspended")
    await lower.press("Save")
    await lower.reads("suspended", "It is not registered now.")
    await _told(posted, number, state="suspended")
    assert posted.register(number) == -403

    await customer.menu_to("/devices")
    await customer.open("studio")
    await customer.follow("Remove")
    await customer.press("Remove")
    await customer.menu_to("/devices")
    await expect(customer.main.get_by_role("link", name="studio", exact=True)).to_have_count(0)
    await _until(lambda: posted.device(number) is None)


async def _told(posted: Post, number: int, **fields: object) -> None:
    """Returns once the call path knows a device so."""
    await _until(lambda: fields.items() <= (posted.device(number) or {}).items())


async def test_a15_customer_portal(sit: Sit) -> None:
    """What it has and what it lasts for, a call to its last step, a price, its papers, what it may buy."""
    customer = await sit(CUSTOMER)
    await customer.reads("EUR", "lasts", "Calls today")
    await customer.menu_to("/calls")
    await customer.fill(filter__outcome="Answered")
    await customer.press("Show")
    await customer.page.locator("#results tbody a", has_text=":").first.click()
    await customer.reads("Timeline", "How it was priced")
    await customer.sees_no("margin", "lower pays")
    await customer.menu_to("/lookup")
    await customer.fill(number="4420")
    await customer.press("Look it up")
    await customer.reads("EUR")
    await customer.menu_to("/accounts/5/top-up")
    await customer.reads("Use a voucher", "Pay here")
    await customer.menu_to("/offers")
    await customer.reads("Voicemail")
    await customer.check()


async def test_a16_interconnect(sit: Sit) -> None:
    """A carrier reads its statement and the comparison down to a call; it changes nothing."""
    carrier = await sit(CARRIER)
    await carrier.menu_to("/statements")
    await carrier.open("S-000001")
    await carrier.reads("0.18 EUR", "By destination")
    await carrier.lacks("Settle")
    await carrier.menu_to("/reconciliations")
    await carrier.open("November")
    await carrier.reads("Only we have them", "0.50 EUR")
    await carrier.menu_to("/disputes")
    await carrier.open("November")
    await carrier.reads("0.50 EUR")
    await carrier.lacks("Accept", "Close")
    await carrier.check()


async def test_a17_broadcasting(posted: Post, post_sit: Sit) -> None:
    """A reseller writes to its own customers: filter, count, sample, preview and a mail to itself first; for a moment,
    then at once, slowly, held and gone on with; who got it, who wants none any more, whose mail came back.
    """
    lower = await post_sit(LOWER)
    await lower.menu_to("/accounts/4/brand")
    await lower.edit("Brand")
    await lower.fill(company="Lower Calls", sender_address="news@lower.example")
    await lower.press("Save")
    await _write(lower, "Nobody", audience__kind="Reseller")
    await expect(lower.main.locator("dt", has_text="Recipients").locator("xpath=../dd")).to_contain_text("0")
    await _write(lower, "Easter", audience__kind="Customer", per_minute="40")
    await lower.reads("Some of them", CUSTOMER, *READERS)
    await lower.sees_no(UPPER, CARRIER)
    await lower.follow("Preview")
    await lower.fill(account_id="customer")
    await lower.press("Preview")
    await lower.reads("Dear owner@customer.example, all is quiet for customer.")
    await lower.follow("Back to the broadcast")
    await lower.follow("Mail it to me")
    await lower.press("Mail it to me")
    (mine,) = await _arrived(posted, "About Easter", 1)
    assert mine["To"] == LOWER
    await lower.follow("Send")
    await lower.fill(at="2031-01-01T00:00")
    await lower.press("Send")
    await lower.reads("scheduled", "2031")
    await lower.follow("Cancel broadcast")
    await lower.press("Cancel broadcast")
    await lower.reads("cancelled")

    await _write(lower, "Works", audience__kind="Customer", per_minute="40")
    await lower.follow("Send")
    await lower.press("Send")
    await lower.lacks("Send", "Edit")
    await _arrived(posted, "About Works", 1)
    await lower.page.reload()
    await lower.follow("Pause")
    await lower.press("Pause")
    await lower.reads("paused")
    assert len(posted.letters("About Works")) < 3
    await lower.follow("All recipients")
    await lower.reads("waiting", "sent", *READERS)
    await lower.menu_to("/broadcasts")
    await lower.open("Works")
    await lower.follow("Go on")
    await lower.press("Go on")
    letters = await _arrived(posted, "About Works", 3)
    assert sorted(letter["To"] for letter in letters) == sorted([CUSTOMER, *READERS])
    for letter in [mine, *letters]:
        assert "Lower Calls" in str(letter["From"])
        assert not re.search("Upper|Operator|Kambill|upper", letter.as_string())
    await lower.menu_to("/broadcasts")
    await lower.open("Works")
    await lower.reads("done")
    await lower.check()

    reader = await post_sit()
    (own,) = [letter for letter in letters if letter["To"] == READERS[0]]
    link = re.search(r"/unsubscribe/\S+", part(own, "plain"))
    assert link is not None
    await reader.go(link[0])
    await reader.page.get_by_role("button", name="Unsubscribe").click()
    await reader.reads("You get no more such mails.")
    await reader.check()
    await lower.menu_to("/mails")
    await lower.fill(filter__recipient=READERS[1])
    await lower.press("Show")
    await lower.page.locator("#results tr", has_text="broadcast").get_by_role("link", name=READERS[1]).first.click()
    await lower.follow("It came back")
    await lower.fill(words="550 no such mailbox", permanent=True)
    await lower.press("Note")
    await lower.reads("bounced", "550 no such mailbox")
    await _write(lower, "Later", audience__kind="Customer")
    await lower.reads(CUSTOMER)
    await lower.sees_no(*READERS)
    await lower.check()


async def _write(seller: Clerk, name: str, **more: str) -> None:
    """A draft."""
    await seller.menu_to("/broadcasts")
    await seller.follow("New broadcast")
    await seller.fill(account_id="lower", name=name, subject=f"About {name}", **more)
    await seller.page.fill("#text", "Dear {{ name }}, all is quiet for {{ account }}.")
    await seller.press("Write")
    await expect(seller.page.locator("h1")).to_have_text(name)


async def _arrived(posted: Post, subject: str, count: int) -> list[EmailMessage]:
    """What the mail server has of it, once it has so many."""
    await _until(lambda: len(posted.letters(subject)) >= count)
    return posted.letters(subject)


async def test_a18_audit(sit: Sit) -> None:
    """What was changed, by whom, from where, before and after; of one's own subtree; a file of it."""
    lower = await sit(LOWER)
    await lower.find_account("customer")
    await lower.edit("What it is")
    await lower.fill(cps="13")
    await lower.press("Save")
    await lower.reads("The account is changed.")
    await lower.menu_to("/audit")
    await lower.fill(filter__actor=LOWER)
    await lower.press("Show")
    await lower.reads(LOWER, "127.0.0.1", "cps", "13")
    await lower.sees_no(BOSS)
    async with lower.page.expect_download() as saving:
        await lower.follow("CSV")
    assert LOWER in (await (await saving.value).path()).read_text()


async def test_who_only_reads_changes_nothing(sit: Sit) -> None:
    """Every page of the menu, and what is listed there: not a form but filters, not a link that begins something."""
    reader = await sit(READER)
    lines = await reader.menu()
    assert {"/accounts", "/gateways", "/tariffs", "/invoices"} <= set(lines)
    for path in lines:
        await reader.menu_to(path)
        await expect(reader.page.locator("h1")).not_to_be_empty()
        for deed in (
            "New account",
            "New trunk",
            "New device",
            "New gateway",
            "Invite a user",
            "New role",
            "New tariff",
        ):
            await reader.lacks(deed)
        posts = reader.main.locator("form[method='post']:not([action='/filters'])")
        assert await posts.count() == 0, path
    await reader.menu_to("/accounts")
    await reader.open("upper")
    await reader.lacks("Edit", "Suspend", "Close", "Move", "Post a payment")
