"""Dunning: what sellers do about invoices that aren't paid."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes them."""
    op.create_table(
        "dunning_terms",
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_dunning_terms_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_dunning_terms")),
    )
    op.create_table(
        "dunning_steps",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("days", sa.BigInteger(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("currency", sa.Text(), server_default="", nullable=False),
        sa.Column("percent_millionths", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("(amount_micros > 0) = (currency <> '')", name=op.f("ck_dunning_steps_currency")),
        sa.CheckConstraint(
            "CASE WHEN kind = 'fee' THEN (amount_micros > 0) <> (percent_millionths > 0) "
            "ELSE amount_micros = 0 AND percent_millionths = 0 END",
            name=op.f("ck_dunning_steps_fee"),
        ),
        sa.CheckConstraint("kind = 'reminder' OR days >= 0", name=op.f("ck_dunning_steps_after")),
        sa.CheckConstraint("kind IN ('reminder', 'fee', 'bar')", name=op.f("ck_dunning_steps_kind")),
        sa.CheckConstraint("amount_micros >= 0", name=op.f("ck_dunning_steps_amount_micros")),
        sa.CheckConstraint("days BETWEEN -365 AND 365", name=op.f("ck_dunning_steps_days")),
        sa.CheckConstraint(
            "percent_millionths BETWEEN 0 AND 100000000", name=op.f("ck_dunning_steps_percent_millionths")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["dunning_terms.account_id"], name=op.f("fk_dunning_steps_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dunning_steps")),
        sa.UniqueConstraint(
            "account_id", "kind", "days", "currency", name=op.f("uq_dunning_steps_account_id_kind_days_currency")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "dunning_exemptions",
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_dunning_exemptions_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_dunning_exemptions")),
    )
    op.create_table(
        "dunning_actions",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("invoice_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("days", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), server_default="done", nullable=False),
        sa.Column("open_micros", sa.BigInteger(), nullable=False),
        sa.Column("fee_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.Column("done_ms", sa.BigInteger(), nullable=False),
        sa.Column("lifted_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("kind IN ('reminder', 'fee', 'bar')", name=op.f("ck_dunning_actions_kind")),
        sa.CheckConstraint("outcome IN ('done', 'passed')", name=op.f("ck_dunning_actions_outcome")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_dunning_actions_currency")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_dunning_actions_account_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_dunning_actions_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dunning_actions")),
        sa.UniqueConstraint("invoice_id", "kind", "days", name=op.f("uq_dunning_actions_invoice_id_kind_days")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_dunning_actions_account_id_kind"), "dunning_actions", ["account_id", "kind"], unique=False)
