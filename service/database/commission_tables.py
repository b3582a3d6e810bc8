"""Tables of commission: who earns what by which rule, each earning, and what was handed out.

`docs/architecture.md`, "Commission", is their contract.
"""

from __future__ import annotations

import sqlalchemy as sa

from service.database.billing_tables import CYCLES, SERVICES
from service.database.columns import BIG, ID, at_least, big, identity, is_currency, metadata, one_of, refers, text

SHARES = ("charge", "above")
SOURCES = ("call", "item", "correction", "credit_note")
HANDING_OUT = ("credit", "pay_out")

commission_rules = sa.Table(
    "commission_rules",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # who earns
    text("service", ""),  # of `SERVICES`; empty: all that earn
    refers("tariff_id", "tariffs.id", nullable=True),  # by which the customer is charged; null: any
    text("destination_group", ""),  # of the called number; empty: any
    big("percent_millionths"),  # 5 % is 5,000,000
    text("share_of", "charge"),  # of the charge, or of what the commission reseller above earns on it
    big("valid_from_ms", 0),
    sa.Column("valid_until_ms", BIG, nullable=True),  # exclusive; null: for good
    big("version", 1),
    sa.CheckConstraint("percent_millionths BETWEEN 0 AND 100000000", name="percent_millionths"),
    one_of("share_of", SHARES),
    one_of("service", ("", *SERVICES)),
    sa.Index(None, "account_id"),
    sqlite_autoincrement=True,
)

commissions = sa.Table(
    "commissions",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # who earns
    refers("seller_id", "accounts.id"),  # who pays it
    text("source"),
    big("cdr_id", 0),  # the two: of `charges`; 0: of no call
    sa.Column("level", sa.Integer, nullable=False, server_default="0"),
    big("reference_id", 0),  # of the item, the correction, or the credit note's line
    big("rule_id", 0),  # by which it was earned; 0: it takes back, by what was earned
    big("percent_millionths", 0),  # of `base_micros`; 0: it takes back
    big("base_micros"),
    big("micros"),  # the two: rounded down, and what is left in hundred-millionths of a micro-unit
    big("remainder"),
    text("currency"),
    refers("entry_id", "entries.id", nullable=True),  # null: all of the batch came to less than a micro-unit
    big("at_ms"),
    refers("payout_id", "commission_payouts.id", nullable=True),
    one_of("source", SOURCES),
    is_currency(),
    sa.CheckConstraint("remainder BETWEEN 0 AND 99999999", name="remainder"),
    sa.UniqueConstraint("account_id", "source", "cdr_id", "level", "reference_id"),
    sa.Index(None, "account_id", "payout_id", "at_ms"),
    sa.Index(None, "cdr_id", "level"),
    sqlite_autoincrement=True,
)
"""One row for each thing that somebody earned on. They only grow; `payout_id` alone changes, once."""

commission_carries = sa.Table(
    "commission_carries",
    metadata,
    refers("account_id", "accounts.id"),
    refers("seller_id", "accounts.id"),
    text("currency"),
    big("remainder"),  # earned and not posted: less than a micro-unit
    sa.PrimaryKeyConstraint("account_id", "seller_id", "currency"),
    sa.CheckConstraint("remainder BETWEEN 0 AND 99999999", name="remainder"),
)
"""So that what is posted is all that was earned, rounded down once."""

commission_terms = sa.Table(
    "commission_terms",
    metadata,
    sa.Column("account_id", ID, sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    text("cycle", "monthly"),
    sa.Column("cycle_day", sa.Integer, nullable=False, server_default="1"),
    text("zone", "UTC"),
    text("handed_out", "credit"),
    big("anchor_ms"),
    big("due_ms"),  # the running period's end
    big("version", 1),
    one_of("cycle", CYCLES),
    one_of("handed_out", HANDING_OUT),
    sa.Index(None, "due_ms"),
)
"""Without a row what is earned waits until somebody hands it out."""

commission_payouts = sa.Table(
    "commission_payouts",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),
    refers("seller_id", "accounts.id"),
    text("currency"),
    big("until_ms"),  # everything earned before it that was not handed out
    text("handed_out"),
    big("amount_micros"),
    big("remainder"),  # of what was earned until then, not handed out
    refers("entry_id", "entries.id"),
    text("actor"),
    big("created_ms"),
    one_of("handed_out", HANDING_OUT),
    is_currency(),
    at_least("amount_micros", 1),
    sa.UniqueConstraint("account_id", "seller_id", "currency", "until_ms"),
    sqlite_autoincrement=True,
)
