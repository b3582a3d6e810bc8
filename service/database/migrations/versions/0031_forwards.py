"""Whether redirections of trunks and devices are followed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """They are not."""
    for table in ("trunks", "devices"):
        with op.batch_alter_table(table) as altered:
            altered.add_column(sa.Column("forwards", sa.Boolean(), server_default=sa.false(), nullable=False))
