"""Broadcasts that are paused by themselves say why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0071"
down_revision = "0070"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Those that are paused now were paused by somebody."""
    op.add_column("broadcasts", sa.Column("paused_why", sa.Text(), server_default="", nullable=False))
