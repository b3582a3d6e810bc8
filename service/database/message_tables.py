"""Tables of broadcasts, and of who wants none."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import at_least, big, identity, metadata, one_of, refers, text

BROADCAST_STATES = ("draft", "scheduled", "running", "paused", "done", "cancelled")

broadcasts = sa.Table(
    "broadcasts",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # who sends it: to accounts below
    text("name"),
    text("subject"),
    text("text"),
    sa.Column("audience", sa.JSON, nullable=False),  # the filter
    text("state", "draft"),
    big("per_minute"),
    big("start_ms", 0),  # when it begins, or has begun; 0: not said yet
    big("paused_ms", 0),  # since then it stands still; 0: it doesn't
    text("paused_why", ""),  # suspended: who sends it is; empty: somebody wanted it so
    big("done_ms", 0),
    text("actor"),
    big("created_ms"),
    big("version", 1),
    one_of("state", BROADCAST_STATES),
    at_least("per_minute", 1),
    sa.Index(None, "account_id", "id"),
    sa.Index(None, "state", "start_ms"),
    sqlite_autoincrement=True,
)

suppressions = sa.Table(
    "suppressions",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # the seller
    text("address"),
    text("reason"),
    big("created_ms"),
    one_of("reason", ("unsubscribed", "bounced")),
    sa.UniqueConstraint("account_id", "address"),
    sqlite_autoincrement=True,
)
"""Addresses that get no broadcast in a seller's name."""
