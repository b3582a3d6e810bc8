"""Tables of sums that overviews are read from: of a whole subtree's calls, and of an account's money, by the hour."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import big, metadata, text

traffic_sums = sa.Table(
    "traffic_sums",
    metadata,
    big("account_id"),
    big("hour_ms"),  # as in `traffic_hourly`
    text("destination"),
    big("attempts"),
    big("answered"),
    big("duration_ms"),
    sa.PrimaryKeyConstraint("account_id", "hour_ms", "destination"),
)
"""Calls that the account and those below it made, or carried as providers: each once, by the tree as it is now."""

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
