"""Every page that there is, in a real Chromium, full of what was typed to do harm: the list is that of the routes.

axe looks at a page that has something in it that no page before had, and others than the operator open such pages only,
and those that nobody before came to. With KAMBILL_PAGES=all it is every page, as `scripts/torture pages` does it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from service.portal.cookies import SESSION
from tests.portal.browser import Person
from tests.portal.crawl import Crawls
from tests.portal.desk import Clerk, Sit
from tests.portal.planted import BELOW, CARRIER, CUSTOMER, OPERATOR, Planted
from tests.portal.planting import SEED
from tests.portal.screens import Screens
from tests.portal.shapes import Shape, new_ones
from tests.portal.test_routes import NO_LINK

pytestmark = pytest.mark.asyncio(loop_scope="module")
REACH = """() => [...document.querySelectorAll("main :is(a[href], button, input, select, textarea, summary)")]
    .filter(one => one.type !== "hidden" && !one.disabled && one.tabIndex < 0).map(one => one.outerHTML)"""
"""What no key comes to."""
ALL = os.environ.get("KAMBILL_PAGES", "") == "all"


@pytest_asyncio.fixture(loop_scope="module")
async def sit(screens: Screens, planted: Planted) -> AsyncIterator[Sit]:
    """Before the planted portal; who it is says a session that is open already."""
    async with screens.sitting(planted.address) as down:

        async def signed_in(who: str = "", width: int = 1280) -> Clerk:
            person = await down(width=width)
            if who:
                session = {"name": SESSION, "value": planted.sessions[who], "url": planted.address}
                await person.page.context.add_cookies([session])  # type: ignore[list-item]
            return person

        yield signed_in


def _pages(crawls: Crawls, who: str) -> dict[str, str]:
    """One page of each route that somebody comes to."""
    found = {page.pattern: page.url for page in crawls.of(who).values() if page.is_html and "/paper." not in page.url}
    return {pattern: url for pattern, url in found.items() if pattern != "/choices/{noun}"}


@pytest.fixture(scope="module")
def new(crawls: Crawls) -> dict[str, list[str]]:
    """By who comes to them: pages that have something in them that no page before had, and of routes that are new."""
    known, routes = set[Shape](), set[str]()
    found = {}
    for who in (OPERATOR, BELOW, CUSTOMER, CARRIER):
        pages = _pages(crawls, who)
        first = new_ones({url: crawls.of(who)[url].text for url in pages.values()}, SEED, known)
        own = set() if who == OPERATOR else {pages[route] for route in pages.keys() - routes}
        found[who] = [url for url in pages.values() if ALL or url in own.union(first)]
        routes |= pages.keys()
    return found


@pytest.mark.parametrize("part", range(4))
async def test_every_page_is_right(sit: Sit, crawls: Crawls, new: dict[str, list[str]], part: int) -> None:
    """No dialog, no word on the console, nothing asked of another host, axe finds nothing, all by keys, 360 pixels."""
    person = await sit(OPERATOR)
    urls = list(_pages(crawls, OPERATOR).values())
    assert len(urls) > 200
    assert len(new[OPERATOR]) > 50
    found: list[str] = []
    for url in urls[part::4]:
        await person.go(url)
        violations = await person.violations() if url in new[OPERATOR] else []
        found += [f"{url}: {one}" for one in (*person.wrong, *violations, *await _keys(person))]
        person.wrong.clear()
        await person.page.set_viewport_size({"width": 360, "height": 800})
        width = await person.width()
        await person.page.set_viewport_size({"width": 1280, "height": 800})
        found += [f"{url}: {width} wide"] if width > 360 else []
    assert found == []


async def _keys(person: Person) -> list[str]:
    """Past the menu by the first key; then nothing is out of reach."""
    await person.page.keyboard.press("Tab")
    skips = await person.page.evaluate("document.activeElement.matches('.kb-skip')")
    return [*([] if skips else ["the first key doesn't lead past the menu"]), *await person.page.evaluate(REACH)]


@pytest.mark.parametrize("who", [BELOW, CUSTOMER, CARRIER])
async def test_nothing_that_was_typed_runs_before_others(
    sit: Sit, planted: Planted, new: dict[str, list[str]], who: str
) -> None:
    """Sellers, customers and carriers: what they see that the operator doesn't, or sees otherwise."""
    person = await sit(who)
    found: list[str] = []
    assert new[who]
    for url in new[who]:
        await person.page.goto(planted.address + url, wait_until="commit")
        await person.page.wait_for_load_state("domcontentloaded")
        found += [f"{url}: {one}" for one in person.wrong]
        person.wrong.clear()
    assert found == []


@pytest.mark.parametrize("path", sorted(set(NO_LINK) & {"/sign-in", "/forgotten-password", "/password"}))
async def test_the_doors_are_right(sit: Sit, path: str) -> None:
    """Before anybody is signed in; a telephone wide."""
    person = await sit(width=360)
    await person.go(f"{path}?link=x" if path == "/password" else path)
    await person.check()
    assert await person.width() <= 360
