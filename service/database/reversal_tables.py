"""The table of payments that went back: refused by a bank, disputed, or posted by mistake."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import ID, big, identity, is_currency, metadata, refers, text

payment_reversals = sa.Table(
    "payment_reversals",
    metadata,
    identity(),
    refers("payment_id", "entries.id"),
    sa.Column("entry_id", ID, sa.ForeignKey("entries.id"), nullable=False, unique=True),  # that takes it back
    refers("account_id", "accounts.id"),
    big("amount_micros"),  # below zero: it came after all
    text("currency"),
    text("reason"),
    big("created_ms"),
    sa.CheckConstraint("amount_micros <> 0", name="amount_micros"),
    is_currency(),
    sa.Index(None, "payment_id"),
    sqlite_autoincrement=True,
)
"""They only grow."""
