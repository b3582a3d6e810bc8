"""Lists are sorted by what accounts have, and by what papers come to: rows to sort by, and indices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.database.triggers import keep_balances

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None

_SORTED = (
    ("invoices", "total_micros"), ("receipts", "amount_micros"), ("bank_lines", "amount_micros"),
    ("top_ups", "amount_micros"),
)  # fmt: skip
_IS_BALANCE = sa.text("book = 'balance'")


def upgrade() -> None:
    """Accounts that nothing was ever booked for have a balance of nothing."""
    keep_balances(op.get_bind())
    op.create_index(
        "ix_book_balances_balance",
        "book_balances",
        ["amount_micros", "account_id"],
        sqlite_where=_IS_BALANCE,
        postgresql_where=_IS_BALANCE,
    )
    for table, column in _SORTED:
        op.create_index(op.f(f"ix_{table}_{column}_id"), table, [column, "id"], unique=False)
