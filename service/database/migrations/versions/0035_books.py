"""Payments that go back: invoices are open again. What credit notes freed of payments is told as such."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from service.database.triggers import make_append_only

revision = "0035"
down_revision = "0028"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """One table more; allocations may be taken back."""
    op.create_table(
        "payment_reversals",
        sa.Column("id", _ID, sa.Identity(start=1), nullable=False),
        sa.Column("payment_id", _ID, nullable=False),
        sa.Column("entry_id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_micros <> 0", name=op.f("ck_payment_reversals_amount_micros")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_payment_reversals_currency")),
        sa.ForeignKeyConstraint(["payment_id"], ["entries.id"], name=op.f("fk_payment_reversals_payment_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_payment_reversals_entry_id")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_payment_reversals_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_reversals")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_payment_reversals_entry_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_payment_reversals_payment_id"), "payment_reversals", ["payment_id"], unique=False)
    op.create_index(op.f("ix_top_ups_entry_id"), "top_ups", ["entry_id"], unique=False)
    conn = op.get_bind()
    make_append_only(conn, "payment_reversals")
    with op.batch_alter_table("allocations", table_kwargs={"sqlite_autoincrement": True}) as allocations:
        allocations.drop_constraint(op.f("ck_allocations_amount_micros"), type_="check")
        allocations.create_check_constraint(op.f("ck_allocations_amount_micros"), "amount_micros <> 0")
    if conn.dialect.name == "sqlite":  # its rows were copied into a table without triggers
        make_append_only(conn, "allocations")
    _take_freed_back(conn)


def _take_freed_back(conn: sa.Connection) -> None:
    """What was paid of an invoice and credited waits again already: its allocation says so now, the newest first."""
    over = sa.text(
        "SELECT id, paid_micros + credited_micros - total_micros FROM invoices WHERE kind = 'invoice' AND "
        "total_micros >= 0 AND paid_micros + credited_micros > total_micros AND NOT prepaid"
    )
    for invoice_id, freed in conn.execute(over).all():
        left = int(freed)
        given = sa.text("SELECT * FROM allocations WHERE invoice_id = :invoice ORDER BY id DESC")
        for row in conn.execute(given, {"invoice": invoice_id}).all():
            left -= _take(conn, row, min(left, row.amount_micros))


def _take(conn: sa.Connection, row: sa.Row[Any], micros: int) -> int:
    if micros:
        taken = {**row._mapping, "micros": -micros}
        conn.execute(
            sa.text(
                "INSERT INTO allocations (entry_id, invoice_id, account_id, amount_micros, currency, created_ms) "
                "VALUES (:entry_id, :invoice_id, :account_id, :micros, :currency, :created_ms)"
            ),
            taken,
        )
        paid = sa.text("UPDATE invoices SET paid_micros = paid_micros - :micros WHERE id = :invoice")
        conn.execute(paid, {"micros": micros, "invoice": row.invoice_id})
    return micros
