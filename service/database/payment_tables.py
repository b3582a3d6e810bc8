"""Tables of payments: what of them pays which invoice, vouchers, gateways that tell of payments, lines of bank files.

`docs/architecture.md`, "Payments", is their contract.
"""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import BIG, ID, at_least, big, identity, is_currency, metadata, one_of, refers, text

VOUCHER_STATES = ("open", "used", "void")
TOP_UP_STATES = ("open", "paid")
BANK_LINE_STATES = ("open", "posted", "ignored")

payment_rests = sa.Table(
    "payment_rests",
    metadata,
    sa.Column("entry_id", ID, sa.ForeignKey("entries.id"), primary_key=True, autoincrement=False),
    refers("account_id", "accounts.id"),
    text("currency"),
    big("rest_micros"),  # of the payment, not yet on an invoice
    at_least("rest_micros", 0),
    is_currency(),
    sa.Index(None, "account_id", "entry_id"),
)
"""Of payments of postpaid accounts: what waits for the next invoice."""

allocations = sa.Table(
    "allocations",
    metadata,
    identity(),
    refers("entry_id", "entries.id"),  # the payment
    refers("invoice_id", "invoices.id"),
    refers("account_id", "accounts.id"),
    big("amount_micros"),  # below zero: taken back
    text("currency"),
    big("created_ms"),
    sa.CheckConstraint("amount_micros <> 0", name="amount_micros"),
    is_currency(),
    sa.Index(None, "invoice_id"),
    sa.Index(None, "entry_id"),
    sqlite_autoincrement=True,
)
"""They only grow; an invoice's `paid_micros` is their sum."""

balance_alerts = sa.Table(
    "balance_alerts",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),
    big("threshold_micros"),
    text("currency"),  # the account's
    text("email"),
    big("version", 1),
    is_currency(),
    sa.UniqueConstraint("account_id", "threshold_micros", "email"),
    sqlite_autoincrement=True,
)

voucher_batches = sa.Table(
    "voucher_batches",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # the seller
    text("name"),
    big("amount_micros"),
    text("currency"),
    big("count"),
    sa.Column("expires_ms", BIG, nullable=True),  # exclusive; null: never
    text("actor"),
    big("created_ms"),
    at_least("amount_micros", 1),
    at_least("count", 1),
    is_currency(),
    sqlite_autoincrement=True,
)

vouchers = sa.Table(
    "vouchers",
    metadata,
    identity(),
    sa.Column("batch_id", ID, sa.ForeignKey("voucher_batches.id", ondelete="CASCADE"), nullable=False),
    sa.Column("code_hash", sa.Text, nullable=False, unique=True),  # SHA-256; the code is shown once
    text("ending"),  # its last four symbols, for people
    text("state", "open"),
    refers("account_id", "accounts.id", nullable=True),  # that has used it
    refers("entry_id", "entries.id", nullable=True),
    big("used_ms", 0),
    one_of("state", VOUCHER_STATES),
    sa.CheckConstraint("(state = 'used') = (entry_id IS NOT NULL)", name="entry_id"),
    sa.Index(None, "batch_id"),
    sqlite_autoincrement=True,
)

payment_gateways = sa.Table(
    "payment_gateways",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # the seller that it pays
    text("name"),
    text("kind"),
    text("secret"),  # that its messages are signed with
    text("link"),  # where customers pay
    text("api_key", ""),  # that payments are asked for by; empty: none are
    sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
    big("version", 1),
    one_of("kind", ("stripe",)),
    sa.UniqueConstraint("account_id", "name"),
    sqlite_autoincrement=True,
)

top_ups = sa.Table(
    "top_ups",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),
    refers("gateway_id", "payment_gateways.id"),
    sa.Column("reference", sa.Text, nullable=False, unique=True),
    big("amount_micros"),
    text("currency"),
    text("state", "open"),
    refers("entry_id", "entries.id", nullable=True),
    text("external", ""),  # the gateway's name for the payment
    big("returned_micros", 0),  # refunded or disputed
    big("created_ms"),
    one_of("state", TOP_UP_STATES),
    at_least("amount_micros", 1),
    is_currency(),
    sa.CheckConstraint("(state = 'paid') = (entry_id IS NOT NULL)", name="entry_id"),
    sa.CheckConstraint("returned_micros BETWEEN 0 AND amount_micros", name="returned_micros"),
    sa.Index(None, "account_id"),
    sa.Index(None, "entry_id"),
    sa.Index(None, "external"),
    sa.Index(None, "amount_micros", "id"),
    sqlite_autoincrement=True,
)

gateway_events = sa.Table(
    "gateway_events",
    metadata,
    identity(),
    refers("gateway_id", "payment_gateways.id"),
    text("event"),  # the gateway's name for it
    text("kind"),
    text("outcome"),
    big("created_ms"),
    sa.UniqueConstraint("gateway_id", "event"),
    sqlite_autoincrement=True,
)
"""Each is taken once."""

bank_lines = sa.Table(
    "bank_lines",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # the seller whose bank it is
    text("digest"),  # of the line, and of which one of those alike in its file it is
    text("booked_on"),  # a day, as YYYY-MM-DD
    big("amount_micros"),
    text("currency"),
    text("payer"),
    text("remittance"),
    text("state", "open"),
    text("why", ""),  # it is open
    refers("payer_account_id", "accounts.id", nullable=True),
    refers("entry_id", "entries.id", nullable=True),
    big("created_ms"),
    one_of("state", BANK_LINE_STATES),
    is_currency(),
    sa.CheckConstraint("(state = 'posted') = (entry_id IS NOT NULL)", name="entry_id"),
    sa.UniqueConstraint("account_id", "digest"),
    sa.Index(None, "amount_micros", "id"),
    sqlite_autoincrement=True,
)
