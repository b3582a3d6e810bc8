"""Who pays in below whom: nobody below may what an account above may not, and how that one is billed is no reason."""

from __future__ import annotations

import pytest

from tests.service.office import Office


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
