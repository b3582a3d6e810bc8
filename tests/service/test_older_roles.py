"""What a built-in role of an older ledger may after an upgrade: what is new too, unless it was kept away from that."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import pytest
import sqlalchemy as sa

VERSIONS = "service.database.migrations.versions"
let_pay_in: Callable[[sa.Connection], None] = importlib.import_module(
    f"{VERSIONS}.0068_top_ups_below_postpaid"
).let_pay_in
let_log_in: Callable[[sa.Connection], None] = importlib.import_module(f"{VERSIONS}.0070_admins_log_in_as").let_log_in


@pytest.mark.parametrize(
    ("upgrade", "new", "role", "before", "has"),
    [
        (let_pay_in, "payments.top_up", "postpaid_reseller", "payments.read", True),
        (let_pay_in, "payments.top_up", "postpaid_reseller", "accounts.read", False),
        (let_pay_in, "payments.top_up", "postpaid_customer", "payments.read", False),
        (let_log_in, "users.impersonate", "admin", "users.change", True),
        (let_log_in, "users.impersonate", "admin", "users.read", False),
        (let_log_in, "users.impersonate", "support", "users.change", False),
    ],
)
def test_the_one_role_may_what_is_new_beside_what_it_could(
    upgrade: Callable[[sa.Connection], None], new: str, role: str, before: str, *, has: bool
) -> None:
    """Paying in for who looks at payments; logging in as others for who changes users."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as conn:
        conn.execute(sa.text("CREATE TABLE roles (id INTEGER PRIMARY KEY, built_in TEXT, permissions JSON)"))
        roles = sa.table("roles", sa.column("id"), sa.column("built_in"), sa.column("permissions", sa.JSON))
        conn.execute(sa.insert(roles).values(id=1, built_in=role, permissions=[before]))
        upgrade(conn)
        found = conn.execute(sa.select(roles.c.permissions)).scalar_one()
    assert set(found) == ({before, new} if has else {before})
