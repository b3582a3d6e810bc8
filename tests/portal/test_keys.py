"""By keys alone, at 200 % and without scripts: pages that no other story goes to."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Route, expect

from tests.portal.browser import BUSY_MS
from tests.portal.desk import Sit

pytestmark = pytest.mark.asyncio(loop_scope="module")
BOSS = "boss@op.example"
PAGES = (
    "/deliveries/new", "/reratings/new", "/commitments/1", "/rate-notices/1", "/specials/new",
    "/accounts/5/ranges/edit",
    "/ranges", "/bank-layouts", "/exchange", "/operations", "/accounts/2/mail-templates/welcome/en/edit",
    "/statements/preview", "/gateways/1/credentials", "/accounts/5/move", "/accounts/5/exemption", "/plans/new",
    "/accounts/2/logo", "/commission-rules/1/edit",
)  # fmt: skip
_FOCUSED = """() => {
    const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
    const isSeen = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
    return [[...document.querySelectorAll("*")].indexOf(one), isSeen && box.width > 0 && box.height > 0, one.outerHTML];
}"""
TABS_MAX = 200


@pytest.mark.parametrize("path", PAGES)
async def test_the_tab_key_goes_through_a_page_in_its_order(sit: Sit, path: str) -> None:
    """From the first link to the last button; where one is can be seen, and nothing sticks out at 200 %."""
    person = await sit(BOSS, 640)
    await person.go(path)
    assert await person.width() <= 640
    order: list[int] = []
    for _ in range(TABS_MAX):
        await person.page.keyboard.press("Tab")
        place, is_seen, html = await person.page.evaluate(_FOCUSED)
        if html.startswith("<body") or place in order:
            break
        assert is_seen, html
        order.append(place)
    assert order == sorted(order)
    assert len(order) > 3
    await person.check()


async def test_a_form_in_place_is_entered_and_left_by_keys(sit: Sit) -> None:
    """One goes on in its first field; Escape puts back what stood there, unless something was typed."""
    person = await sit(BOSS)
    page = person.page
    await person.go("/accounts/5")
    link = page.locator('a[hx-select="#form"]').first
    place = page.locator(await link.get_attribute("hx-target") or "")
    stood = await place.inner_text()
    for is_typed in (False, True):
        await link.focus()
        await page.keyboard.press("Enter")
        field = place.locator("form :is(input:not([type=hidden]), select, textarea)").first
        await expect(field).to_be_focused()
        if is_typed:
            await page.keyboard.type("x")
        await page.keyboard.press("Escape")
        await expect(place.locator("form")).to_have_count(int(is_typed))
    await person.go("/accounts/5")
    assert await place.inner_text() == stood
    await person.check()


async def test_what_was_typed_last_is_looked_for_however_late_the_first_answer(sit: Sit) -> None:
    """By a slow line: what was typed meanwhile isn't dropped, nor its answer overtaken by an earlier one's."""
    person = await sit(BOSS)
    page = person.page
    await person.go("/accounts")
    asked = asyncio.Event()

    async def late(route: Route) -> None:
        if "name=c&" in route.request.url:
            await asked.wait()
        await route.continue_()

    await page.route("**/accounts?name=*", late)
    await page.locator("#filters input[name=name]").focus()
    for key, wanted in (("c", "c"), ("a", "ca"), ("r", "car")):
        async with page.expect_request(re.compile(f"name={wanted}&"), timeout=BUSY_MS):
            await page.keyboard.type(key)
    asked.set()
    await expect(page.locator("#results")).to_contain_text("carrier", timeout=BUSY_MS)
    await expect(page.locator("#results")).not_to_contain_text("customer", timeout=BUSY_MS)
    await expect(page).to_have_url(re.compile("name=car&"), timeout=BUSY_MS)


async def test_what_stood_there_can_be_edited_again(sit: Sit) -> None:
    """After Escape one is where one came from, and the page is as it was."""
    person = await sit(BOSS)
    await person.go("/accounts/5")
    link = person.page.locator('a[hx-select="#form"]').first
    place = person.page.locator(await link.get_attribute("hx-target") or "")
    stood = await place.inner_text()
    for _ in range(2):
        await link.focus()
        await person.page.keyboard.press("Enter")
        await expect(place.locator("form")).to_have_count(1)
        await expect(link).not_to_be_focused()
        await person.page.keyboard.press("Escape")
        await expect(link).to_be_focused()
        assert await place.inner_text() == stood
    await person.check()


async def test_pages_without_scripts(sit: Sit) -> None:
    """Nothing that can be pressed needs them."""
    person = await sit(BOSS, java_script_enabled=False)
    for path in PAGES:
        await person.go(path)
        await expect(person.main.locator("h1").first).to_be_visible()
        dead = person.page.locator("button:not([type=submit]):visible, [hx-get]:not(a, form *):visible")
        assert await dead.count() == 0, path
