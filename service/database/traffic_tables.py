"""Tables of sums that overviews and reports are read from: of a whole subtree's calls, and of an account's money."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import big, metadata, text

LEADING = "ix_call_sums_leading"
EARNING = "ix_call_sums_earning"
LEADING_OF = "account_id = 1 AND dimension IN ('account', 'trunk')"

call_sums = sa.Table(
    "call_sums",
    metadata,
    big("account_id"),
    text("dimension"),  # as `service.calls.sums` names them
    big("span_ms"),  # the hour's or day's first millisecond, UTC, in which the calls began
    big("number"),  # of what they have in common: an account, trunk, provider, gateway, SIP code; 0: none
    text("destination"),  # likewise; empty where it is another dimension
    text("currency"),  # of the money; calls are counted in the account's own
    big("attempts"),
    big("answered"),
    big("duration_ms"),
    big("rang"),
    big("pdd_ms"),  # of those together
    big("earned_micros"),  # by the account itself, without taxes that were added
    big("spent_micros"),
    sa.PrimaryKeyConstraint("account_id", "dimension", "span_ms", "number", "destination", "currency"),
    sa.Index(
        LEADING, "dimension", "span_ms", "duration_ms", "number",
        sqlite_where=sa.text(LEADING_OF), postgresql_where=sa.text(LEADING_OF),
    ),  # who has as many sums a day as there are customers: which of them called longest
    sa.Index(
        EARNING, "dimension", "currency", "span_ms", "earned_micros", "number",
        sqlite_where=sa.text(LEADING_OF), postgresql_where=sa.text(LEADING_OF),
    ),  # and which of them brought in most
    sqlite_with_rowid=False,
)  # fmt: skip
"""Calls that the account and those below it made, or carried as providers: each once, by the tree as it is now.

In each dimension the same calls and the same money, but that a customer has none by gateway and provider, and the
operator alone some by account and trunk of each hour.
"""

money_hourly = sa.Table(
    "money_hourly",
    metadata,
    big("account_id"),
    big("hour_ms"),  # in which it was booked
    text("book"),
    text("currency"),
    big("amount_micros"),
    sa.PrimaryKeyConstraint("account_id", "hour_ms", "book", "currency"),
)
"""What entries of calls and of their corrections have posted to the books of `service.ledger.hourly`."""
