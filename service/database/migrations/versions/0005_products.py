"""Products, subscriptions, packages, and what calls take of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.database.triggers import allow

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes them; calls say what packages paid, and operations may be fees."""
    op.create_table(
        "products",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("price_micros", sa.BigInteger(), nullable=False),
        sa.Column("setup_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("anchor", sa.Text(), server_default="start", nullable=False),
        sa.Column("day", sa.Integer(), server_default="1", nullable=False),
        sa.Column("zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("first_period", sa.Text(), server_default="full", nullable=False),
        sa.Column("refund", sa.Text(), server_default="none", nullable=False),
        sa.Column("renews", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("forced", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("without_funds", sa.Text(), server_default="suspend", nullable=False),
        sa.Column("retry_days", sa.BigInteger(), server_default="7", nullable=False),
        sa.Column("money", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("amount", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("groups", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("tariff_ids", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("covers_fees", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rollover_periods", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("(kind = 'package') = (amount > 0)", name=op.f("ck_products_amount")),
        sa.CheckConstraint("anchor IN ('start', 'calendar')", name=op.f("ck_products_anchor")),
        sa.CheckConstraint("first_period IN ('full', 'days')", name=op.f("ck_products_first_period")),
        sa.CheckConstraint("kind IN ('subscription', 'rental', 'package')", name=op.f("ck_products_kind")),
        sa.CheckConstraint("period IN ('day', 'week', 'month', 'quarter', 'year')", name=op.f("ck_products_period")),
        sa.CheckConstraint("refund IN ('none', 'days')", name=op.f("ck_products_refund")),
        sa.CheckConstraint("state IN ('active', 'withdrawn')", name=op.f("ck_products_state")),
        sa.CheckConstraint("without_funds IN ('retry', 'suspend', 'end')", name=op.f("ck_products_without_funds")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_products_currency")),
        sa.CheckConstraint("price_micros >= 0", name=op.f("ck_products_price_micros")),
        sa.CheckConstraint("rollover_periods >= 0", name=op.f("ck_products_rollover_periods")),
        sa.CheckConstraint("setup_micros >= 0", name=op.f("ck_products_setup_micros")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_products_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_products_account_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "subscriptions",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("state", sa.Text(), server_default="starting", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("anchor_ms", sa.BigInteger(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("next_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failing_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ends", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=True),
        sa.Column("operation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("actor_account_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "state IN ('starting', 'active', 'suspended', 'ended', 'refused')", name=op.f("ck_subscriptions_state")
        ),
        sa.CheckConstraint("until_ms >= from_ms", name=op.f("ck_subscriptions_period")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_subscriptions_account_id")),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name=op.f("fk_subscriptions_operation_id")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_subscriptions_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_subscriptions_account_id_id"), "subscriptions", ["account_id", "id"], unique=False)
    op.create_index(op.f("ix_subscriptions_next_ms"), "subscriptions", ["next_ms"], unique=False)
    op.create_index(op.f("ix_subscriptions_operation_id"), "subscriptions", ["operation_id"], unique=False)
    op.create_index(op.f("ix_subscriptions_product_id"), "subscriptions", ["product_id"], unique=False)
    op.create_index(
        "ix_subscriptions_rented",
        "subscriptions",
        ["number_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('starting', 'active', 'suspended')"),
        postgresql_where=sa.text("state IN ('starting', 'active', 'suspended')"),
    )
    op.create_table(
        "subscription_fees",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("subscription_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('setup', 'period', 'refund')", name=op.f("ck_subscription_fees_kind")),
        sa.CheckConstraint("(entry_id IS NULL) = (amount_micros = 0)", name=op.f("ck_subscription_fees_entry_id")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_subscription_fees_currency")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_subscription_fees_entry_id")),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_subscription_fees_subscription_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription_fees")),
        sa.UniqueConstraint(
            "subscription_id", "kind", "from_ms", name=op.f("uq_subscription_fees_subscription_id_kind_from_ms")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_subscription_fees_entry_id"), "subscription_fees", ["entry_id"], unique=False)
    op.create_table(
        "package_grants",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("subscription_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("money", sa.Boolean(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("taken", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("covers_fees", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('open', 'closed')", name=op.f("ck_package_grants_state")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_package_grants_account_id")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_package_grants_product_id")),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_package_grants_subscription_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_package_grants")),
        sa.UniqueConstraint("subscription_id", "from_ms", name=op.f("uq_package_grants_subscription_id_from_ms")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_package_grants_account_id_id"), "package_grants", ["account_id", "id"], unique=False)
    op.create_index(op.f("ix_package_grants_state_until_ms"), "package_grants", ["state", "until_ms"], unique=False)
    op.create_table(
        "package_takes",
        sa.Column("cdr_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("grant_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["cdr_id"], ["cdrs.id"], name=op.f("fk_package_takes_cdr_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["grant_id"], ["package_grants.id"], name=op.f("fk_package_takes_grant_id")),
        sa.PrimaryKeyConstraint("cdr_id", "level", "grant_id", name=op.f("pk_package_takes")),
    )
    op.create_index(op.f("ix_package_takes_grant_id"), "package_takes", ["grant_id"], unique=False)

    with op.batch_alter_table("charges") as charges:
        charges.add_column(sa.Column("covered_s", sa.BigInteger(), server_default="0", nullable=False))
        charges.add_column(sa.Column("covered_micros", sa.BigInteger(), server_default="0", nullable=False))
        charges.add_column(sa.Column("fees_covered", sa.Boolean(), server_default=sa.false(), nullable=False))
    allow(op.get_bind(), "operations", "kind", "fee")
