"""A real Chromium that is looked at while it works: console, requests to others, accessibility."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from tests.service.office import PASSWORD
from tests.waiting import PATIENCE_S

BUSY_MS = int(PATIENCE_S * 1000)
"""What a page shall come to say it says at once, but on a machine that has other work."""
LOST_MS = 30_000
"""Once something did not come, what comes after it need not be waited for as long again: the run has failed."""
CHROMIUM = "/usr/bin/chromium-headless-shell"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
AXE = Path(__file__).with_name("axe.min.js").read_text()
_RUN = """Promise.allSettled(document.getAnimations()
    .filter(one => one.effect.getComputedTiming().endTime < 10000).map(one => one.finished))
    .then(() => axe.run({resultTypes: ["violations"]})).then(found =>
    JSON.stringify(found.violations.map(one => [one.id, one.nodes.map(node => [node.html, node.failureSummary])])))"""
"""When nothing fades any more: half a colour is no colour of ours."""


class Patience:
    """How long pages are waited for by now."""

    ms = BUSY_MS

    @classmethod
    def lose(cls) -> None:
        """Something was waited for in vain."""
        cls.ms = min(cls.ms, LOST_MS)
        expect.set_options(timeout=cls.ms)


class Person:
    """Somebody before a screen. What goes wrong there is kept."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.wrong: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda fault: self.wrong.append(f"script: {fault}"))
        page.on("dialog", lambda dialog: self.wrong.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: self._asked(request.url))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.wrong.append(f"console: {message.text}")

    def _asked(self, url: str) -> None:
        if not url.startswith((self.address, "data:")):
            self.wrong.append(f"foreign: {url}")

    async def go(self, path: str) -> None:
        """By its address."""
        await self.page.goto(self.address + path)

    async def sign_in(self, email: str, password: str = PASSWORD) -> None:
        """By keys alone, from the first field on."""
        await self.go("/sign-in")
        await self.page.focus("#email")
        await self.page.keyboard.type(email)
        await self.page.keyboard.press("Tab")
        await self.page.keyboard.type(password)
        await self.page.keyboard.press("Enter")
        await self.page.wait_for_url("**/")

    async def menu(self) -> list[str]:
        """The addresses of the menu's lines."""
        return await self.page.eval_on_selector_all("#menu a.nav-link", "links => links.map(one => one.pathname)")

    async def violations(self) -> list[Any]:
        """What axe finds; put in beside the page's policy."""
        client = await self.page.context.new_cdp_session(self.page)
        asked = {"expression": f"{AXE};{_RUN}", "awaitPromise": True}
        async with asyncio.timeout(Patience.ms / 1000):
            found = await client.send("Runtime.evaluate", asked)
        await client.detach()
        return list(json.loads(found["result"]["value"]))

    async def check(self) -> None:
        """Nothing is wrong with the page at hand."""
        assert self.wrong == [], self.page.url
        found = await self.violations()
        assert found == [], f"{self.page.url}: {found}"

    async def width(self) -> int:
        """Of the whole page, which may be wider than the screen; charts take theirs a frame after it."""
        return int(await self.page.evaluate(SETTLED_WIDTH))


SETTLED_WIDTH = """new Promise(done => {
  const soon = (frames) => frames ? requestAnimationFrame(() => soon(frames - 1))
    : done(document.documentElement.scrollWidth);
  soon(4);
})"""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's, without what only a desktop has: a third of its work."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS, timeout=BUSY_MS)
        yield browser
        await browser.close()
