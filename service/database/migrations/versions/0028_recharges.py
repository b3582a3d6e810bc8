"""Automatic recharges."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody wants any yet."""
    op.create_table(
        "recharges",
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("gateway_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("threshold_micros", sa.BigInteger(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("month_micros", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="asked", nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), server_default="", nullable=False),
        sa.Column("method", sa.Text(), server_default="", nullable=False),
        sa.Column("fault", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("state <> 'on' OR method <> ''", name=op.f("ck_recharges_method")),
        sa.CheckConstraint("state IN ('asked', 'on', 'off')", name=op.f("ck_recharges_state")),
        sa.CheckConstraint("amount_micros >= 1", name=op.f("ck_recharges_amount_micros")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_recharges_currency")),
        sa.CheckConstraint("month_micros >= amount_micros", name=op.f("ck_recharges_month_micros")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_recharges_account_id")),
        sa.ForeignKeyConstraint(["gateway_id"], ["payment_gateways.id"], name=op.f("fk_recharges_gateway_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_recharges")),
        sa.UniqueConstraint("reference", name=op.f("uq_recharges_reference")),
    )
    op.create_table(
        "recharge_tasks",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("top_up_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("declines", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_ms", sa.BigInteger(), nullable=False),
        sa.Column("claimed_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fault", sa.Text(), server_default="", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'asked', 'done', 'failed')", name=op.f("ck_recharge_tasks_state")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_recharge_tasks_account_id")),
        sa.ForeignKeyConstraint(["top_up_id"], ["top_ups.id"], name=op.f("fk_recharge_tasks_top_up_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recharge_tasks")),
        sa.UniqueConstraint("top_up_id", name=op.f("uq_recharge_tasks_top_up_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_recharge_tasks_account_id_id"), "recharge_tasks", ["account_id", "id"], unique=False)
    op.create_index(op.f("ix_recharge_tasks_state_next_ms"), "recharge_tasks", ["state", "next_ms"], unique=False)

    with op.batch_alter_table("payment_gateways") as gateways:  # a column alone: SQLite copies no row
        gateways.add_column(sa.Column("api_key", sa.Text(), server_default="", nullable=False))
