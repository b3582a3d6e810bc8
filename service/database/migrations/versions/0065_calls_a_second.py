"""Calls a second of each number."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0065"
down_revision = "0064"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Any number."""
    with op.batch_alter_table("numbers") as numbers:
        numbers.add_column(sa.Column("cps", sa.Integer(), nullable=True))
        numbers.create_check_constraint(op.f("ck_numbers_cps"), "cps >= 1")
