"""Whose redirections are followed, and callers who ask not to be shown."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody's; of calls before nobody knows."""
    with op.batch_alter_table("gateways") as gateways:
        gateways.add_column(sa.Column("redirects", sa.Text(), server_default="off", nullable=False))
        gateways.add_column(sa.Column("redirect_hosts", sa.JSON(), server_default="[]", nullable=False))
        gateways.create_check_constraint(op.f("ck_gateways_redirects"), "redirects IN ('off', 'follow')")
    # Not in a batch: on SQLite that would copy every call.
    op.add_column("cdrs", sa.Column("private", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("cdrs", sa.Column("withheld", sa.Text(), server_default="", nullable=False))
