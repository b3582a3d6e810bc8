"""Somebody at work: clicks on what is named, fills what has a name, reads what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from playwright.async_api import Locator, expect

from tests.portal.browser import Person


class Clerk(Person):
    """Goes nowhere by an address: from the menu on, by what the pages offer."""

    @property
    def main(self) -> Locator:
        """What the page says."""
        return self.page.locator("main")

    async def menu_to(self, path: str) -> None:
        """A line of the menu."""
        await self.page.click(f'#menu a[href="{path}"]')

    async def open(self, name: str) -> None:
        """A thing of the list at hand, by its name."""
        await self.page.locator("#results").get_by_role("link", name=name, exact=True).first.click()

    async def follow(self, name: str) -> None:
        """A link of the page."""
        await self.main.get_by_role("link", name=name, exact=True).first.click()

    async def edit(self, section: str) -> None:
        """The link beside a heading: its form stands there then."""
        await (
            self.main.get_by_role("link", name=f"Edit : {section}")
            .or_(
                self.main.locator(
                    "section", has=self.page.get_by_role("heading", name=section, exact=True)
                ).get_by_role("link", name="Edit")
            )
            .first.click()
        )

    async def fill(self, **fields: str | bool) -> None:
        """By the fields' numbers in the page; of a choice what is written there."""
        for name, value in fields.items():
            field = self.page.locator(f"#{name.replace('__', '-')}")
            if isinstance(value, bool):
                await field.set_checked(value)
            elif await field.evaluate("one => one.tagName") == "SELECT":
                await field.select_option(label=value)
            else:
                await field.fill(value)

    async def press(self, name: str) -> None:
        """A button."""
        await self.main.get_by_role("button", name=name, exact=True).first.click()

    async def reads(self, *words: str) -> None:
        """They stand in the page, sooner or later."""
        for one in words:
            await expect(self.main).to_contain_text(one)

    async def sees_no(self, *words: str) -> None:
        """They don't."""
        for one in words:
            await expect(self.main).not_to_contain_text(one)

    async def lacks(self, *links: str) -> None:
        """The page at hand offers none of it."""
        for one in links:
            await expect(self.main.get_by_role("link", name=one, exact=True)).to_have_count(0)

    async def profile_to(self, name: str) -> None:
        """What stands below one's own name."""
        await self.page.click(".kb-user")
        await self.page.locator(".dropdown-menu.show").get_by_text(name, exact=True).click()

    async def leaves(self) -> None:
        """Signs out by the menu of the person."""
        await self.profile_to("Sign out")
        await expect(self.page.locator("h1")).to_have_text("Sign in")


Sit = Callable[..., Awaitable[Clerk]]
"""Somebody sits down before a screen of their own; with an address, signed in."""
