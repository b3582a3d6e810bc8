"""Notices to an account that pays by another tariff from now on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Those that stand are for all who pay by the tariff."""
    with op.batch_alter_table("rate_notices") as altered:
        altered.add_column(sa.Column("payer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        altered.create_foreign_key("fk_rate_notices_payer_id", "accounts", ["payer_id"], ["id"])
        altered.create_index("ix_rate_notices_payer_id", ["payer_id"])
