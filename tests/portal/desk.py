"""Somebody at work: clicks on what is named, fills what has a name, reads what came of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Locator, expect

from tests.portal.browser import Person
from tests.service.office import PASSWORD


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

    async def finds(self, field: str, text: str) -> None:
        """Looks for the one thing of the list at hand while typing, and opens it."""
        await self.page.locator(f"#filter-{field}").press_sequentially(text)
        await expect(self.page.locator("#results tbody tr")).to_have_count(1)
        await self.open(text)
        await expect(self.page.locator("h1")).to_have_text(text)

    async def find_account(self, name: str) -> None:
        """From the menu to its page."""
        await self.menu_to("/accounts")
        await self.finds("name", name)

    async def find_user(self, email: str) -> None:
        """From the menu to their page."""
        await self.menu_to("/users")
        await self.finds("email", email)

    async def new_account(self, name: str, kind: str, *, below: str, **more: str | bool) -> None:
        """From the list of accounts to its page."""
        await self.menu_to("/accounts")
        await self.follow("New account")
        await self.fill(parent_id=below, name=name, kind=kind, **more)
        await self.press("Make")
        await expect(self.page.locator("h1")).to_have_text(name)

    async def invite(self, account: str, email: str, *roles: str) -> str:
        """The path of the link that opens the door for the first time. Of one account it isn't asked which."""
        await self.menu_to("/users")
        await self.follow("Invite a user")
        await self.fill(**({"account_id": account} if account else {}), email=email, name=email.partition("@")[0])
        for role in roles:
            await self.main.get_by_label(role, exact=True).check()
        await self.press("Invite")
        await self.reads("/password?link=")
        link = re.search(r"/password\?link=\S+", await self.main.inner_text())
        assert link is not None
        return link.group()

    async def accept(self, link: str, email: str) -> None:
        """An invitation, with the password that everybody has here."""
        await self.go(link)
        await self.page.fill("#password", PASSWORD)
        await self.page.keyboard.press("Enter")
        await expect(self.page.locator("h1")).to_have_text("Sign in")
        await self.sign_in(email)

    async def saves(self, name: str) -> Path:
        """The file behind a link; a paper is printed first. Its link changes colours then."""
        async with self.page.expect_download() as saving:
            link = self.main.get_by_role("link", name=name, exact=True).first
            await link.click()
        return await (await saving.value).path()

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
