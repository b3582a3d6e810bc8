"""Receipts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.database.triggers import make_append_only

revision = "0017"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Payments of before have none."""
    op.create_table(
        "receipt_numberings",
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("prefix", sa.Text(), server_default="", nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("restarts_yearly", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("next_number", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("year", sa.Integer(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("next_number >= 1", name=op.f("ck_receipt_numberings_next_number")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_receipt_numberings_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_receipt_numberings")),
    )
    op.create_table(
        "receipt_wishes",
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("mailed", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("mailed IN ('all', 'gateways', 'none')", name=op.f("ck_receipt_wishes_mailed")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_receipt_wishes_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_receipt_wishes")),
    )
    op.create_table(
        "receipts",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("seller_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("paid", sa.JSON(), nullable=False),
        sa.Column("seller", sa.JSON(), nullable=False),
        sa.Column("buyer", sa.JSON(), nullable=False),
        sa.Column("issued_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_micros >= 1", name=op.f("ck_receipts_amount_micros")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_receipts_currency")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_receipts_account_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_receipts_entry_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["accounts.id"], name=op.f("fk_receipts_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_receipts_entry_id")),
        sa.UniqueConstraint("seller_id", "number", name=op.f("uq_receipts_seller_id_number")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_receipts_account_id_id"), "receipts", ["account_id", "id"], unique=False)

    make_append_only(op.get_bind(), "receipts")
