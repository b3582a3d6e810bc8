"""Refunds at gateways one by one, so that those that failed can be taken from them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0073"
down_revision = "0072"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was told before is totals and disputes."""
    op.add_column("gateway_returns", sa.Column("refund", sa.Text(), server_default="", nullable=False))
