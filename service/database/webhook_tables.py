"""Tables of webhooks."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import big, identity, metadata, one_of, refers, text

webhooks = sa.Table(
    "webhooks",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # told of what happens to it and to all below it
    text("url"),
    sa.Column("events", sa.JSON, nullable=False),
    text("secret"),  # signs: it must be known here; shown once
    text("state", "active"),
    big("created_ms"),
    big("version", 1),
    one_of("state", ("active", "suspended")),
    sa.Index(None, "account_id"),
    sqlite_autoincrement=True,
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    identity(),
    sa.Column("webhook_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
              sa.ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    text("event"),
    text("body"),  # as it is sent, byte for byte: the signature is over it
    text("state", "waiting"),
    big("attempts", 0),
    big("next_ms"),
    big("claimed_ms", 0),  # until then somebody is sending it
    sa.Column("status", sa.Integer, nullable=False, server_default="0"),  # of the last answer; 0: none
    text("fault", ""),  # of the last attempt
    big("created_ms"),
    big("done_ms", 0),
    one_of("state", ("waiting", "sent", "failed")),
    sa.Index(None, "state", "next_ms"),
    sa.Index(None, "webhook_id", "id"),
    sqlite_autoincrement=True,
)  # fmt: skip
