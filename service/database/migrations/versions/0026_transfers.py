"""Whose transfers trunks and devices take part in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody's."""
    for table in ("trunks", "devices"):
        with op.batch_alter_table(table) as altered:
            altered.add_column(sa.Column("transfers", sa.Text(), server_default="off", nullable=False))
            altered.create_check_constraint(op.f(f"ck_{table}_transfers"), "transfers IN ('off', 'account', 'anyone')")
