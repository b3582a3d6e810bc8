"""Indices by which calls with an outcome that hardly any call of somebody has are found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Three of them: of callers, of providers, of owners of numbers that were called."""
    for column, only in (
        ("account_id", ""),
        ("cost_account_id", "cost_account_id IS NOT NULL"),
        ("owner_id", "owner_id <> 0"),
    ):
        where = sa.text(only) if only else None
        op.create_index(
            op.f(f"ix_cdrs_{column}_outcome_start_ms"),
            "cdrs",
            [column, "outcome", "start_ms"],
            sqlite_where=where,
            postgresql_where=where,
        )
