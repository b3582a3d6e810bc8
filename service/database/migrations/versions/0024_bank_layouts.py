"""How banks' files are read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """No file has said it yet."""
    op.create_table(
        "bank_layouts",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bank", sa.Text(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("date_order", sa.Text(), nullable=False),
        sa.Column("decimal_mark", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("date_order IN ('ymd', 'dmy', 'mdy')", name=op.f("ck_bank_layouts_date_order")),
        sa.CheckConstraint("decimal_mark IN ('.', ',')", name=op.f("ck_bank_layouts_decimal_mark")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_bank_layouts_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_layouts")),
        sa.UniqueConstraint("account_id", "bank", name=op.f("uq_bank_layouts_account_id_bank")),
        sqlite_autoincrement=True,
    )
