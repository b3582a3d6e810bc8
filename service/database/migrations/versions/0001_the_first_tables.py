"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.database.triggers import make_append_only, watch_access

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes them all."""
    op.create_table(
        "access_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_state")),
    )
    op.create_table(
        "answers",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "key", name=op.f("pk_answers")),
    )
    op.create_index(op.f("ix_answers_created_ms"), "answers", ["created_ms"], unique=False)

    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "exchange_versions",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("published_ms", sa.BigInteger(), nullable=False),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exchange_versions")),
        sqlite_autoincrement=True,
    )
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
        sa.Column("brought", sa.JSON(), nullable=True),
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
        "sign_in_failures",
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failed_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_sign_in_failures_failures")),
        sa.PrimaryKeyConstraint("who", name=op.f("pk_sign_in_failures")),
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
        sa.UniqueConstraint("owner_id", "name", name=op.f("uq_tariffs_owner_id_name")),
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
        sa.Column("exposure_limit_micros", sa.BigInteger(), nullable=True),
        sa.Column("tariff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("channels", sa.Integer(), nullable=True),
        sa.Column("cps", sa.Integer(), nullable=True),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("cut_on_suspend", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("provides", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("default_role", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("(parent_id IS NULL) = (kind = 'root')", name=op.f("ck_accounts_root")),
        sa.CheckConstraint("billing IN ('prepaid', 'postpaid')", name=op.f("ck_accounts_billing")),
        sa.CheckConstraint("kind IN ('root', 'reseller', 'customer', 'provider')", name=op.f("ck_accounts_kind")),
        sa.CheckConstraint("state IN ('active', 'suspended', 'closed')", name=op.f("ck_accounts_state")),
        sa.CheckConstraint("channels >= 1", name=op.f("ck_accounts_channels")),
        sa.CheckConstraint("cps >= 1", name=op.f("ck_accounts_cps")),
        sa.CheckConstraint("credit_limit_micros >= 0", name=op.f("ck_accounts_credit_limit_micros")),
        sa.CheckConstraint("exposure_limit_micros >= 0", name=op.f("ck_accounts_exposure_limit_micros")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_accounts_currency")),
        sa.ForeignKeyConstraint(["parent_id"], ["accounts.id"], name=op.f("fk_accounts_parent_id")),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_accounts_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("parent_id", "name", name=op.f("uq_accounts_parent_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_accounts_path"), "accounts", ["path"], unique=False)

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
    op.create_index(op.f("ix_commands_account_id_number"), "commands", ["account_id", "number"], unique=False)

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
        sa.Column("actor_account_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("request", sa.Text(), server_default="", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("node_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=True),
        sa.Column("first_sequence", sa.BigInteger(), nullable=True),
        sa.Column("last_sequence", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('payment', 'adjustment', 'refund', 'transfer', 'write_off', 'move', 'charges', 'correction')",
            name=op.f("ck_entries_kind"),
        ),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.id"], name=op.f("fk_entries_node_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_entries_idempotency_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_entries_created_ms"), "entries", ["created_ms"], unique=False)

    op.create_table(
        "tariff_sources",
        sa.Column(
            "tariff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("decks", sa.JSON(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_tariff_sources_tariff_id")),
        sa.PrimaryKeyConstraint("tariff_id", name=op.f("pk_tariff_sources")),
    )
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
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_tariff_versions_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariff_versions")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_tariff_versions_tariff_id_published_ms"),
        "tariff_versions",
        ["tariff_id", "published_ms"],
        unique=False,
    )

    op.create_table(
        "audit",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("actor_account_id", sa.BigInteger(), nullable=False),
        sa.Column("behalf_of_id", sa.BigInteger(), nullable=True),
        sa.Column("behalf_of", sa.Text(), server_default="", nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("noun", sa.Text(), nullable=False),
        sa.Column("noun_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("prior_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_audit_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_audit_account_id_id"), "audit", ["account_id", "id"], unique=False)
    op.create_index(op.f("ix_audit_noun_noun_id"), "audit", ["noun", "noun_id"], unique=False)

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
        "brands",
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("tax_number", sa.Text(), server_default="", nullable=False),
        sa.Column("sender_name", sa.Text(), server_default="", nullable=False),
        sa.Column("sender_address", sa.Text(), server_default="", nullable=False),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column("primary_colour", sa.Text(), server_default="", nullable=False),
        sa.Column("accent_colour", sa.Text(), server_default="", nullable=False),
        sa.Column("logo", sa.LargeBinary(), nullable=True),
        sa.Column("logo_type", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_brands_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_brands")),
        sa.UniqueConstraint("host", name=op.f("uq_brands_host")),
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
        sa.Column("kind", sa.Text(), server_default="call", nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("sip_code", sa.Integer(), nullable=False),
        sa.Column("sip_reason", sa.Text(), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=False),
        sa.Column("refused_by", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rule", sa.Text(), server_default="", nullable=False),
        sa.Column("trunk_id", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("number_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("owner_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("entrance_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("to_device_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.JSON(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("called", sa.Text(), nullable=False),
        sa.Column("caller_sent", sa.Text(), server_default="", nullable=False),
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
        sa.Column("cost_exchange", sa.Text(), nullable=True),
        sa.CheckConstraint("(cost_micros IS NULL) = (cost_currency IS NULL)", name=op.f("ck_cdrs_cost")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_cdrs_entry_id")),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.id"], name=op.f("fk_cdrs_node_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cdrs")),
        sa.UniqueConstraint("call", name=op.f("uq_cdrs_call")),
        sa.UniqueConstraint("node_id", "epoch", "sequence", name=op.f("uq_cdrs_node_id_epoch_sequence")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_cdrs_account_id_start_ms"), "cdrs", ["account_id", "start_ms"], unique=False)
    op.create_index(op.f("ix_cdrs_entry_id"), "cdrs", ["entry_id"], unique=False)
    op.create_index(op.f("ix_cdrs_owner_id"), "cdrs", ["owner_id"], unique=False)
    op.create_index(op.f("ix_cdrs_start_ms"), "cdrs", ["start_ms"], unique=False)

    op.create_table(
        "devices",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("realm", sa.Text(), nullable=False),
        sa.Column("ha1_md5", sa.Text(), nullable=False),
        sa.Column("ha1_sha256", sa.Text(), nullable=False),
        sa.Column("plan_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("tariff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("channels", sa.Integer(), nullable=True),
        sa.Column("cps", sa.Integer(), nullable=True),
        sa.Column("caller_number", sa.Text(), server_default="", nullable=False),
        sa.Column("caller_numbers", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("international_prefix", sa.Text(), server_default="00", nullable=False),
        sa.Column("national_prefix", sa.Text(), server_default="", nullable=False),
        sa.Column("country", sa.Text(), server_default="", nullable=False),
        sa.Column("call_max_s", sa.Integer(), nullable=True),
        sa.Column("contacts_max", sa.BigInteger(), server_default="5", nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("call_max_s >= 1", name=op.f("ck_devices_call_max_s")),
        sa.CheckConstraint("contacts_max >= 1", name=op.f("ck_devices_contacts_max")),
        sa.CheckConstraint("state IN ('active', 'suspended')", name=op.f("ck_devices_state")),
        sa.CheckConstraint("channels >= 1", name=op.f("ck_devices_channels")),
        sa.CheckConstraint("cps >= 1", name=op.f("ck_devices_cps")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_devices_account_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_devices_plan_id")),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_devices_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("username", name=op.f("uq_devices_username")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_devices_account_id"), "devices", ["account_id"], unique=False)

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
        sa.Column("number_format", sa.Text(), server_default="plain", nullable=False),
        sa.Column("trusted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("tariff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("channels", sa.Integer(), nullable=True),
        sa.Column("cps", sa.Integer(), nullable=True),
        sa.Column("probe_s", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failures_max", sa.BigInteger(), server_default="5", nullable=False),
        sa.Column("out_s", sa.BigInteger(), server_default="60", nullable=False),
        sa.Column("failure_codes", sa.JSON(), server_default="[408, 503]", nullable=False),
        sa.Column("username", sa.Text(), server_default="", nullable=False),
        sa.Column("realm", sa.Text(), server_default="", nullable=False),
        sa.Column("ha1_md5", sa.Text(), server_default="", nullable=False),
        sa.Column("ha1_sha256", sa.Text(), server_default="", nullable=False),
        sa.Column("register_s", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("contact", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("state IN ('active', 'suspended', 'closed')", name=op.f("ck_gateways_state")),
        sa.CheckConstraint("number_format IN ('plain', 'plus')", name=op.f("ck_gateways_number_format")),
        sa.CheckConstraint("transport IN ('udp', 'tcp', 'tls')", name=op.f("ck_gateways_transport")),
        sa.CheckConstraint("channels >= 1", name=op.f("ck_gateways_channels")),
        sa.CheckConstraint("cps >= 1", name=op.f("ck_gateways_cps")),
        sa.CheckConstraint("port BETWEEN 1 AND 65535", name=op.f("ck_gateways_port")),
        sa.CheckConstraint("strip >= 0", name=op.f("ck_gateways_strip")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_gateways_account_id")),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_gateways_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateways")),
        sa.UniqueConstraint("name", name=op.f("uq_gateways_name")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_gateways_account_id"), "gateways", ["account_id"], unique=False)

    op.create_table(
        "mail_templates",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_mail_templates_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_templates")),
        sa.UniqueConstraint("account_id", "kind", "language", name=op.f("uq_mail_templates_account_id_kind_language")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "mails",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'failed')", name=op.f("ck_mails_state")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_mails_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_mails_state_id"), "mails", ["state", "id"], unique=False)

    op.create_table(
        "numberings",
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("prefix", sa.Text(), server_default="", nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("restarts_yearly", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("next_number", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("year", sa.Integer(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("next_number >= 1", name=op.f("ck_numberings_next_number")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_numberings_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_numberings")),
    )
    op.create_table(
        "operations",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("to_account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("actor_account_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="asked", nullable=False),
        sa.Column("free_micros", sa.BigInteger(), nullable=True),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("node_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("closed_by", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("decided_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("kind IN ('refund', 'transfer')", name=op.f("ck_operations_kind")),
        sa.CheckConstraint("state IN ('asked', 'posted', 'refused', 'cancelled')", name=op.f("ck_operations_state")),
        sa.CheckConstraint("amount_micros >= 1", name=op.f("ck_operations_amount_micros")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_operations_currency")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_operations_account_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_operations_entry_id")),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.id"], name=op.f("fk_operations_node_id")),
        sa.ForeignKeyConstraint(["to_account_id"], ["accounts.id"], name=op.f("fk_operations_to_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operations")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_operations_account_id_id"), "operations", ["account_id", "id"], unique=False)
    op.create_index(op.f("ix_operations_state"), "operations", ["state"], unique=False)
    op.create_index(op.f("ix_operations_to_account_id_id"), "operations", ["to_account_id", "id"], unique=False)

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
    op.create_index(op.f("ix_postings_account_id_book_id"), "postings", ["account_id", "book", "id"], unique=False)
    op.create_index(op.f("ix_postings_entry_id"), "postings", ["entry_id"], unique=False)

    op.create_table(
        "roles",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.Column("built_in", sa.Text(), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_roles_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roles")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_roles_account_id_name")),
        sqlite_autoincrement=True,
    )
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
        sa.Column("caller_rule", sa.Text(), server_default="pass", nullable=False),
        sa.Column("caller_numbers", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("trusted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("caller_rule IN ('pass', 'listed', 'replace')", name=op.f("ck_trunks_caller_rule")),
        sa.CheckConstraint("state IN ('active', 'suspended', 'closed')", name=op.f("ck_trunks_state")),
        sa.CheckConstraint("transport IN ('any', 'udp', 'tcp', 'tls')", name=op.f("ck_trunks_transport")),
        sa.CheckConstraint("channels >= 1", name=op.f("ck_trunks_channels")),
        sa.CheckConstraint("cps >= 1", name=op.f("ck_trunks_cps")),
        sa.CheckConstraint("port BETWEEN 0 AND 65535", name=op.f("ck_trunks_port")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_trunks_account_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_trunks_plan_id")),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_trunks_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trunks")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_trunks_account_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "users",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="invited", nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("totp_secret", sa.Text(), nullable=True),
        sa.Column("totp_active", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("totp_step", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("recovery_hashes", sa.JSON(), nullable=False),
        sa.Column("language", sa.Text(), server_default="en", nullable=False),
        sa.Column("timezone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("signed_in_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("state IN ('invited', 'active', 'suspended')", name=op.f("ck_users_state")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_users_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("account_id", "email", name=op.f("uq_users_account_id_email")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_users_email"), "users", ["email"], unique=False)

    op.create_table(
        "bans",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("why IN ('flood', 'scanner', 'strikes', 'operator')", name=op.f("ck_bans_why")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bans")),
        sa.UniqueConstraint("network", name=op.f("uq_bans_network")),
        sqlite_autoincrement=True,
    )

    op.create_table(
        "webhooks",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("state IN ('active', 'suspended')", name=op.f("ck_webhooks_state")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_webhooks_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_webhooks_account_id"), "webhooks", ["account_id"], unique=False)

    op.create_table(
        "account_roles",
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("role_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_account_roles_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name=op.f("fk_account_roles_role_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account_id", "role_id", name=op.f("pk_account_roles")),
    )
    op.create_index(op.f("ix_account_roles_role_id"), "account_roles", ["role_id"], unique=False)

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
        sa.Column("exchange", sa.Text(), server_default="1/1", nullable=False),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_charges_currency")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_charges_account_id")),
        sa.ForeignKeyConstraint(["cdr_id"], ["cdrs.id"], name=op.f("fk_charges_cdr_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["seller_id"], ["accounts.id"], name=op.f("fk_charges_seller_id")),
        sa.PrimaryKeyConstraint("cdr_id", "level", name=op.f("pk_charges")),
    )
    op.create_index(op.f("ix_charges_account_id_cdr_id"), "charges", ["account_id", "cdr_id"], unique=False)

    op.create_table(
        "deliveries",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("webhook_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_ms", sa.BigInteger(), nullable=False),
        sa.Column("claimed_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("status", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fault", sa.Text(), server_default="", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("done_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'failed')", name=op.f("ck_deliveries_state")),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name=op.f("fk_deliveries_webhook_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_deliveries_state_next_ms"), "deliveries", ["state", "next_ms"], unique=False)
    op.create_index(op.f("ix_deliveries_webhook_id_id"), "deliveries", ["webhook_id", "id"], unique=False)

    op.create_table(
        "numbers",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("trunk_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("device_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("places", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("tariff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("channels", sa.Integer(), nullable=True),
        sa.Column("ring_s", sa.BigInteger(), server_default="20", nullable=False),
        sa.Column("without_funds", sa.Text(), server_default="refuse", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("state IN ('active', 'suspended')", name=op.f("ck_numbers_state")),
        sa.CheckConstraint("trunk_id IS NULL OR device_id IS NULL", name=op.f("ck_numbers_place")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_numbers_account_id")),
        sa.CheckConstraint("without_funds IN ('refuse', 'allow')", name=op.f("ck_numbers_without_funds")),
        sa.CheckConstraint("channels >= 1", name=op.f("ck_numbers_channels")),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_numbers_tariff_id")),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_numbers_device_id")),
        sa.ForeignKeyConstraint(["trunk_id"], ["trunks.id"], name=op.f("fk_numbers_trunk_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_numbers")),
        sa.UniqueConstraint("number", name=op.f("uq_numbers_number")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_numbers_account_id"), "numbers", ["account_id"], unique=False)

    op.create_table(
        "sessions",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("behalf_of_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["behalf_of_id"], ["users.id"], name=op.f("fk_sessions_behalf_of_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("hash", name=op.f("uq_sessions_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"], unique=False)

    op.create_table(
        "tokens",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("role_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name=op.f("fk_tokens_role_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tokens_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_tokens_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_tokens_role_id"), "tokens", ["role_id"], unique=False)
    op.create_index(op.f("ix_tokens_user_id"), "tokens", ["user_id"], unique=False)

    op.create_table(
        "specials",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("trunk_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("plan_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("kind IN ('emergency', 'free')", name=op.f("ck_specials_kind")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_specials_account_id")),
        sa.ForeignKeyConstraint(["trunk_id"], ["trunks.id"], name=op.f("fk_specials_trunk_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_specials_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_specials")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_specials_account_id"), "specials", ["account_id"], unique=False)

    op.create_table(
        "translations",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("trunk_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("gateway_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("prefix", sa.Text(), server_default="", nullable=False),
        sa.Column("length_min", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("length_max", sa.BigInteger(), server_default="32", nullable=False),
        sa.Column("strip", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("prepend", sa.Text(), server_default="", nullable=False),
        sa.Column("pattern", sa.Text(), server_default="", nullable=False),
        sa.Column("replacement", sa.Text(), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("subject IN ('caller', 'called')", name=op.f("ck_translations_subject")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_translations_account_id")),
        sa.ForeignKeyConstraint(["trunk_id"], ["trunks.id"], name=op.f("fk_translations_trunk_id")),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.id"], name=op.f("fk_translations_gateway_id")),
        sa.CheckConstraint("trunk_id IS NULL OR gateway_id IS NULL", name=op.f("ck_translations_place")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_translations")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_translations_account_id_subject_position"),
        "translations",
        ["account_id", "subject", "position"],
        unique=False,
    )

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
    op.create_index(op.f("ix_trunk_networks_trunk_id"), "trunk_networks", ["trunk_id"], unique=False)

    op.create_table(
        "user_links",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("purpose IN ('invitation', 'reset')", name=op.f("ck_user_links_purpose")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_links_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_links")),
        sa.UniqueConstraint("hash", name=op.f("uq_user_links_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_user_links_user_id"), "user_links", ["user_id"], unique=False)

    op.create_table(
        "user_roles",
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("role_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name=op.f("fk_user_roles_role_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_roles_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "role_id", name=op.f("pk_user_roles")),
    )
    op.create_index(op.f("ix_user_roles_role_id"), "user_roles", ["role_id"], unique=False)

    op.create_table(
        "reratings",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("actor_account_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="running", nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("to_ms", sa.BigInteger(), nullable=False),
        sa.Column("under_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("tariff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("prefix", sa.Text(), server_default="", nullable=False),
        sa.Column("destination", sa.Text(), server_default="", nullable=False),
        sa.Column("costs", sa.Boolean(), nullable=False),
        sa.Column("rates", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("at_cdr_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("calls", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("changed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("left_alone", sa.JSON(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("finished_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("state IN ('running', 'done')", name=op.f("ck_reratings_state")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_reratings_account_id")),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_reratings_tariff_id")),
        sa.ForeignKeyConstraint(["under_id"], ["accounts.id"], name=op.f("fk_reratings_under_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reratings")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_reratings_account_id_id"), "reratings", ["account_id", "id"], unique=False)
    op.create_index(op.f("ix_reratings_state"), "reratings", ["state"], unique=False)

    op.create_table(
        "rerating_rates",
        sa.Column("rerating_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("instead_of_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tariff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["instead_of_id"], ["tariffs.id"], name=op.f("fk_rerating_rates_instead_of_id")),
        sa.ForeignKeyConstraint(["rerating_id"], ["reratings.id"], name=op.f("fk_rerating_rates_rerating_id")),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_rerating_rates_tariff_id")),
        sa.PrimaryKeyConstraint("rerating_id", "instead_of_id", name=op.f("pk_rerating_rates")),
    )
    op.create_index(op.f("ix_rerating_rates_version"), "rerating_rates", ["version"], unique=False)

    op.create_table(
        "corrections",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("rerating_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cdr_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seller_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("before_tariff", sa.Text(), nullable=False),
        sa.Column("before_prefix", sa.Text(), nullable=False),
        sa.Column("before_terms", sa.Text(), nullable=False),
        sa.Column("before_exchange", sa.Text(), nullable=False),
        sa.Column("before_billed_s", sa.BigInteger(), nullable=False),
        sa.Column("before_micros", sa.BigInteger(), nullable=False),
        sa.Column("after_tariff", sa.Text(), nullable=False),
        sa.Column("after_prefix", sa.Text(), nullable=False),
        sa.Column("after_terms", sa.Text(), nullable=False),
        sa.Column("after_exchange", sa.Text(), nullable=False),
        sa.Column("after_billed_s", sa.BigInteger(), nullable=False),
        sa.Column("after_micros", sa.BigInteger(), nullable=False),
        sa.Column("delta_micros", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("delta_micros = after_micros - before_micros", name=op.f("ck_corrections_delta")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_corrections_currency")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_corrections_account_id")),
        sa.ForeignKeyConstraint(["cdr_id"], ["cdrs.id"], name=op.f("fk_corrections_cdr_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_corrections_entry_id")),
        sa.ForeignKeyConstraint(["rerating_id"], ["reratings.id"], name=op.f("fk_corrections_rerating_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["accounts.id"], name=op.f("fk_corrections_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_corrections")),
        sa.UniqueConstraint("rerating_id", "cdr_id", "level", name=op.f("uq_corrections_rerating_id_cdr_id_level")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_corrections_account_id_cdr_id"), "corrections", ["account_id", "cdr_id"], unique=False)
    op.create_index(op.f("ix_corrections_cdr_id_level"), "corrections", ["cdr_id", "level"], unique=False)
    op.create_index(op.f("ix_corrections_entry_id"), "corrections", ["entry_id"], unique=False)

    op.create_table(
        "destination_groups",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("published_ms", sa.BigInteger(), nullable=False),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destination_groups")),
        sa.UniqueConstraint("name", name=op.f("uq_destination_groups_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "publications",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("asked_ms", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("owner_id", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'done', 'cancelled', 'failed')", name=op.f("ck_publications_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publications")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_publications_state_due_ms"), "publications", ["state", "due_ms"], unique=False)
    op.create_table(
        "deck_imports",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("tariff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("deck", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_deck_imports_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deck_imports")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_deck_imports_tariff_id_deck"), "deck_imports", ["tariff_id", "deck"], unique=False)

    op.create_table(
        "cdr_deliveries",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("every_calls", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("answered_only", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("separator", sa.Text(), server_default=",", nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("side IN ('customer', 'provider')", name=op.f("ck_cdr_deliveries_side")),
        sa.CheckConstraint("period IN ('hourly', 'daily', 'calls')", name=op.f("ck_cdr_deliveries_period")),
        sa.CheckConstraint("way IN ('folder', 'webhook', 'mail')", name=op.f("ck_cdr_deliveries_way")),
        sa.CheckConstraint("state IN ('active', 'suspended')", name=op.f("ck_cdr_deliveries_state")),
        sa.CheckConstraint("every_calls >= 0", name=op.f("ck_cdr_deliveries_every_calls")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_cdr_deliveries_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cdr_deliveries")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_cdr_deliveries_account_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_cdr_deliveries_state_due_ms"), "cdr_deliveries", ["state", "due_ms"], unique=False)
    op.create_table(
        "cdr_files",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("delivery_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("after_id", sa.BigInteger(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_ms", sa.BigInteger(), nullable=False),
        sa.Column("claimed_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("status", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fault", sa.Text(), server_default="", nullable=False),
        sa.Column("cut_ms", sa.BigInteger(), nullable=False),
        sa.Column("done_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'failed')", name=op.f("ck_cdr_files_state")),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["cdr_deliveries.id"], name=op.f("fk_cdr_files_delivery_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cdr_files")),
        sa.UniqueConstraint("delivery_id", "number", name=op.f("uq_cdr_files_delivery_id_number")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_cdr_files_state_next_ms"), "cdr_files", ["state", "next_ms"], unique=False)

    make_append_only(op.get_bind(), "audit")
    make_append_only(op.get_bind(), "corrections")
    watch_access(op.get_bind())
