"""Notices of rates say which trunks, devices and numbers they are for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0055"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Those that wait name the account, as they did when they were planned."""
    op.create_table(
        "rate_notice_things",
        sa.Column("notice_id", _ID, autoincrement=False, nullable=False),
        sa.Column("noun", sa.Text(), nullable=False),
        sa.Column("thing_id", _ID, autoincrement=False, nullable=False),
        sa.CheckConstraint("noun IN ('trunk', 'device', 'number')", name=op.f("ck_rate_notice_things_noun")),
        sa.ForeignKeyConstraint(["notice_id"], ["rate_notices.id"], name=op.f("fk_rate_notice_things_notice_id")),
        sa.PrimaryKeyConstraint("notice_id", "noun", "thing_id", name=op.f("pk_rate_notice_things")),
    )
