"""Tables of broadcasts, of who wants none, and of notices of rates that change."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import ID, at_least, big, identity, metadata, one_of, refers, text

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
    sa.Column("account_id", ID, sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),  # the seller
    sa.Column("address", sa.Text, primary_key=True),
    text("reason"),
    big("created_ms"),
    one_of("reason", ("unsubscribed", "bounced")),
)
"""Addresses that get no broadcast in a seller's name."""

rate_notices = sa.Table(
    "rate_notices",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),
    refers("tariff_id", "tariffs.id"),
    big("effective_ms"),  # of the first of its changes
    text("digest"),  # SHA-256 of the content: the same changes are told once
    big("changes"),
    sa.Column("content", sa.LargeBinary, nullable=False),  # the attached CSV, zlib
    big("created_ms"),
    sa.UniqueConstraint("account_id", "tariff_id", "digest"),
    sqlite_autoincrement=True,
)
"""What each customer was told of its own rates, byte for byte."""
