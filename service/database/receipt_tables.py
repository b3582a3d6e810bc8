"""Tables of receipts: what was given for which payment, and who wants them by mail."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import ID, at_least, big, identity, is_currency, metadata, one_of, refers, text

MAILED = ("all", "gateways", "none")

receipts = sa.Table(
    "receipts",
    metadata,
    identity(),
    refers("seller_id", "accounts.id"),
    refers("account_id", "accounts.id"),
    sa.Column("entry_id", ID, sa.ForeignKey("entries.id"), nullable=False, unique=True),  # the payment
    text("number"),
    big("amount_micros"),
    text("currency"),
    text("reason"),
    text("language"),
    text("zone"),
    sa.Column("paid", sa.JSON, nullable=False),  # number and micro-units of each invoice that it paid at once
    sa.Column("seller", sa.JSON, nullable=False),  # as they were: service.billing.written, `party_of`
    sa.Column("buyer", sa.JSON, nullable=False),
    big("issued_ms"),
    at_least("amount_micros", 1),
    is_currency(),
    sa.UniqueConstraint("seller_id", "number"),
    sa.Index(None, "account_id", "id"),
    sa.Index(None, "amount_micros", "id"),
    sqlite_autoincrement=True,
)
"""They only grow: what was given says what was true then."""

receipt_wishes = sa.Table(
    "receipt_wishes",
    metadata,
    sa.Column("account_id", ID, sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    text("mailed"),
    big("version", 1),
    one_of("mailed", MAILED),
)
"""Of which payments an account wants its receipts by mail; without a row: of those that a gateway tells of."""
