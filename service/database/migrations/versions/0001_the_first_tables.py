"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes them all."""
    op.create_table(
        "nodes",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_command", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("applied_command", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("collected_epoch", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("collected_sequence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("journal_file", sa.Text(), server_default="", nullable=False),
        sa.Column("journal_offset", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nodes")),
        sa.UniqueConstraint("name", name=op.f("uq_nodes_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "plans",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
        sa.UniqueConstraint("name", name=op.f("uq_plans_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tariffs",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_tariffs_currency")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariffs")),
        sa.UniqueConstraint("name", name=op.f("uq_tariffs_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "traffic_hourly",
        sa.Column("hour_ms", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("cost_currency", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("answered", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("billed_s", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("revenue_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint(
            "hour_ms",
            "account_id",
            "provider_id",
            "destination",
            "currency",
            "cost_currency",
            name=op.f("pk_traffic_hourly"),
        ),
    )
    op.create_table(
        "accounts",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=2),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("commission", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("billing", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("credit_limit_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tariff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("channels", sa.Integer(), nullable=True),
        sa.Column("cps", sa.Integer(), nullable=True),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(parent_id IS NULL) = (kind = 'root')", name=op.f("ck_accounts_root")),
        sa.CheckConstraint("billing IN ('prepaid', 'postpaid')", name=op.f("ck_accounts_billing")),
        sa.CheckConstraint("kind IN ('root', 'reseller', 'customer', 'provider')", name=op.f("ck_accounts_kind")),
        sa.CheckConstraint("state IN ('active', 'suspended', 'closed')", name=op.f("ck_accounts_state")),
        sa.CheckConstraint("channels >= 1", name=op.f("ck_accounts_channels")),
        sa.CheckConstraint("cps >= 1", name=op.f("ck_accounts_cps")),
        sa.CheckConstraint("credit_limit_micros >= 0", name=op.f("ck_accounts_credit_limit_micros")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_accounts_currency")),
        sa.ForeignKeyConstraint(["parent_id"], ["accounts.id"], name=op.f("fk_accounts_parent_id")),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_accounts_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("name", name=op.f("uq_accounts_name")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_accounts_parent_id"), ["parent_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_accounts_path"), ["path"], unique=False)

    op.create_table(
        "commands",
        sa.Column("node_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("amount_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.id"], name=op.f("fk_commands_node_id")),
        sa.PrimaryKeyConstraint("node_id", "number", name=op.f("pk_commands")),
    )
    with op.batch_alter_table("commands", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_commands_account_id_number"), ["account_id", "number"], unique=False)

    op.create_table(
        "entries",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("request", sa.Text(), server_default="", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("node_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=True),
        sa.Column("first_sequence", sa.BigInteger(), nullable=True),
        sa.Column("last_sequence", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('payment', 'adjustment', 'charges')", name=op.f("ck_entries_kind")),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.id"], name=op.f("fk_entries_node_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_entries_idempotency_key")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("entries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_entries_created_ms"), ["created_ms"], unique=False)

    op.create_table(
        "tariff_versions",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("tariff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("published_ms", sa.BigInteger(), nullable=False),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("effective_ms", sa.BigInteger(), nullable=False),
        sa.Column("rates", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_tariff_versions_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariff_versions")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("tariff_versions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_tariff_versions_tariff_id_published_ms"), ["tariff_id", "published_ms"], unique=False
        )

    op.create_table(
        "book_balances",
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("book IN ('balance', 'revenue', 'cost', 'cash')", name=op.f("ck_book_balances_book")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_book_balances_currency")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_book_balances_account_id")),
        sa.PrimaryKeyConstraint("account_id", "book", "currency", name=op.f("pk_book_balances")),
    )
    op.create_table(
        "cdrs",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("node_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("sip_code", sa.Integer(), nullable=False),
        sa.Column("sip_reason", sa.Text(), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=False),
        sa.Column("refused_by", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rule", sa.Text(), server_default="", nullable=False),
        sa.Column("trunk_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.JSON(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("called", sa.Text(), nullable=False),
        sa.Column("called_sent", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("from_tag", sa.Text(), nullable=False),
        sa.Column("to_tag", sa.Text(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("ring_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("answer_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("gateway_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.JSON(), nullable=False),
        sa.Column("cost_account_id", sa.BigInteger(), nullable=True),
        sa.Column("cost_tariff", sa.Text(), nullable=True),
        sa.Column("cost_prefix", sa.Text(), nullable=True),
        sa.Column("cost_terms", sa.Text(), nullable=True),
        sa.Column("cost_billed_s", sa.BigInteger(), nullable=True),
        sa.Column("cost_micros", sa.BigInteger(), nullable=True),
        sa.Column("cost_currency", sa.Text(), nullable=True),
        sa.CheckConstraint("(cost_micros IS NULL) = (cost_currency IS NULL)", name=op.f("ck_cdrs_cost")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_cdrs_entry_id")),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.id"], name=op.f("fk_cdrs_node_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cdrs")),
        sa.UniqueConstraint("call", name=op.f("uq_cdrs_call")),
        sa.UniqueConstraint("node_id", "epoch", "sequence", name=op.f("uq_cdrs_node_id_epoch_sequence")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("cdrs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cdrs_account_id_start_ms"), ["account_id", "start_ms"], unique=False)
        batch_op.create_index(batch_op.f("ix_cdrs_entry_id"), ["entry_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_cdrs_start_ms"), ["start_ms"], unique=False)

    op.create_table(
        "gateways",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), server_default="5060", nullable=False),
        sa.Column("transport", sa.Text(), server_default="udp", nullable=False),
        sa.Column("networks", sa.JSON(), nullable=False),
        sa.Column("prefix", sa.Text(), server_default="", nullable=False),
        sa.Column("strip", sa.Integer(), server_default="0", nullable=False),
        sa.Column("channels", sa.Integer(), nullable=True),
        sa.Column("cps", sa.Integer(), nullable=True),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('active', 'suspended', 'closed')", name=op.f("ck_gateways_state")),
        sa.CheckConstraint("transport IN ('udp', 'tcp', 'tls')", name=op.f("ck_gateways_transport")),
        sa.CheckConstraint("channels >= 1", name=op.f("ck_gateways_channels")),
        sa.CheckConstraint("cps >= 1", name=op.f("ck_gateways_cps")),
        sa.CheckConstraint("port BETWEEN 1 AND 65535", name=op.f("ck_gateways_port")),
        sa.CheckConstraint("strip >= 0", name=op.f("ck_gateways_strip")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_gateways_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateways")),
        sa.UniqueConstraint("name", name=op.f("uq_gateways_name")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("gateways", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_gateways_account_id"), ["account_id"], unique=False)

    op.create_table(
        "postings",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.CheckConstraint("book IN ('balance', 'revenue', 'cost', 'cash')", name=op.f("ck_postings_book")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_postings_currency")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_postings_account_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_postings_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_postings")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("postings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_postings_account_id_book_id"), ["account_id", "book", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_postings_entry_id"), ["entry_id"], unique=False)

    op.create_table(
        "trunks",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("transport", sa.Text(), server_default="any", nullable=False),
        sa.Column("port", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tech_prefix", sa.Text(), server_default="", nullable=False),
        sa.Column("plan_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("tariff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("channels", sa.Integer(), nullable=True),
        sa.Column("cps", sa.Integer(), nullable=True),
        sa.Column("international_prefix", sa.Text(), server_default="", nullable=False),
        sa.Column("national_prefix", sa.Text(), server_default="", nullable=False),
        sa.Column("country", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('active', 'suspended', 'closed')", name=op.f("ck_trunks_state")),
        sa.CheckConstraint("transport IN ('any', 'udp', 'tcp', 'tls')", name=op.f("ck_trunks_transport")),
        sa.CheckConstraint("channels >= 1", name=op.f("ck_trunks_channels")),
        sa.CheckConstraint("cps >= 1", name=op.f("ck_trunks_cps")),
        sa.CheckConstraint("port BETWEEN 0 AND 65535", name=op.f("ck_trunks_port")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_trunks_account_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_trunks_plan_id")),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_trunks_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trunks")),
        sa.UniqueConstraint("name", name=op.f("uq_trunks_name")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("trunks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_trunks_account_id"), ["account_id"], unique=False)

    op.create_table(
        "charges",
        sa.Column("cdr_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seller_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tariff", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("billed_s", sa.BigInteger(), nullable=False),
        sa.Column("charge_micros", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_charges_currency")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_charges_account_id")),
        sa.ForeignKeyConstraint(["cdr_id"], ["cdrs.id"], name=op.f("fk_charges_cdr_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["seller_id"], ["accounts.id"], name=op.f("fk_charges_seller_id")),
        sa.PrimaryKeyConstraint("cdr_id", "level", name=op.f("pk_charges")),
    )
    with op.batch_alter_table("charges", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_charges_account_id_cdr_id"), ["account_id", "cdr_id"], unique=False)

    op.create_table(
        "trunk_networks",
        sa.Column("trunk_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("transport", sa.Text(), nullable=False),
        sa.Column("tech_prefix", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["trunk_id"], ["trunks.id"], name=op.f("fk_trunk_networks_trunk_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("network", "port", "transport", "tech_prefix", name=op.f("pk_trunk_networks")),
    )
    with op.batch_alter_table("trunk_networks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_trunk_networks_trunk_id"), ["trunk_id"], unique=False)


def downgrade() -> None:
    """Drops them all."""
    with op.batch_alter_table("trunk_networks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_trunk_networks_trunk_id"))

    op.drop_table("trunk_networks")
    with op.batch_alter_table("charges", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_charges_account_id_cdr_id"))

    op.drop_table("charges")
    with op.batch_alter_table("trunks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_trunks_account_id"))

    op.drop_table("trunks")
    with op.batch_alter_table("postings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_postings_entry_id"))
        batch_op.drop_index(batch_op.f("ix_postings_account_id_book_id"))

    op.drop_table("postings")
    with op.batch_alter_table("gateways", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_gateways_account_id"))

    op.drop_table("gateways")
    with op.batch_alter_table("cdrs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cdrs_start_ms"))
        batch_op.drop_index(batch_op.f("ix_cdrs_entry_id"))
        batch_op.drop_index(batch_op.f("ix_cdrs_account_id_start_ms"))

    op.drop_table("cdrs")
    op.drop_table("book_balances")
    with op.batch_alter_table("tariff_versions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tariff_versions_tariff_id_published_ms"))

    op.drop_table("tariff_versions")
    with op.batch_alter_table("entries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_entries_created_ms"))

    op.drop_table("entries")
    with op.batch_alter_table("commands", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_commands_account_id_number"))

    op.drop_table("commands")
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_accounts_path"))
        batch_op.drop_index(batch_op.f("ix_accounts_parent_id"))

    op.drop_table("accounts")
    op.drop_table("traffic_hourly")
    op.drop_table("tariffs")
    op.drop_table("plans")
    op.drop_table("nodes")
