"""What an Admin may give on: all that a reseller may, whose first user it invites."""

from __future__ import annotations

import importlib

import pytest
import sqlalchemy as sa

from service.access.permissions import ALL, BUILT_IN
from tests.service.office import Office

UPGRADE = importlib.import_module("service.database.migrations.versions.0070_admins_log_in_as")


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


@pytest.mark.parametrize(
    ("role", "before", "has"),
    [("admin", ["users.change"], True), ("admin", ["users.read"], False), ("support", ["users.change"], False)],
)
def test_an_older_ledger_lets_them_too(role: str, before: list[str], *, has: bool) -> None:
    """The one role alone, unless the operator has kept it from changing users."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as conn:
        conn.execute(sa.text("CREATE TABLE roles (id INTEGER PRIMARY KEY, built_in TEXT, permissions JSON)"))
        roles = sa.table("roles", sa.column("id"), sa.column("built_in"), sa.column("permissions", sa.JSON))
        conn.execute(sa.insert(roles).values(id=1, built_in=role, permissions=before))
        UPGRADE.let_log_in(conn)
        found = conn.execute(sa.select(roles.c.permissions)).scalar_one()
    assert ("users.impersonate" in found) is has
    assert set(found) - {"users.impersonate"} == set(before)
