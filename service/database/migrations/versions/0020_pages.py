"""Prepaid customers see their invoices and receipts too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of the role that is built in; where the operator keeps it from payments, it stays without."""
    let_read(op.get_bind())


def let_read(conn: sa.Connection) -> None:
    """Gives the right."""
    roles = sa.table("roles", sa.column("id"), sa.column("built_in"), sa.column("permissions", sa.JSON))
    for row in conn.execute(sa.select(roles).where(roles.c.built_in == "prepaid_customer")).all():
        if "payments.read" in row.permissions:
            permissions = sorted({*row.permissions, "invoices.read"})
            conn.execute(sa.update(roles).where(roles.c.id == row.id).values(permissions=permissions))
