"""What is chosen in a form decides what its other fields offer: they are offered anew, and what was typed stays."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.portal.desk import Sit

ADMIN = "admin@op.example"

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_roles_are_those_of_the_account_that_is_chosen(sit: Sit) -> None:
    """An Admin gives nobody of the operator all that it may, but a customer's people all that that may."""
    admin = await sit(ADMIN)
    await admin.menu_to("/users")
    await admin.follow("Invite a user")
    owner = admin.main.get_by_label("Owner", exact=True)
    await expect(owner).to_have_count(0)
    await expect(admin.page.locator("#role_ids-hint")).to_contain_text("what you may not yourself")
    await admin.fill(email="cleo@chosen.example", name="Cleo", account_id="customer")
    await expect(owner).to_have_count(1)
    await admin.fill(name="Cleo Cup")  # typed meanwhile or later, it stays
    await expect(admin.page.locator("#email")).to_have_value("cleo@chosen.example")
    await expect(admin.page.locator("#name")).to_have_value("Cleo Cup")
    await expect(admin.page.locator("#account_id option:checked")).to_have_text("customer")
    await admin.check()
    await owner.check()
    await admin.press("Invite")
    await admin.reads("/password?link=")


async def test_what_was_taken_off_stays_off(sit: Sit) -> None:
    """A tick that most want isn't set again; tariffs are those that are sold above the chosen parent."""
    boss = await sit("boss@op.example")
    await boss.menu_to("/accounts")
    await boss.follow("New account")
    tariffs = boss.page.locator("#tariff_id option")
    await expect(tariffs.filter(has_text="retail (lower)")).to_have_count(0)
    await boss.fill(name="Friend", cut_on_suspend=False, parent_id="lower")
    await expect(tariffs.filter(has_text="lower")).to_have_count(1)
    assert not await boss.page.locator("#cut_on_suspend").is_checked()
    await expect(boss.page.locator("#name")).to_have_value("Friend")
    await boss.press("Make")
    await expect(boss.page.locator("h1")).to_have_text("Friend")
    await boss.check()


async def test_without_scripts_a_button_shows_what_can_be_chosen(sit: Sit) -> None:
    """Nothing is made by it; what was typed stays, but for a password, and no address has one."""
    boss = await sit("boss@op.example", java_script_enabled=False)
    await boss.page.goto(f"{boss.address}/accounts/new?kind=customer")
    await expect(boss.page.locator("select#kind")).to_have_count(0)
    tariffs = boss.page.locator("#tariff_id option")
    await expect(tariffs.filter(has_text="retail (lower)")).to_have_count(0)
    await boss.fill(name="Plain friend", cut_on_suspend=False, parent_id="lower")
    await boss.press("Show what can be chosen with it")
    await expect(tariffs.filter(has_text="lower")).to_have_count(1)
    await expect(boss.page.locator("#name")).to_have_value("Plain friend")
    assert not await boss.page.locator("#cut_on_suspend").is_checked()
    await boss.fill(tariff_id="retail (lower)")
    await boss.press("Make")
    await expect(boss.page.locator("h1")).to_have_text("Plain friend")
    await boss.reads("customer", "lower")
    await boss.page.goto(f"{boss.address}/devices/new")
    await boss.fill(account_id="customer", password="the telephone has it")
    await boss.press("Show what can be chosen with it")
    assert "telephone" not in boss.page.url
    await expect(boss.page.locator("#password")).to_have_value("")


async def test_an_admin_makes_a_resellers_first_user_its_owner(sit: Sit) -> None:
    """All that a reseller may, an Admin may give."""
    admin = await sit(ADMIN)
    await admin.menu_to("/users")
    await admin.follow("Invite a user")
    await admin.fill(email="first@upper.example", name="First", account_id="upper")
    await admin.main.get_by_label("Owner", exact=True).check()
    await admin.press("Invite")
    await admin.reads("/password?link=")
