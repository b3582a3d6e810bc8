"""Statements, reconciliation, disputes, volume commitments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.database.triggers import allow, make_append_only

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ONLY_GROWING = (
    "statements", "statement_calls", "statement_corrections", "statement_lines", "statement_settlements",
    "statement_adjustments", "partner_adjustments", "dispute_notes", "commitment_settlements",
)  # fmt: skip


def upgrade() -> None:
    """Makes them."""
    op.create_table(
        "commitments",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("group_name", sa.Text(), server_default="", nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("whole", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("committed_s", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rate_nanos", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("(direction = 'both') = (kind = 'swap')", name=op.f("ck_commitments_swap")),
        sa.CheckConstraint("direction IN ('in', 'out', 'both')", name=op.f("ck_commitments_direction")),
        sa.CheckConstraint("kind IN ('steps', 'minimum', 'swap')", name=op.f("ck_commitments_kind")),
        sa.CheckConstraint("period IN ('monthly', 'quarterly', 'whole')", name=op.f("ck_commitments_period")),
        sa.CheckConstraint("state IN ('active', 'ended')", name=op.f("ck_commitments_state")),
        sa.CheckConstraint("committed_s >= 0", name=op.f("ck_commitments_committed_s")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_commitments_currency")),
        sa.CheckConstraint("rate_nanos >= 0", name=op.f("ck_commitments_rate_nanos")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_commitments_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commitments")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_commitments_account_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "partner_adjustments",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("direction IN ('in', 'out', 'both')", name=op.f("ck_partner_adjustments_direction")),
        sa.CheckConstraint("kind IN ('dispute', 'commitment')", name=op.f("ck_partner_adjustments_kind")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_partner_adjustments_currency")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_partner_adjustments_account_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_partner_adjustments_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partner_adjustments")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_partner_adjustments_entry_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_partner_adjustments_account_id_id"), "partner_adjustments", ["account_id", "id"], unique=False
    )
    op.create_table(
        "partner_answers",
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("direction IN ('in', 'out')", name=op.f("ck_partner_answers_direction")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_partner_answers_account_id")),
        sa.PrimaryKeyConstraint("account_id", "direction", name=op.f("pk_partner_answers")),
    )
    op.create_table(
        "reconciliations",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("time_s", sa.BigInteger(), nullable=False),
        sa.Column("duration_s", sa.BigInteger(), nullable=False),
        sa.Column("money_micros", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("kept", sa.BigInteger(), nullable=False),
        sa.Column("differences", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("direction IN ('in', 'out')", name=op.f("ck_reconciliations_direction")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_reconciliations_currency")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_reconciliations_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliations")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_reconciliations_account_id_id"), "reconciliations", ["account_id", "id"], unique=False)
    op.create_table(
        "statements",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seller_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("in_calls", sa.BigInteger(), nullable=False),
        sa.Column("in_micros", sa.BigInteger(), nullable=False),
        sa.Column("out_calls", sa.BigInteger(), nullable=False),
        sa.Column("out_micros", sa.BigInteger(), nullable=False),
        sa.Column("in_corrected_micros", sa.BigInteger(), nullable=False),
        sa.Column("out_corrected_micros", sa.BigInteger(), nullable=False),
        sa.Column("adjusted_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("net_micros", sa.BigInteger(), nullable=False),
        sa.Column("corrections_up_to", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("issued_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_statements_currency")),
        sa.CheckConstraint(
            "net_micros = in_micros + in_corrected_micros - out_micros - out_corrected_micros + adjusted_micros",
            name=op.f("ck_statements_net"),
        ),
        sa.CheckConstraint("until_ms > since_ms", name=op.f("ck_statements_period")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_statements_account_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["accounts.id"], name=op.f("fk_statements_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statements")),
        sa.UniqueConstraint("seller_id", "number", name=op.f("uq_statements_seller_id_number")),
        sa.UniqueConstraint("seller_id", "sequence", name=op.f("uq_statements_seller_id_sequence")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_statements_account_id_id"), "statements", ["account_id", "id"], unique=False)
    op.create_table(
        "commitment_settlements",
        sa.Column("commitment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("in_s", sa.BigInteger(), nullable=False),
        sa.Column("out_s", sa.BigInteger(), nullable=False),
        sa.Column("charged_micros", sa.BigInteger(), nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("settled_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_commitment_settlements_currency")),
        sa.ForeignKeyConstraint(
            ["commitment_id"], ["commitments.id"], name=op.f("fk_commitment_settlements_commitment_id")
        ),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_commitment_settlements_entry_id")),
        sa.PrimaryKeyConstraint("commitment_id", "since_ms", name=op.f("pk_commitment_settlements")),
    )
    op.create_table(
        "disputes",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("reconciliation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("agreed_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("direction IN ('in', 'out')", name=op.f("ck_disputes_direction")),
        sa.CheckConstraint(
            "state IN ('open', 'sent', 'answered', 'accepted', 'partly', 'rejected', 'closed')",
            name=op.f("ck_disputes_state"),
        ),
        sa.CheckConstraint("agreed_micros <= amount_micros", name=op.f("ck_disputes_agreed")),
        sa.CheckConstraint("agreed_micros >= 0", name=op.f("ck_disputes_agreed_micros")),
        sa.CheckConstraint("amount_micros >= 1", name=op.f("ck_disputes_amount_micros")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_disputes_currency")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_disputes_account_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_disputes_entry_id")),
        sa.ForeignKeyConstraint(
            ["reconciliation_id"],
            ["reconciliations.id"],
            name=op.f("fk_disputes_reconciliation_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_disputes_account_id_id"), "disputes", ["account_id", "id"], unique=False)
    op.create_index(op.f("ix_disputes_state_due_ms"), "disputes", ["state", "due_ms"], unique=False)
    op.create_table(
        "statement_adjustments",
        sa.Column(
            "adjustment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("statement_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["adjustment_id"], ["partner_adjustments.id"], name=op.f("fk_statement_adjustments_adjustment_id")
        ),
        sa.ForeignKeyConstraint(
            ["statement_id"], ["statements.id"], name=op.f("fk_statement_adjustments_statement_id")
        ),
        sa.PrimaryKeyConstraint("adjustment_id", name=op.f("pk_statement_adjustments")),
    )
    op.create_index(
        op.f("ix_statement_adjustments_statement_id"), "statement_adjustments", ["statement_id"], unique=False
    )
    op.create_table(
        "statement_calls",
        sa.Column("cdr_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("statement_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["cdr_id"], ["cdrs.id"], name=op.f("fk_statement_calls_cdr_id")),
        sa.ForeignKeyConstraint(["statement_id"], ["statements.id"], name=op.f("fk_statement_calls_statement_id")),
        sa.PrimaryKeyConstraint("cdr_id", "level", name=op.f("pk_statement_calls")),
    )
    op.create_index(op.f("ix_statement_calls_statement_id"), "statement_calls", ["statement_id"], unique=False)
    op.create_table(
        "statement_lines",
        sa.Column("statement_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("billed_s", sa.BigInteger(), nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("direction IN ('in', 'out')", name=op.f("ck_statement_lines_direction")),
        sa.ForeignKeyConstraint(["statement_id"], ["statements.id"], name=op.f("fk_statement_lines_statement_id")),
        sa.PrimaryKeyConstraint("statement_id", "direction", "destination", name=op.f("pk_statement_lines")),
    )
    op.create_table(
        "statement_settlements",
        sa.Column(
            "statement_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("settled_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_statement_settlements_entry_id")),
        sa.ForeignKeyConstraint(
            ["statement_id"], ["statements.id"], name=op.f("fk_statement_settlements_statement_id")
        ),
        sa.PrimaryKeyConstraint("statement_id", name=op.f("pk_statement_settlements")),
    )
    op.create_table(
        "differences",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("reconciliation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cdr_id", sa.BigInteger(), nullable=True),
        sa.Column("call", sa.Text(), server_default="", nullable=False),
        sa.Column("called", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("line", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("twin_line", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("our_ms", sa.BigInteger(), nullable=True),
        sa.Column("their_ms", sa.BigInteger(), nullable=True),
        sa.Column("our_duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("their_duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("our_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("their_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("shift_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("dispute_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint(
            "kind IN ('duration', 'rate', 'time', 'only_ours', 'only_theirs')", name=op.f("ck_differences_kind")
        ),
        sa.ForeignKeyConstraint(["dispute_id"], ["disputes.id"], name=op.f("fk_differences_dispute_id")),
        sa.ForeignKeyConstraint(
            ["reconciliation_id"],
            ["reconciliations.id"],
            name=op.f("fk_differences_reconciliation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_differences")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_differences_dispute_id"), "differences", ["dispute_id"], unique=False)
    op.create_index(
        op.f("ix_differences_reconciliation_id_kind_id"),
        "differences",
        ["reconciliation_id", "kind", "id"],
        unique=False,
    )
    op.create_table(
        "dispute_notes",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("dispute_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("internal", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("actor_account_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'sent', 'answered', 'accepted', 'partly', 'rejected', 'closed')",
            name=op.f("ck_dispute_notes_state"),
        ),
        sa.ForeignKeyConstraint(["dispute_id"], ["disputes.id"], name=op.f("fk_dispute_notes_dispute_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute_notes")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_dispute_notes_dispute_id_id"), "dispute_notes", ["dispute_id", "id"], unique=False)
    op.create_table(
        "statement_corrections",
        sa.Column(
            "correction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("statement_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["correction_id"], ["corrections.id"], name=op.f("fk_statement_corrections_correction_id")
        ),
        sa.ForeignKeyConstraint(
            ["statement_id"], ["statements.id"], name=op.f("fk_statement_corrections_statement_id")
        ),
        sa.PrimaryKeyConstraint("correction_id", name=op.f("pk_statement_corrections")),
    )
    op.create_index(
        op.f("ix_statement_corrections_statement_id"), "statement_corrections", ["statement_id"], unique=False
    )
    op.create_index(op.f("ix_cdrs_cost_account_id_start_ms"), "cdrs", ["cost_account_id", "start_ms"], unique=False)
    allow(op.get_bind(), "entries", "kind", "netting")
    for table in _ONLY_GROWING:
        make_append_only(op.get_bind(), table)
