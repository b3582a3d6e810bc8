"""What statements between carriers say on paper."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Those that were issued before have none: they are printed as both sides are known today."""
    with op.batch_alter_table("statements") as statements:  # a column alone: SQLite copies no row, and keeps triggers
        statements.add_column(sa.Column("paper", sa.JSON(), nullable=True))
