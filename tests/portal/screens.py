"""Screens of a browser: whoever gets up leaves one as if nobody had sat there, and the next one sits down before it.

Each has cookies of its own. Chromium makes a window for each, with all that a window has: that costs as much as six
pages do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser

from tests.portal.browser import Patience
from tests.portal.desk import Clerk, Sit

HEIGHT = 800


class Screens:
    """Those that nobody sits before, and as many new ones as are asked for."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._free: list[Clerk] = []

    @asynccontextmanager
    async def sitting(self, address: str) -> AsyncIterator[Sit]:
        """Before a portal. With words about the browser one gets a screen that nobody had, and nobody gets then."""
        plain, special = list[Clerk](), list[Clerk]()

        async def down(email: str = "", width: int = 1280, **more: Any) -> Clerk:
            person = self._free.pop() if self._free and not more else await self._new(**more)
            (special if more else plain).append(person)
            person.address = address
            person.wrong.clear()
            person.page.context.set_default_timeout(Patience.ms)
            await person.page.set_viewport_size({"width": width, "height": HEIGHT})
            if email:
                await person.sign_in(email)
            return person

        yield down
        for person in special:
            await person.page.context.close()
        for person in plain:
            await self._leave(person)

    async def _new(self, **more: Any) -> Clerk:
        context = await self._browser.new_context(**more)
        context.set_default_timeout(Patience.ms)
        return Clerk(await context.new_page(), "")

    async def _leave(self, person: Clerk) -> None:
        """With nothing that the portal may have put into the browser; what it showed stays behind the button "back"."""
        for page in person.page.context.pages:
            if page != person.page:
                await page.close()
        person.page.context.set_default_timeout(Patience.ms)
        await person.page.goto("about:blank")
        await person.page.context.clear_cookies()
        client = await person.page.context.new_cdp_session(person.page)
        await client.send("Storage.clearDataForOrigin", {"origin": person.address, "storageTypes": "all"})
        await client.detach()
        self._free.append(person)
