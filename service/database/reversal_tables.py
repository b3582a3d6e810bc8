"""Tables of payments that went back: refused by a bank, disputed, or posted by mistake; and what gateways say of it."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import ID, at_least, big, identity, is_currency, metadata, refers, text

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

gateway_returns = sa.Table(
    "gateway_returns",
    metadata,
    identity(),
    refers("gateway_id", "payment_gateways.id"),
    text("external"),  # the gateway's name for the payment, which it may not have told of yet
    text("dispute"),  # its name for the dispute, or what `refund` says; empty: the payment's refunds in total
    text("refund", ""),  # made: by this message; failed: by this name; empty: it is none of both
    text("currency"),
    big("back_micros", 0),  # the most that was told of
    big("again_micros", 0),  # of a dispute that was won, of a refund that failed
    is_currency(),
    at_least("back_micros", 0),
    at_least("again_micros", 0),
    sa.UniqueConstraint("gateway_id", "external", "currency", "dispute"),
    sqlite_autoincrement=True,
)
