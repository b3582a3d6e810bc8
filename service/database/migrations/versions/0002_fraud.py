"""Limits and fraud control."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes them."""
    op.create_table(
        "risk_ranges",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefixes", sa.JSON(), nullable=False),
        sa.Column("open_through", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_risk_ranges")),
        sa.UniqueConstraint("name", name=op.f("uq_risk_ranges_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "alarms",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("trunk_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("gateway_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("limit_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("pattern_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("raised_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lifted_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lifted_by", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("action IN ('warn', 'block', 'suspend')", name=op.f("ck_alarms_action")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_alarms_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarms")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_alarms_account_id_id"), "alarms", ["account_id", "id"], unique=False)
    op.create_index(op.f("ix_alarms_lifted_ms_until_ms"), "alarms", ["lifted_ms", "until_ms"], unique=False)
    op.create_table(
        "risk_choices",
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("range_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_risk_choices_account_id")),
        sa.ForeignKeyConstraint(
            ["range_id"], ["risk_ranges.id"], name=op.f("fk_risk_choices_range_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "range_id", name=op.f("pk_risk_choices")),
    )
    op.create_table(
        "call_limits",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("trunk_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("destinations", sa.Text(), server_default="", nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("set_by", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("action IN ('warn', 'block', 'suspend')", name=op.f("ck_call_limits_action")),
        sa.CheckConstraint(
            "measure IN ('spend', 'minutes', 'calls', 'destinations', 'first_call')",
            name=op.f("ck_call_limits_measure"),
        ),
        sa.CheckConstraint("period IN ('hour', 'day', 'call')", name=op.f("ck_call_limits_period")),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_call_limits_amount")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_call_limits_account_id")),
        sa.ForeignKeyConstraint(["trunk_id"], ["trunks.id"], name=op.f("fk_call_limits_trunk_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_limits")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_call_limits_account_id"), "call_limits", ["account_id"], unique=False)
    op.create_table(
        "call_patterns",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("trunk_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("gateway_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("window_s", sa.BigInteger(), nullable=False),
        sa.Column("calls_min", sa.BigInteger(), nullable=False),
        sa.Column("percent", sa.BigInteger(), nullable=False),
        sa.Column("shorter_ms", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("set_by", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("alarmed_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("action IN ('warn', 'block', 'suspend')", name=op.f("ck_call_patterns_action")),
        sa.CheckConstraint(
            "kind IN ('short_calls', 'ring_only', 'false_answers', 'sequential')", name=op.f("ck_call_patterns_kind")
        ),
        sa.CheckConstraint("calls_min >= 1", name=op.f("ck_call_patterns_calls_min")),
        sa.CheckConstraint("trunk_id IS NULL OR gateway_id IS NULL", name=op.f("ck_call_patterns_place")),
        sa.CheckConstraint("window_s >= 60", name=op.f("ck_call_patterns_window_s")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_call_patterns_account_id")),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.id"], name=op.f("fk_call_patterns_gateway_id")),
        sa.ForeignKeyConstraint(["trunk_id"], ["trunks.id"], name=op.f("fk_call_patterns_trunk_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_patterns")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_call_patterns_account_id"), "call_patterns", ["account_id"], unique=False)
    op.create_table(
        "number_filters",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("trunk_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("digits", sa.Text(), nullable=False),
        sa.Column("whole", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("set_by", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('allow', 'block')", name=op.f("ck_number_filters_kind")),
        sa.CheckConstraint("subject IN ('caller', 'called')", name=op.f("ck_number_filters_subject")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_number_filters_account_id")),
        sa.ForeignKeyConstraint(["trunk_id"], ["trunks.id"], name=op.f("fk_number_filters_trunk_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_number_filters")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_number_filters_account_id"), "number_filters", ["account_id"], unique=False)
    op.add_column("accounts", sa.Column("suspended_for", sa.Text(), server_default="", nullable=False))
    op.create_index(op.f("ix_cdrs_gateway_id_end_ms"), "cdrs", ["gateway_id", "end_ms"], unique=False)
    op.create_index(op.f("ix_cdrs_trunk_id_end_ms"), "cdrs", ["trunk_id", "end_ms"], unique=False)
    op.add_column("gateways", sa.Column("suspended_for", sa.Text(), server_default="", nullable=False))
    op.add_column("trunks", sa.Column("suspended_for", sa.Text(), server_default="", nullable=False))
