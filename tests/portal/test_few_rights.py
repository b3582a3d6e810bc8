"""Somebody with one right: the pages that it opens are offered, and nothing that they are led to is closed to them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from itertools import count

import pytest

from service.access.permissions import READING, Permission
from service.portal.cookies import SESSION
from tests.portal.conftest import SAME, Walker
from tests.portal.crawl import Crawler
from tests.service.office import PASSWORD

ACCOUNTS = {"root": 1, "lower": 4, "customer": 5}
P = Permission
COUNT = count(1)
MAIL = {"/broadcasts", "/mails", "/suppressions", "/rate-notices"}
ALONE = sorted(READING | {P.PAYMENTS_TOP_UP})
"""Each of them is a reason to come here."""


class Clerk:
    """Somebody whose one role the operator writes anew again and again."""

    def __init__(self, walker: Walker, boss: Walker, role: str) -> None:
        self.walker = walker
        self.boss = boss
        self.role = role

    async def may(self, *rights: Permission) -> None:
        """Only that from now on."""
        url, page = f"{self.boss.address}{self.role}/edit", await self.boss.get(f"{self.role}/edit")
        fields = [("name", f"Few {self.role[7:]}"), ("note", ""), ("_version", page.hidden("_version"))]
        sent = [*fields, *(("permissions", one.value) for one in rights)]
        async with self.boss.session.post(url, data=sent, headers=SAME) as answer:
            assert answer.status == 200, await answer.text()

    async def menu(self) -> list[str]:
        """Where its lines lead."""
        return re.findall(r'class="nav-link[^"]*" href="([^"]+)"', (await self.walker.get("/")).text)

    async def closed(self) -> list[str]:
        """What they are led to that doesn't open."""
        (key,) = (one.value for one in self.walker.session.cookie_jar if one.key == SESSION)
        pages = await Crawler(self.walker.address, key, like_max=1, has_files=False).crawl()
        return [f"{page.status} {page.url} from {page.came_from}" for page in pages.values() if page.status != 200]


Hire = Callable[[str], Awaitable[Clerk]]


@pytest.fixture
async def hire(walkers: Callable[[], Walker]) -> Hire:
    """Somebody of an account, signed in."""

    async def somebody(account: str) -> Clerk:
        boss, guest = walkers(), walkers()
        await boss.sign_in("boss@op.example")
        email = f"few{next(COUNT)}@{account}.example"
        made = await boss.post("/roles/new", name=email, permissions="audit.read")
        found = re.search(rf'href="(/roles/\d+)"[^>]*>{email}<', made.text)
        assert found is not None, made.words
        role = found[1]
        form = {"account_id": str(ACCOUNTS[account]), "name": "Few", "language": "en", "timezone": "UTC"}
        told = await boss.post("/users/new", **form, email=email, role_ids=role.rpartition("/")[2])
        link = re.search(r"/password\?link=([^<\s]+)", told.text)
        assert link is not None, told.words
        await guest.post("/password", link=link[1], password=PASSWORD)
        await guest.sign_in(email)
        return Clerk(guest, boss, role)

    return somebody


@pytest.mark.parametrize("account", ACCOUNTS)
async def test_one_right_leads_to_nothing_that_is_closed(hire: Hire, account: str) -> None:
    """Menu, ways back, columns and buttons: every link of every page that one comes to."""
    clerk = await hire(account)
    found = {}
    for right in ALONE:
        await clerk.may(right)
        found[right.value] = await clerk.closed()
    assert {right: links for right, links in found.items() if links} == {}


@pytest.mark.parametrize(
    ("right", "account", "lines"),
    [
        (P.MESSAGES_READ, "root", {"/accounts/1/mail-templates", *MAIL}),
        (P.MESSAGES_READ, "lower", {"/accounts/4/mail-templates", *MAIL}),
        (P.MESSAGES_READ, "customer", set()),
        (P.ACCOUNTS_READ, "root", {"/accounts", "/accounts/1"}),
        (P.ACCOUNTS_READ, "customer", {"/accounts/5"}),
        (P.ROUTING_READ, "root", {"/plans", "/portings", "/specials"}),
        (P.ROUTING_READ, "lower", {"/specials"}),
        (P.SETTINGS_READ, "root", {"/bans", "/doctor", "/webhooks"}),
        (P.SETTINGS_READ, "lower", {"/webhooks"}),
        (P.PAYMENTS_TOP_UP, "customer", {"/accounts/5/top-up"}),
        (P.PAYMENTS_TOP_UP, "root", set()),
    ],
)
async def test_one_right_opens_its_area(hire: Hire, right: Permission, account: str, lines: set[str]) -> None:
    """In the menu of whoever the area is for, whatever else they may not do."""
    clerk = await hire(account)
    await clerk.may(right)
    assert set(await clerk.menu()) == {"/", *lines}


async def test_who_does_what_they_may_not_look_at_is_told_that_it_is_done(hire: Hire) -> None:
    """Not that the next page is closed, as if it had been refused."""
    clerk = await hire("root")
    await clerk.may(P.PAYMENTS_CHANGE)
    page = await clerk.walker.get("/accounts/5/payment")
    form = {"_key": page.hidden("_key"), "amount": "1", "reason": "cash"}
    got = await clerk.walker.post("/accounts/5/payment", **form)
    assert (got.status, got.path) == (200, "/")
    assert "The payment is posted." in got.words
    await clerk.may(P.PAYMENTS_CHANGE, P.PAYMENTS_READ)
    page = await clerk.walker.get("/accounts/5/payment")
    got = await clerk.walker.post("/accounts/5/payment", **{**form, "_key": page.hidden("_key")})
    assert got.path == "/accounts/5/lines"
