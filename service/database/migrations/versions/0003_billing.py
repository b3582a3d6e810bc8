"""Cycles, invoices, taxes and credit notes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.database.triggers import allow, keep_issued

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_FIXED = (
    "id", "seller_id", "account_id", "kind", "number", "prepaid", "currency", "language", "zone", "period_from_ms",
    "period_to_ms", "issued_ms", "due_ms", "net_micros", "rounding_micros", "tax_micros", "total_micros",
    "refers_to_id", "reason", "seller", "buyer", "entry_id", "actor", "created_ms",
)  # fmt: skip
"""Of an invoice that is no draft."""


def upgrade() -> None:
    """Makes them."""
    op.create_table(
        "billing_parties",
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("legal_name", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("address_lines", sa.JSON(), nullable=False),
        sa.Column("postcode", sa.Text(), server_default="", nullable=False),
        sa.Column("city", sa.Text(), server_default="", nullable=False),
        sa.Column("tax_number", sa.Text(), server_default="", nullable=False),
        sa.Column("registration", sa.Text(), server_default="", nullable=False),
        sa.Column("buyer_reference", sa.Text(), server_default="", nullable=False),
        sa.Column("electronic_address", sa.Text(), server_default="", nullable=False),
        sa.Column("electronic_scheme", sa.Text(), server_default="", nullable=False),
        sa.Column("contact_name", sa.Text(), server_default="", nullable=False),
        sa.Column("contact_phone", sa.Text(), server_default="", nullable=False),
        sa.Column("contact_email", sa.Text(), server_default="", nullable=False),
        sa.Column("iban", sa.Text(), server_default="", nullable=False),
        sa.Column("bic", sa.Text(), server_default="", nullable=False),
        sa.Column("bank_holder", sa.Text(), server_default="", nullable=False),
        sa.Column("bank_name", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("length(country) = 2", name=op.f("ck_billing_parties_country")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_billing_parties_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_billing_parties")),
    )
    op.create_table(
        "billing_terms",
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("cycle", sa.Text(), server_default="monthly", nullable=False),
        sa.Column("cycle_day", sa.Integer(), server_default="1", nullable=False),
        sa.Column("zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("due_days", sa.Integer(), server_default="14", nullable=False),
        sa.Column("language", sa.Text(), server_default="en", nullable=False),
        sa.Column("annex", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("zero_invoices", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("prepaid_invoices", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("reviewed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("tax_status", sa.Text(), server_default="taxed", nullable=False),
        sa.Column("exemption_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("exemption_code", sa.Text(), server_default="", nullable=False),
        sa.Column("anchor_ms", sa.BigInteger(), nullable=False),
        sa.Column("closed_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("calls_after_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "cycle IN ('daily', 'weekly', 'two_weekly', 'half_monthly', 'monthly')", name=op.f("ck_billing_terms_cycle")
        ),
        sa.CheckConstraint(
            "tax_status IN ('taxed', 'exempt', 'reverse_charge')", name=op.f("ck_billing_terms_tax_status")
        ),
        sa.CheckConstraint("cycle_day BETWEEN 1 AND 31", name=op.f("ck_billing_terms_cycle_day")),
        sa.CheckConstraint("due_days BETWEEN 0 AND 365", name=op.f("ck_billing_terms_due_days")),
        sa.CheckConstraint("due_ms > closed_ms", name=op.f("ck_billing_terms_due_ms")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_billing_terms_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_billing_terms")),
    )
    op.create_index(op.f("ix_billing_terms_due_ms"), "billing_terms", ["due_ms"], unique=False)
    op.create_table(
        "credit_note_numberings",
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("prefix", sa.Text(), server_default="", nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("restarts_yearly", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("next_number", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("year", sa.Integer(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("next_number >= 1", name=op.f("ck_credit_note_numberings_next_number")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_credit_note_numberings_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_credit_note_numberings")),
    )
    op.create_table(
        "invoices",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("seller_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default="draft", nullable=False),
        sa.Column("prepaid", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("period_from_ms", sa.BigInteger(), nullable=False),
        sa.Column("period_to_ms", sa.BigInteger(), nullable=False),
        sa.Column("issued_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("due_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("net_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rounding_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tax_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("total_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("paid_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("credited_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refers_to_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("seller", sa.JSON(), nullable=False),
        sa.Column("buyer", sa.JSON(), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "(kind = 'credit_note') = (refers_to_id IS NOT NULL)", name=op.f("ck_invoices_refers_to_id")
        ),
        sa.CheckConstraint("(number IS NULL) = (state IN ('draft', 'void'))", name=op.f("ck_invoices_number")),
        sa.CheckConstraint("kind IN ('invoice', 'credit_note')", name=op.f("ck_invoices_kind")),
        sa.CheckConstraint(
            "state IN ('draft', 'issued', 'part_paid', 'paid', 'overdue', 'void')", name=op.f("ck_invoices_state")
        ),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_invoices_currency")),
        sa.CheckConstraint(
            "total_micros = net_micros + rounding_micros + tax_micros", name=op.f("ck_invoices_total_micros")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_invoices_account_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_invoices_entry_id")),
        sa.ForeignKeyConstraint(["refers_to_id"], ["invoices.id"], name=op.f("fk_invoices_refers_to_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["accounts.id"], name=op.f("fk_invoices_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("seller_id", "number", name=op.f("uq_invoices_seller_id_number")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_invoices_account_id_id"), "invoices", ["account_id", "id"], unique=False)
    op.create_index(op.f("ix_invoices_refers_to_id"), "invoices", ["refers_to_id"], unique=False)
    op.create_index(op.f("ix_invoices_seller_id_id"), "invoices", ["seller_id", "id"], unique=False)
    op.create_index(op.f("ix_invoices_state_due_ms"), "invoices", ["state", "due_ms"], unique=False)
    op.create_table(
        "taxes",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("percent_millionths", sa.BigInteger(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("exemption_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("exemption_code", sa.Text(), server_default="", nullable=False),
        sa.Column("services", sa.JSON(), nullable=False),
        sa.Column("inclusive", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("compound", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("everybody", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.Column("valid_from_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("valid_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("(category IN ('S', 'levy')) = (percent_millionths > 0)", name=op.f("ck_taxes_rate")),
        sa.CheckConstraint("category IN ('S', 'Z', 'E', 'AE', 'K', 'G', 'O', 'levy')", name=op.f("ck_taxes_category")),
        sa.CheckConstraint("percent_millionths BETWEEN 0 AND 100000000", name=op.f("ck_taxes_percent_millionths")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_taxes_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_taxes")),
        sa.UniqueConstraint("account_id", "name", "valid_from_ms", name=op.f("uq_taxes_account_id_name_valid_from_ms")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "account_taxes",
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tax_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_account_taxes_account_id")),
        sa.ForeignKeyConstraint(["tax_id"], ["taxes.id"], name=op.f("fk_account_taxes_tax_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account_id", "tax_id", name=op.f("pk_account_taxes")),
    )
    op.create_index(op.f("ix_account_taxes_tax_id"), "account_taxes", ["tax_id"], unique=False)
    op.create_table(
        "billable_items",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seller_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("period_from_ms", sa.BigInteger(), nullable=False),
        sa.Column("period_to_ms", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint(
            "kind IN ('subscription', 'package', 'rental', 'setup', 'fee', 'adjustment')",
            name=op.f("ck_billable_items_kind"),
        ),
        sa.CheckConstraint("(entry_id IS NULL) = (amount_micros = 0)", name=op.f("ck_billable_items_entry_id")),
        sa.CheckConstraint("(invoice_id IS NULL) = (line_id IS NULL)", name=op.f("ck_billable_items_line_id")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_billable_items_currency")),
        sa.CheckConstraint("period_to_ms >= period_from_ms", name=op.f("ck_billable_items_period")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_billable_items_account_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_billable_items_entry_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_billable_items_invoice_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["accounts.id"], name=op.f("fk_billable_items_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_billable_items")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_billable_items_idempotency_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_billable_items_account_id_invoice_id_at_ms"),
        "billable_items",
        ["account_id", "invoice_id", "at_ms"],
        unique=False,
    )
    op.create_table(
        "invoice_calls",
        sa.Column("cdr_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_invoice_calls_invoice_id")),
        sa.PrimaryKeyConstraint("cdr_id", "level", name=op.f("pk_invoice_calls")),
    )
    op.create_index(op.f("ix_invoice_calls_invoice_id_cdr_id"), "invoice_calls", ["invoice_id", "cdr_id"], unique=False)
    op.create_table(
        "invoice_corrections",
        sa.Column("cdr_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("delta_micros", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_invoice_corrections_invoice_id")),
        sa.PrimaryKeyConstraint("cdr_id", "level", "invoice_id", name=op.f("pk_invoice_corrections")),
    )
    op.create_index(op.f("ix_invoice_corrections_invoice_id"), "invoice_corrections", ["invoice_id"], unique=False)
    op.create_table(
        "invoice_lines",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("invoice_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), server_default="", nullable=False),
        sa.Column("terms", sa.Text(), server_default="", nullable=False),
        sa.Column("exchange", sa.Text(), server_default="1/1", nullable=False),
        sa.Column("quantity", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("billed_s", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("net_micros", sa.BigInteger(), nullable=False),
        sa.Column("tax_group", sa.Integer(), server_default="0", nullable=False),
        sa.Column("period_from_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("period_to_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("item_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("credits_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint(
            "kind IN ('calls', 'messages', 'correction', 'subscription', 'package', 'rental', 'setup', 'fee', "
            "'adjustment')",
            name=op.f("ck_invoice_lines_kind"),
        ),
        sa.CheckConstraint(
            "service IN ('calls', 'messages', 'subscription', 'package', 'rental', 'setup', 'fee', 'adjustment')",
            name=op.f("ck_invoice_lines_service"),
        ),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_invoice_lines_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_lines")),
        sa.UniqueConstraint("invoice_id", "position", name=op.f("uq_invoice_lines_invoice_id_position")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_invoice_lines_invoice_id_destination"), "invoice_lines", ["invoice_id", "destination"], unique=False
    )
    op.create_index(op.f("ix_invoice_lines_credits_line_id"), "invoice_lines", ["credits_line_id"], unique=False)
    op.create_table(
        "invoice_taxes",
        sa.Column("invoice_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tax_group", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("percent_millionths", sa.BigInteger(), nullable=False),
        sa.Column("exemption_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("exemption_code", sa.Text(), server_default="", nullable=False),
        sa.Column("inclusive", sa.Boolean(), nullable=False),
        sa.Column("compound", sa.Boolean(), nullable=False),
        sa.Column("base_micros", sa.BigInteger(), nullable=False),
        sa.Column("tax_micros", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "category IN ('S', 'Z', 'E', 'AE', 'K', 'G', 'O', 'levy')", name=op.f("ck_invoice_taxes_category")
        ),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_invoice_taxes_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", "tax_group", "position", name=op.f("pk_invoice_taxes")),
    )
    allow(op.get_bind(), "entries", "kind", "item", "invoice", "credit_note")
    allow(op.get_bind(), "postings", "book", "tax")
    allow(op.get_bind(), "book_balances", "book", "tax")
    keep_issued(op.get_bind(), _FIXED)
