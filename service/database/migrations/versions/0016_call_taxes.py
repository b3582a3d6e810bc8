"""Taxes that are added to prepaid prices, in charges, items and lines of invoices."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0026"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Prices have their taxes in them, as before."""
    op.create_table(
        "tax_sets",
        sa.Column("id", _ID, sa.Identity(start=1), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("rates", sa.JSON(), nullable=False),
        sa.Column("factor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tax_sets")),
        sa.UniqueConstraint("digest", name=op.f("uq_tax_sets_digest")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "call_taxes",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("own", sa.Boolean(), nullable=False),
        sa.Column("courses", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_call_taxes_account_id")),
        sa.PrimaryKeyConstraint("account_id", "own", name=op.f("pk_call_taxes")),
    )
    _add("taxes", sa.Column("added_to_prepaid", sa.Boolean(), server_default=sa.false(), nullable=False))
    _add("charges", sa.Column("tax", sa.Text(), server_default="1/1", nullable=False))
    _add("charges", sa.Column("tax_micros", sa.BigInteger(), server_default="0", nullable=False))
    for table in ("charges", "billable_items", "invoice_lines"):
        _add(table, sa.Column("tax_set_id", _ID, server_default="0", nullable=False))


def _add(table: str, column: sa.Column[Any]) -> None:
    """A column alone: SQLite copies no row, and keeps triggers."""
    with op.batch_alter_table(table) as altered:
        altered.add_column(column)
