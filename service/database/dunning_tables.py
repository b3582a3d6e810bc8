"""Tables of dunning: what sellers do about invoices that aren't paid, whom they spare, and what was done.

`docs/architecture.md`, "Dunning", is their contract.
"""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import BIG, ID, at_least, big, identity, is_currency, metadata, one_of, refers, text

STEP_KINDS = ("reminder", "fee", "bar")
OUTCOMES = ("done", "passed")

dunning_terms = sa.Table(
    "dunning_terms",
    metadata,
    sa.Column("account_id", ID, sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),  # the seller
    big("version", 1),
)

dunning_steps = sa.Table(
    "dunning_steps",
    metadata,
    identity(),
    sa.Column("account_id", ID, sa.ForeignKey("dunning_terms.account_id", ondelete="CASCADE"), nullable=False),
    text("kind"),
    big("days"),  # after the last moment to pay; below zero: before it
    big("amount_micros", 0),  # of a fixed fee
    text("currency", ""),  # of a fixed fee: only invoices of this currency bear it
    big("percent_millionths", 0),  # of any other fee: of what is open; 5 % is 5,000,000
    one_of("kind", STEP_KINDS),
    sa.CheckConstraint("days BETWEEN -365 AND 365", name="days"),
    sa.CheckConstraint("kind = 'reminder' OR days >= 0", name="after"),
    sa.CheckConstraint(
        "CASE WHEN kind = 'fee' THEN (amount_micros > 0) <> (percent_millionths > 0) "
        "ELSE amount_micros = 0 AND percent_millionths = 0 END",
        name="fee",
    ),
    sa.CheckConstraint("(amount_micros > 0) = (currency <> '')", name="currency"),
    sa.CheckConstraint("percent_millionths BETWEEN 0 AND 100000000", name="percent_millionths"),
    at_least("amount_micros", 0),
    sa.UniqueConstraint("account_id", "kind", "days", "currency"),
    sqlite_autoincrement=True,
)

dunning_exemptions = sa.Table(
    "dunning_exemptions",
    metadata,
    sa.Column("account_id", ID, sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),  # the buyer
    text("reason"),
    sa.Column("until_ms", BIG, nullable=True),  # exclusive; null: for good
    text("actor"),
    big("created_ms"),
)

dunning_actions = sa.Table(
    "dunning_actions",
    metadata,
    identity(),
    refers("invoice_id", "invoices.id"),
    refers("account_id", "accounts.id"),  # the buyer
    text("kind"),
    big("days"),
    text("outcome", "done"),  # passed: another step stood for it
    big("open_micros"),  # of the invoice, then
    big("fee_micros", 0),
    text("currency"),
    sa.Column("recipients", sa.JSON, nullable=False),  # of a reminder
    big("done_ms"),
    big("lifted_ms", 0),  # of a barring
    one_of("kind", STEP_KINDS),
    one_of("outcome", OUTCOMES),
    is_currency(),
    sa.UniqueConstraint("invoice_id", "kind", "days"),
    sa.Index(None, "account_id", "kind"),
    sqlite_autoincrement=True,
)
"""Each step of an invoice is done once: the key sees to it."""
