"""What a page offers can be done, it shows what one looks for there, and nobody takes more than there is."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from service.portal import pages
from service.portal.components.lists import Column, Listed
from service.portal.components.offered import offered
from service.portal.cookies import SESSION
from service.portal.formats import formats_of
from service.portal.pages.partners import deals
from service.portal.screens import SCREENS
from service.portal.streams import OPEN_MAX
from service.portal.visit import BY_NAME
from tests.portal.conftest import SAME, Walker
from tests.portal.crawl import Crawler
from tests.portal.test_faults import ASKS_NOTHING, wrongly
from tests.waiting import PATIENCE_S

BOSS, RESELLER, CUSTOMER, AGENT = (
    "boss@op.example", "owner@lower.example", "owner@customer.example", "owner@agent.example",
)  # fmt: skip


@pytest.mark.parametrize(("email", "is_offered"), [(BOSS, True), (RESELLER, False), (CUSTOMER, False)])
async def test_high_risk_ranges_are_made_by_the_operator_alone(walker: Walker, email: str, is_offered: bool) -> None:
    """Others would be refused, so they aren't asked; they see which there are."""
    await walker.sign_in(email)
    page = await walker.get("/ranges")
    assert page.status == 200
    assert ("New range" in page.words) is is_offered


@pytest.mark.parametrize(("email", "is_offered"), [(BOSS, True), (CUSTOMER, False)])
async def test_a_role_from_above_is_not_there_to_be_edited(walker: Walker, email: str, is_offered: bool) -> None:
    """It is given; what it allows is said by who defined it."""
    await walker.sign_in(email)
    assert ('href="/roles/3/edit"' in (await walker.get("/roles/3")).text) is is_offered


def _deeds() -> list[Column]:
    """Of every list, what can be done with its rows by whoever stands above them."""
    modules = [importlib.import_module(f"{pages.__name__}.{one.name}") for one in pkgutil.iter_modules(pages.__path__)]
    listed = [value for module in modules for value in vars(module).values() if isinstance(value, Listed)]
    known = [column for one in listed for column in one.columns if column.needs in BY_NAME]
    return [column for column in known if BY_NAME[column.needs].below]


@pytest.mark.parametrize("column", _deeds(), ids=lambda column: column.needs)
def test_what_is_for_those_above_isnt_offered_of_ones_own(column: Column) -> None:
    """It would be refused; whoever stands above is offered it."""
    visit: Any = SimpleNamespace(account_id=7, say=str)
    told = {
        "id": 1,
        "entry_id": 1,
        "state": "asked",
        "action": "suspend",
        "lifted_at": None,
        "returned": 0,
        "amount": 1,
    }
    rows = [SimpleNamespace(account_id=number, **told) for number in (7, 8)]
    assert [bool(cell.text) for cell in column.cells(visit, rows)] == [False, True]


async def test_who_earns_by_a_rule_isnt_offered_to_end_it(walker: Walker) -> None:
    """It reads the rule, without columns of what others may do with it."""
    for email, is_offered in ((BOSS, True), (AGENT, False)):
        await walker.sign_in(email)
        for path in ("/commission-rules", f"/accounts/{await _agent(walker)}/commission"):
            page = await walker.get(path)
            assert "10.00 %" in page.words.replace("\N{NO-BREAK SPACE}", " ") or "10 %" in page.words
            assert ("/removal" in page.text, ">Remove<" in page.text) == (is_offered, is_offered), (email, path)


async def _agent(walker: Walker) -> str:
    found = re.search(r'href="/accounts/(\d+)">agent<', (await walker.get("/commission-rules")).text)
    assert found is not None
    return found.group(1)


@pytest.mark.parametrize(
    ("account_id", "direction", "is_operator", "may"),
    [
        (8, "in", False, True), (7, "in", False, False), (8, "out", False, False), (8, "both", False, False),
        (8, "out", True, True), (8, "in", True, True), (7, "out", True, False),
    ],
)  # fmt: skip
def test_nobody_is_offered_to_agree_with_themselves(
    account_id: int, direction: str, is_operator: bool, may: bool
) -> None:
    """Nor, but for the operator, on what is sent to a provider: it would be refused."""
    visit: Any = SimpleNamespace(account_id=7, is_operator=is_operator)
    assert deals(visit, SimpleNamespace(account_id=account_id, direction=direction)) is may


async def test_who_acts_as_somebody_isnt_offered_their_door(walker: Walker) -> None:
    """Password and second factor are their own; oneself is offered both."""
    await walker.sign_in(BOSS)
    own = (await walker.get("/profile")).text
    users = await walker.get("/users?email=owner@customer")
    user = re.search(r'href="(/users/\d+)"', users.text)
    assert user is not None
    await walker.post(f"{user.group(1)}/log-in-as")
    acting = (await walker.get("/profile")).text
    for link in ("/profile/password", "/profile/second-factor"):
        assert f'href="{link}"' in own
        assert f'href="{link}"' not in acting
    tokens = await walker.get("/tokens")
    assert "/tokens/new" not in tokens.text
    for path in ("/tokens/new", "/profile/edit", "/profile/password", "/profile/second-factor", "/profile/sessions"):
        closed = await walker.get(path)
        assert closed.status == 403, path
        assert "only who is signed in as themselves can do this" in closed.words
    await walker.post("/log-in-as/end")
    seller = re.search(r'href="(/users/\d+)"', (await walker.get("/users?email=owner@lower")).text)
    assert seller is not None
    assert f'href="{user.group(1)}/log-in-as"' in (await walker.get(user.group(1))).text
    await walker.post(f"{seller.group(1)}/log-in-as")
    nested = await walker.get(user.group(1))
    assert "You are logged in as owner@lower.example" in nested.words
    assert '/log-in-as"' not in nested.text
    assert (await walker.post(f"{user.group(1)}/log-in-as")).status == 403
    assert "You are logged in as owner@lower.example" in (await walker.get("/")).words


async def _refused(walker: Walker) -> dict[str, int]:
    """Of the forms that somebody is led to, those that answer by who they are, whatever is typed: sent wrongly."""
    (key,) = (one.value for one in walker.session.cookie_jar if one.key == SESSION)
    pages = await Crawler(walker.address, key, like_max=1, has_files=False).crawl()
    acting = {screen.path for screen in SCREENS if screen.act is not None} - ASKS_NOTHING
    forms = [form for page in pages.values() if page.pattern in acting and (form := wrongly(page)) is not None]
    assert len(forms) > 5
    found = {form.url: (await walker.post(form.url, follow=False, **form.fields)).status for form in forms}
    return {url: status for url, status in found.items() if status in {401, 403, 404}}


@pytest.mark.parametrize(
    "email", ["admin@op.example", "owner@upper.example", RESELLER, CUSTOMER, AGENT, "owner@carrier.example"]
)
async def test_no_form_is_offered_that_is_refused_whatever_is_typed(walker: Walker, email: str) -> None:
    """Such as a payment to the own account: rights are asked before what was typed, whose faults have other codes."""
    await walker.sign_in(email)
    assert await _refused(walker) == {}


async def test_who_acts_as_somebody_isnt_offered_what_only_oneself_may(walker: Walker) -> None:
    """None of the forms that the other person would be led to."""
    await walker.sign_in(BOSS)
    user = re.search(r'href="(/users/\d+)"', (await walker.get("/users?email=owner@lower")).text)
    assert user is not None
    await walker.post(f"{user.group(1)}/log-in-as")
    assert await _refused(walker) == {}


@pytest.mark.parametrize(
    ("account", "has", "lacks"),
    [(5, "Invoices", "Gateways"), (3, "Gateways", "Invoices"), (1, "Accounts below", "Gateways")],
)
async def test_an_account_shows_its_invoices_or_its_gateways(
    walker: Walker, account: int, has: str, lacks: str
) -> None:
    """By what it is: nobody has to look for them in the menu."""
    await walker.sign_in(BOSS)
    heads = re.findall(r"<h2[^>]*>([^<]*)</h2>", (await walker.get(f"/accounts/{account}")).text)
    assert has in heads
    assert lacks not in heads


async def test_a_customer_reads_what_is_subscribed_to(walker: Walker) -> None:
    """By its name, though the product's own page isn't theirs."""
    await walker.sign_in(CUSTOMER)
    listed = await walker.get("/subscriptions")
    link, name = re.findall(r'href="(/subscriptions/\d+)">([^<]*)</a>', listed.text)[0]
    page = (await walker.get(link)).text
    assert re.search(rf"<dt>Product</dt><dd>{name}</dd>", page), page
    assert "/products/" not in page


async def test_what_was_earned_has_two_decimals_at_least(walker: Walker) -> None:
    """As money has; none of its own is left out."""
    await walker.sign_in(AGENT)
    assert "2.00 EUR" in (await walker.get("/")).words.replace("\N{NO-BREAK SPACE}", " ")
    german = formats_of("de", "UTC")
    assert german.exact("0.5", "EUR") == "0,50\N{NO-BREAK SPACE}EUR"
    assert german.exact("0.12345678", "EUR") == "0,12345678\N{NO-BREAK SPACE}EUR"


@pytest.mark.parametrize(("proxy", "scheme"), [({"X-Forwarded-Proto": "https"}, "https"), ({}, "http")])
async def test_the_link_of_an_invitation_is_what_the_browser_speaks(
    walker: Walker, proxy: dict[str, str], scheme: str
) -> None:
    """Behind a proxy that speaks TLS the link does too."""
    await walker.sign_in(BOSS)
    form = await walker.get("/users/new?account_id=1")
    roles = re.findall(r'name="role_ids" value="(\d+)"', form.text)
    got = await walker.post(
        "/users/new?account_id=1", headers={**SAME, **proxy}, account_id="1",
        email=f"{scheme}@invited.example", name="x", role_ids=roles[0], language="en", timezone="UTC",
    )  # fmt: skip
    assert re.search(rf"(?<!\w){scheme}://\S+/password\?link=", got.words), got.words
    user = re.search(r'href="(/users/\d+)"', got.text)
    assert user is not None
    await walker.post(f"{user.group(1)}/removal")


async def test_one_session_has_so_many_streams_and_no_more(walkers: Callable[[], Walker]) -> None:
    """Whoever opens more is told; somebody else isn't kept from theirs, nor is who has closed some."""
    greedy, other = walkers(), walkers()
    await greedy.sign_in(CUSTOMER)
    await other.sign_in(CUSTOMER)
    url = f"{greedy.address}/live/stream"

    async def status(walker: Walker) -> int:
        async with walker.session.get(url) as answer:
            return answer.status

    opened: list[aiohttp.ClientResponse] = [await greedy.session.get(url) for _ in range(OPEN_MAX)]
    assert {one.status for one in opened} == {200}
    assert await status(greedy) == 429
    assert await status(other) == 200
    for one in opened:
        one.close()
    for _ in range(int(PATIENCE_S / 0.2)):  # the service learns it when it next writes
        await asyncio.sleep(0.2)
        if await status(greedy) == 200:
            return
    pytest.fail("what was closed counts still")


async def test_an_agent_is_not_offered_what_is_its_sellers_to_give(walkers: Callable[[], Walker]) -> None:
    """Of its own customer: whoever sells to that one is."""
    agent, boss = walkers(), walkers()
    await agent.sign_in("owner@agent.example")
    await boss.sign_in("boss@op.example")
    found = re.search(r'href="(/accounts/\d+)">recruited<', (await agent.get("/accounts")).text)
    assert found is not None
    places = [f"{found[1]}/{deed}" for deed in ("payment", "credit-limit")]
    page, theirs = await agent.get(found[1]), await boss.get(found[1])
    for place in places:
        assert f'href="{place}"' in theirs.text
        assert f'href="{place}"' not in page.text
        assert (await agent.get(place)).status == 403


async def test_an_agent_is_not_offered_what_is_for_whoever_is_paid(walkers: Callable[[], Walker]) -> None:
    """Neither by the menu nor by a page's address; a reseller that is paid is offered all of it."""
    agent, reseller = walkers(), walkers()
    await agent.sign_in(AGENT)
    await reseller.sign_in(RESELLER)
    theirs, other = (await agent.get("/")).text, (await reseller.get("/")).text
    for path in ("/vouchers", "/bank-lines", "/taxes", "/payment-gateways"):
        assert f'href="{path}"' in other
        assert f'href="{path}"' not in theirs
        refused = await agent.get(path)
        assert (refused.status, "customers pay its seller" in refused.words) == (403, True), path
    for path in ("/vouchers/new", "/taxes/new", "/payment-gateways/new", "/bank-lines/new", "/products/new"):
        assert (await agent.get(path)).status == 403, path
    for path in ("/statements", "/disputes", "/commitments", "/reconciliations"):
        assert f'href="{path}/new"' in (await reseller.get(path)).text
        assert f'href="{path}/new"' not in (await agent.get(path)).text
        assert (await agent.get(f"{path}/new")).status == 403, path
    for path in ("/publications", "/reratings", "/rate-notices"):
        assert f'href="{path}"' in other
        assert f'href="{path}"' not in theirs
    assert "Bill what is due" not in (await agent.get("/invoices")).words
    billing = await agent.get("/accounts/" + await _agent(agent) + "/billing")
    assert "Numbers of invoices" not in billing.words
    assert "Unpaid invoices" not in billing.words


async def test_an_agent_is_offered_its_sellers_products(walker: Walker) -> None:
    """To sell them, not to change them."""
    await walker.sign_in(AGENT)
    listed = await walker.get("/products")
    assert "Line" in listed.words
    assert "New product" not in listed.words
    place = re.search(r'href="(/products/\d+)">Line<', listed.text)
    assert place is not None
    page = await walker.get(place[1])
    assert page.status == 200
    assert f'{place[1]}/edit"' not in page.text
    assert ">Line<" in (await walker.get("/subscriptions/new")).text


async def test_numbers_are_brought_in_by_the_operator_alone(walkers: Callable[[], Walker]) -> None:
    """A reseller is told so, and isn't offered a file for them."""
    boss, reseller = walkers(), walkers()
    await boss.sign_in(BOSS)
    await reseller.sign_in(RESELLER)
    assert 'href="/numbers/import"' in (await boss.get("/numbers")).text
    page = await reseller.get("/numbers")
    assert 'href="/numbers/import"' not in page.text
    assert "The operator brings numbers in" in page.words


async def test_the_operators_people_see_payments_of_others(walkers: Callable[[], Walker]) -> None:
    """It pays nobody itself: no balance, no lines that never come; whoever does has them."""
    boss, reseller = walkers(), walkers()
    await boss.sign_in(BOSS)
    await reseller.sign_in(RESELLER)
    home, theirs = await boss.get("/"), await reseller.get("/")
    assert "/accounts/1/lines" not in home.text
    assert 'href="/receipts">Payments and receipts<' in " ".join(home.text.split())
    assert "Balance" not in home.words
    assert "/accounts/4/lines" in theirs.text
    assert "Balance" in theirs.words
    own = await boss.get("/accounts/1")
    assert "Nothing has been booked yet" not in own.words
    assert "Commission-based" not in own.words


async def test_a_provider_is_offered_what_concerns_it(walkers: Callable[[], Walker]) -> None:
    """It is settled by statements: nobody sends it invoices, receipts or alerts, nor pays it back."""
    carrier, customer = walkers(), walkers()
    await carrier.sign_in("owner@carrier.example")
    await customer.sign_in(CUSTOMER)
    theirs, other = (await carrier.get("/")).text, (await customer.get("/")).text
    for path in ("/invoices", "/receipts", "/operations", "/balance-alerts"):
        assert f'href="{path}"' in other
        assert f'href="{path}"' not in theirs
    assert 'href="/statements"' in theirs


def test_a_plan_that_is_not_given_is_not_offered() -> None:
    """To resellers, of new and standing trunks and devices: it would be refused."""
    visit: Any = SimpleNamespace()
    rows = [SimpleNamespace(id=1, given=True), SimpleNamespace(id=2, given=False)]
    for endpoint in ("trunk.make", "trunk.edit", "device.make", "device.edit"):
        assert asyncio.run(offered(visit, endpoint, "plan_id", rows)) == rows[:1]
