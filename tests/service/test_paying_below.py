"""Who pays in below whom: nobody below may what an account above may not, and how that one is billed is no reason."""

from __future__ import annotations

import importlib

import pytest
import sqlalchemy as sa

from tests.service.office import Office

UPGRADE = importlib.import_module("service.database.migrations.versions.0068_top_ups_below_postpaid")


@pytest.mark.parametrize("billing", ["prepaid", "postpaid"])
@pytest.mark.parametrize("commission", [False, True])
async def test_a_prepaid_customer_pays_in_however_its_seller_is_billed(
    office: Office, billing: str, *, commission: bool
) -> None:
    """By vouchers and at the seller's gateway; its first user is invited by the reseller's own people."""
    seller = await office.account(office.boss, 1, "seller", "reseller", billing=billing, commission=commission)
    dan = await office.hire(office.boss, seller, "dan@seller.example", [office.roles["owner"]])
    customer = await office.account(dan, seller, "customer", "customer")
    cleo = await office.hire(dan, customer, "cleo@customer.example", [office.roles["owner"]])
    assert "payments.top_up" in (await cleo.do("me.show"))["permissions"]
    used = await cleo.ask("voucher.use", account_id=customer, code="AAAA-BBBB-CCCC")
    assert used.status == 409  # it may, and the code is wrong


@pytest.mark.parametrize(
    ("role", "before", "has"),
    [
        ("postpaid_reseller", ["payments.read"], True),
        ("postpaid_reseller", ["accounts.read"], False),
        ("postpaid_customer", ["payments.read"], False),
    ],
)
def test_an_older_ledger_lets_them_too(role: str, before: list[str], *, has: bool) -> None:
    """The one role alone, unless the operator has kept it from looking at payments."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as conn:
        conn.execute(sa.text("CREATE TABLE roles (id INTEGER PRIMARY KEY, built_in TEXT, permissions JSON)"))
        roles = sa.table("roles", sa.column("id"), sa.column("built_in"), sa.column("permissions", sa.JSON))
        conn.execute(sa.insert(roles).values(id=1, built_in=role, permissions=before))
        UPGRADE.let_pay_in(conn)
        found = conn.execute(sa.select(roles.c.permissions)).scalar_one()
    assert ("payments.top_up" in found) is has
    assert set(found) - {"payments.top_up"} == set(before)
