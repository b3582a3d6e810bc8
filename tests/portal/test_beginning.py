"""From an empty ledger to the first call, as somebody goes who has read nothing: by what the pages say comes next."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser
from sqlalchemy.ext.asyncio import AsyncEngine

from service.config import Config
from tests.portal.browser import BUSY_MS, Person
from tests.portal.conftest import Got, Walker
from tests.portal.house import portal
from tests.service.office import Office

BOSS = "boss@op.example"
WAYS = {
    "A tariff": "/tariffs/new",
    "A provider": "/accounts/new?kind=provider",
    "Its gateway": "/gateways/new",
    "A routing plan": "/plans/new",
    "A customer": "/accounts/new?kind=customer",
    "A device": "/devices/new",
    "Or a trunk": "/trunks/new",
}
"""By step: where its page is."""
TARIFF = "currency: EUR\nrates:\n  - {prefix: '44', destination: Great Britain, rate: 0.05}\n"


async def _empty(engine: AsyncEngine, url: str, folder: Path) -> Config:
    (folder / "ratebook").mkdir()
    places = {"data_dir": folder, "run_dir": folder, "ratebook": folder / "ratebook"}
    config = Config(database=url, sip_server="sip.example.net:5070", **places)  # type: ignore[arg-type]
    await Office(engine, config).open()
    return config


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a portal that has a Super Admin and nothing else."""
    with portal(tmp_path_factory.mktemp("empty"), furnish=_empty) as found:
        yield found


@pytest.fixture
async def walker(walker: Walker) -> Walker:
    """The Super Admin."""
    await walker.sign_in(BOSS)
    return walker


def _open(page: Got) -> list[str]:
    """The steps that are still to be done."""
    found = re.findall(r'<dt>([^<]*)</dt><dd><a href="([^"]*)">Make one</a>', page.text)
    assert all(WAYS[step] == link for step, link in found), found
    return [step for step, _ in found]


def _rest(page: Got) -> tuple[str, str, str]:
    """Of the one thing that is there and lacks something: the step, the way, and its words."""
    found = re.findall(r'<dt>([^<]*)</dt><dd><a href="([^"]*)">([^<]*)</a>', page.text)
    ((step, link, words),) = [one for one in found if one[2] not in {"Make one", "Try one"}]
    return step, link, words


async def test_the_overview_leads_from_nothing_to_a_call(walker: Walker) -> None:
    """Each step has its way, in an order in which each can be done; then nothing is said of it any more."""
    steps = list(WAYS)
    assert _open(await walker.get("/")) == steps

    async def done(path: str, **form: str) -> Got:
        got = await walker.post(path, **form)
        assert got.status == 200, got.words
        return got

    gateway = await walker.get("/gateways/new")
    assert "There is no provider yet" in gateway.words
    tariff = await done("/tariffs/new", account_id="1", name="Retail", source=TARIFF, do="write")
    assert _rest(await walker.get("/")) == ("A tariff", f"{tariff.path}/publication", "Publish it")
    await done(f"{tariff.path}/publication")
    assert _open(await walker.get("/")) == steps[1:]
    provider = await walker.get(WAYS["A provider"])
    assert 'name="kind" value="provider"' in provider.text
    assert "Commission-based reseller" not in provider.words
    assert "Credit limit" not in provider.words
    made = await done(WAYS["A provider"], parent_id="1", kind="provider", name="Carrier & Sons")
    assert _rest(await walker.get("/")) == ("A provider", f"{made.path}/edit", "Give it a tariff")
    version = (await walker.get(f"{made.path}/edit")).hidden("_version")
    same = {"name": "Carrier & Sons", "cut_on_suspend": "yes"}
    await done(f"{made.path}/edit", _version=version, tariff_id="1", **same)
    assert _open(await walker.get("/")) == steps[2:]
    account = made.path.rpartition("/")[2]
    await done("/gateways/new", account_id=account, name="gw", host="192.0.2.1", port="5060", transport="udp")
    assert _open(await walker.get("/")) == steps[3:]
    sample = re.search(r'name="source"[^>]*>\n(.*?)</textarea>', (await walker.get("/plans/new")).text, re.DOTALL)
    assert sample is not None
    await done("/plans/new", source=html.unescape(sample[1]), do="write", _version="0")
    assert _open(await walker.get("/")) == steps[4:]
    form = await walker.get("/trunks/new")  # one plan is the one that is meant
    assert re.search(r'<option value="1" selected>standard<', form.text)
    assert "no calls go out" in form.words
    shop = await done(WAYS["A customer"], parent_id="1", kind="customer", name="Shop", billing="prepaid", tariff_id="1")
    assert _rest(await walker.get("/")) == ("A customer", f"{shop.path}/payment", "Post a payment")
    await done(f"{shop.path}/payment", amount="10", reason="In advance", _key="first")
    assert _open(await walker.get("/")) == steps[5:]
    customer = shop.path.rpartition("/")[2]
    told = await done("/devices/new", account_id=customer, username="desk", plan_id="1", contacts_max="5")
    assert "sip.example.net:5070" in told.words
    assert "SIP server sip.example.net:5070" in (await walker.get("/devices/1")).words  # though Kamailio never ran
    page = await walker.get("/")
    assert _open(page) == []
    assert "Before the first call" not in page.words


async def test_nothing_is_billed_without_terms_and_the_page_says_so(walker: Walker) -> None:
    """Where nothing was due at all, too."""
    assert "terms is over" in html.unescape((await walker.get("/invoices")).words)
    run = await walker.post("/invoices/run", _key="k-run")
    assert "An account without terms is not billed" in run.words


async def test_a_role_says_what_it_is_for_where_it_is_given(walker: Walker) -> None:
    """Whoever invites somebody has to choose one of ten."""
    form = html.unescape((await walker.get("/users/new?account_id=1")).words)
    assert "Owner Everything that the user's account may" in form
    assert "Read-only Sees all, changes nothing" in form


async def test_what_is_made_elsewhere_is_said_where_it_is_missed(walker: Walker) -> None:
    """Rates of exchange are written in a file."""
    assert "exchange.yaml" in (await walker.get("/exchange")).words


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("width", [1280, 360])
async def test_empty_pages_stand_as_well_as_full_ones(browser: Browser, address: str, width: int) -> None:
    """No violation, no fault in the console, no page wider than its screen."""
    context = await browser.new_context(viewport={"width": width, "height": 800})
    context.set_default_timeout(BUSY_MS)
    person = Person(await context.new_page(), address)
    await person.sign_in(BOSS)
    for path in ("/", "/accounts", "/accounts/1", "/deliveries/new", "/users/new", "/gateways/new", "/exchange"):
        await person.go(path)
        assert await person.width() <= width, path
        await person.check()
    await context.close()
