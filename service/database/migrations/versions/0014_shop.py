"""Products that accounts take themselves, and the right to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_BUYERS = ("admin", "prepaid_reseller", "postpaid_reseller", "prepaid_customer", "postpaid_customer")


def upgrade() -> None:
    """Nothing is offered yet."""
    with op.batch_alter_table("products") as products:
        products.add_column(sa.Column("offered", sa.Boolean(), server_default=sa.false(), nullable=False))
    let_buy(op.get_bind())


def let_buy(conn: sa.Connection) -> None:
    """Roles that are built in. Those that the operator has kept from looking at products stay without."""
    roles = sa.table("roles", sa.column("id"), sa.column("built_in"), sa.column("permissions", sa.JSON))
    for row in conn.execute(sa.select(roles).where(roles.c.built_in.in_(_BUYERS))).all():
        if "products.read" in row.permissions:
            permissions = sorted({*row.permissions, "products.subscribe"})
            conn.execute(sa.update(roles).where(roles.c.id == row.id).values(permissions=permissions))
