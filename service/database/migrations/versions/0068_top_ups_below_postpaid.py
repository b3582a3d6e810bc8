"""Postpaid resellers may pay in, so that those below them may."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0068"
down_revision = "0067"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The role that is built in."""
    let_pay_in(op.get_bind())


def let_pay_in(conn: sa.Connection) -> None:
    """Unless the operator has kept it from looking at payments."""
    roles = sa.table("roles", sa.column("id"), sa.column("built_in"), sa.column("permissions", sa.JSON))
    for row in conn.execute(sa.select(roles).where(roles.c.built_in == "postpaid_reseller")).all():
        if "payments.read" in row.permissions:
            permissions = sorted({*row.permissions, "payments.top_up"})
            conn.execute(sa.update(roles).where(roles.c.id == row.id).values(permissions=permissions))
