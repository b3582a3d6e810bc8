"""Tables of the delivery of call records."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import ID, at_least, big, identity, metadata, one_of, refers, text

SIDES = ("customer", "provider")
PERIODS = ("hourly", "daily", "calls")
WAYS = ("folder", "webhook", "mail", "sftp")

cdr_deliveries = sa.Table(
    "cdr_deliveries",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # whose view of the calls it is
    text("name"),
    text("side"),  # what it pays for, or what it is paid for
    text("period"),
    big("every_calls", 0),  # of `calls`: how many are a file
    sa.Column("answered_only", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("columns", sa.JSON, nullable=False),
    text("zone", "UTC"),
    text("separator", ","),
    text("way"),
    text("target"),  # a folder's name, a URL, an address
    text("secret", ""),  # a webhook's, or by SFTP our private key
    text("public_key", ""),  # its other half, for authorized_keys
    text("password", ""),  # by SFTP: it must be known here; empty: the key is enough
    text("host_key", ""),  # that is trusted; empty: none yet
    text("shown_key", ""),  # that the server showed when it was last asked
    text("fault", ""),  # of the last attempt to bring a file; empty: it was taken
    text("state", "active"),
    big("position"),  # the last record (cdrs.id) that was looked at: it is in a file, or concerns nobody here
    big("files", 0),  # how many there are: the last one's number
    big("due_ms"),  # when the next one is cut
    big("created_ms"),
    big("version", 1),
    one_of("side", SIDES),
    one_of("period", PERIODS),
    one_of("way", WAYS),
    one_of("state", ("active", "suspended")),
    at_least("every_calls", 0),
    sa.UniqueConstraint("account_id", "name"),
    sa.Index(None, "state", "due_ms"),
    sqlite_autoincrement=True,
)

cdr_files = sa.Table(
    "cdr_files",
    metadata,
    identity(),
    sa.Column("delivery_id", ID, sa.ForeignKey("cdr_deliveries.id", ondelete="CASCADE"), nullable=False),
    big("number"),  # of the delivery's, from 1, without a gap
    text("name"),
    big("after_id"),  # the records from behind this one up to the next
    big("last_id"),
    big("calls"),
    sa.Column("content", sa.LargeBinary, nullable=True),  # packed (zlib); null: sent long ago, and forgotten
    text("state", "waiting"),
    big("attempts", 0),
    big("next_ms"),
    big("claimed_ms", 0),  # until then somebody is sending it
    sa.Column("status", sa.Integer, nullable=False, server_default="0"),  # of a webhook's last answer; 0: none
    text("fault", ""),  # of the last attempt
    big("cut_ms"),
    big("done_ms", 0),
    one_of("state", ("waiting", "sent", "failed")),
    sa.UniqueConstraint("delivery_id", "number"),
    sa.Index(None, "state", "next_ms"),
    sqlite_autoincrement=True,
)
