"""What an Admin may give on: all that a reseller may, whose first user it invites."""

from __future__ import annotations

import pytest

from service.access.permissions import ALL, BUILT_IN
from tests.service.office import Office


@pytest.mark.parametrize("billing", ["prepaid", "postpaid"])
async def test_an_admin_gives_a_resellers_first_user_all_that_the_reseller_may(office: Office, billing: str) -> None:
    """The role Owner; and may log in as that one, with what both may."""
    admin = await office.hire(office.boss, 1, "ada@op.example", [office.roles["admin"]])
    seller = await office.account(admin, 1, "seller", "reseller", billing=billing)
    owner = await office.hire(admin, seller, "owner@seller.example", [office.roles["owner"]])
    assert "users.impersonate" in (await owner.do("me.show"))["permissions"]
    await admin.do("user.impersonate", user_id=owner.user["id"])
    refused = await admin.ask("user.impersonate", user_id=office.boss.user["id"])
    assert refused.status in {403, 404}


def test_of_what_there_is_an_admin_lacks_the_settings_alone() -> None:
    """So that no reseller may what it may not."""
    admin = next(role for role in BUILT_IN if role.key == "admin")
    assert {one.value for one in ALL - admin.permissions} == {"settings.change"}
