"""Commissions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.database.triggers import allow

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes them."""
    op.create_table(
        "commission_carries",
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seller_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("remainder", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("remainder BETWEEN 0 AND 99999999", name=op.f("ck_commission_carries_remainder")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_commission_carries_account_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["accounts.id"], name=op.f("fk_commission_carries_seller_id")),
        sa.PrimaryKeyConstraint("account_id", "seller_id", "currency", name=op.f("pk_commission_carries")),
    )
    op.create_table(
        "commission_payouts",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seller_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("handed_out", sa.Text(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("remainder", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("handed_out IN ('credit', 'pay_out')", name=op.f("ck_commission_payouts_handed_out")),
        sa.CheckConstraint("amount_micros >= 1", name=op.f("ck_commission_payouts_amount_micros")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_commission_payouts_currency")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_commission_payouts_account_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_commission_payouts_entry_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["accounts.id"], name=op.f("fk_commission_payouts_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commission_payouts")),
        sa.UniqueConstraint(
            "account_id",
            "seller_id",
            "currency",
            "until_ms",
            name=op.f("uq_commission_payouts_account_id_seller_id_currency_until_ms"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "commission_rules",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("service", sa.Text(), server_default="", nullable=False),
        sa.Column("tariff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("destination_group", sa.Text(), server_default="", nullable=False),
        sa.Column("percent_millionths", sa.BigInteger(), nullable=False),
        sa.Column("share_of", sa.Text(), server_default="charge", nullable=False),
        sa.Column("valid_from_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("valid_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "service IN ('', 'calls', 'messages', 'subscription', 'package', 'rental', 'setup', 'fee', 'adjustment')",
            name=op.f("ck_commission_rules_service"),
        ),
        sa.CheckConstraint("share_of IN ('charge', 'above')", name=op.f("ck_commission_rules_share_of")),
        sa.CheckConstraint(
            "percent_millionths BETWEEN 0 AND 100000000", name=op.f("ck_commission_rules_percent_millionths")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_commission_rules_account_id")),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_commission_rules_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commission_rules")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_commission_rules_account_id"), "commission_rules", ["account_id"], unique=False)

    op.create_table(
        "commission_terms",
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("cycle", sa.Text(), server_default="monthly", nullable=False),
        sa.Column("cycle_day", sa.Integer(), server_default="1", nullable=False),
        sa.Column("zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("handed_out", sa.Text(), server_default="credit", nullable=False),
        sa.Column("anchor_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "cycle IN ('daily', 'weekly', 'two_weekly', 'half_monthly', 'monthly')",
            name=op.f("ck_commission_terms_cycle"),
        ),
        sa.CheckConstraint("handed_out IN ('credit', 'pay_out')", name=op.f("ck_commission_terms_handed_out")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_commission_terms_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_commission_terms")),
    )
    op.create_index(op.f("ix_commission_terms_due_ms"), "commission_terms", ["due_ms"], unique=False)

    op.create_table(
        "commissions",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seller_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("cdr_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("level", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reference_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rule_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("percent_millionths", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("base_micros", sa.BigInteger(), nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.Column("remainder", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("payout_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint(
            "source IN ('call', 'item', 'correction', 'credit_note')", name=op.f("ck_commissions_source")
        ),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_commissions_currency")),
        sa.CheckConstraint("remainder BETWEEN 0 AND 99999999", name=op.f("ck_commissions_remainder")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_commissions_account_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_commissions_entry_id")),
        sa.ForeignKeyConstraint(["payout_id"], ["commission_payouts.id"], name=op.f("fk_commissions_payout_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["accounts.id"], name=op.f("fk_commissions_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commissions")),
        sa.UniqueConstraint(
            "account_id",
            "source",
            "cdr_id",
            "level",
            "reference_id",
            name=op.f("uq_commissions_account_id_source_cdr_id_level_reference_id"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_commissions_account_id_payout_id_at_ms"),
        "commissions",
        ["account_id", "payout_id", "at_ms"],
        unique=False,
    )
    op.create_index(op.f("ix_commissions_cdr_id_level"), "commissions", ["cdr_id", "level"], unique=False)

    allow(op.get_bind(), "entries", "kind", "commission", "payout")
    allow(op.get_bind(), "postings", "book", "commission")
    allow(op.get_bind(), "book_balances", "book", "commission")
