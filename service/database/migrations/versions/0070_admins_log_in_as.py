"""Admins may log in as users below, so that they can give a reseller's people all that the reseller may."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0070"
down_revision = "0069"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The role that is built in."""
    let_log_in(op.get_bind())


def let_log_in(conn: sa.Connection) -> None:
    """Unless the operator has kept it from changing users."""
    roles = sa.table("roles", sa.column("id"), sa.column("built_in"), sa.column("permissions", sa.JSON))
    for row in conn.execute(sa.select(roles).where(roles.c.built_in == "admin")).all():
        if "users.change" in row.permissions:
            permissions = sorted({*row.permissions, "users.impersonate"})
            conn.execute(sa.update(roles).where(roles.c.id == row.id).values(permissions=permissions))
