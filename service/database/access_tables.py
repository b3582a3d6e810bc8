"""Tables of who may do what, and of who did it. Secrets stand here only as hashes."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import BIG, ID, at_least, big, identity, metadata, one_of, refers, text

USER_STATES = ("invited", "active", "suspended")
LINK_PURPOSES = ("invitation", "reset")

roles = sa.Table(
    "roles",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # whoever defined it; it holds for this account and those below
    text("name"),
    sa.Column("permissions", sa.JSON, nullable=False),  # sorted names
    text("built_in", ""),  # its name in the code; empty: somebody made it
    text("note", ""),
    big("created_ms"),
    big("version", 1),
    sa.UniqueConstraint("account_id", "name"),
    sqlite_autoincrement=True,
)

account_roles = sa.Table(
    "account_roles",
    metadata,
    sa.Column("account_id", ID, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    sa.Column("role_id", ID, sa.ForeignKey("roles.id", ondelete="CASCADE"), nullable=False),
    sa.PrimaryKeyConstraint("account_id", "role_id"),
    sa.Index(None, "role_id"),
)
"""Beside the default role of its kind and billing: together the account's ceiling."""

users = sa.Table(
    "users",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),
    text("email"),  # lower case
    text("name"),
    text("state", "invited"),
    sa.Column("password_hash", sa.Text, nullable=True),  # argon2id; null: none was chosen yet
    sa.Column("totp_secret", sa.Text, nullable=True),
    sa.Column("totp_active", sa.Boolean, nullable=False, server_default=sa.false()),
    big("totp_step", 0),  # of the last code that was taken: none is taken twice
    sa.Column("recovery_hashes", sa.JSON, nullable=False),
    text("language", "en"),
    text("timezone", "UTC"),
    big("created_ms"),
    big("signed_in_ms", 0),
    big("version", 1),
    one_of("state", USER_STATES),
    sa.UniqueConstraint("account_id", "email"),
    sa.Index(None, "email"),
    sqlite_autoincrement=True,
)

user_roles = sa.Table(
    "user_roles",
    metadata,
    sa.Column("user_id", ID, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("role_id", ID, sa.ForeignKey("roles.id", ondelete="CASCADE"), nullable=False),
    sa.PrimaryKeyConstraint("user_id", "role_id"),
    sa.Index(None, "role_id"),
)

sessions = sa.Table(
    "sessions",
    metadata,
    identity(),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sa.Column("user_id", ID, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("behalf_of_id", ID, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=True),  # "log in as"
    text("address"),
    text("agent"),
    big("created_ms"),
    big("seen_ms"),  # to the minute
    big("expires_ms"),
    sa.Index(None, "user_id"),
    sqlite_autoincrement=True,
)
"""`user_id` is who signed in; `behalf_of_id` whom they act as."""

tokens = sa.Table(
    "tokens",
    metadata,
    identity(),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sa.Column("user_id", ID, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("role_id", ID, sa.ForeignKey("roles.id", ondelete="CASCADE"), nullable=True),  # null: what the user may
    text("name"),
    big("created_ms"),
    big("seen_ms", 0),
    sa.Column("expires_ms", BIG, nullable=True),
    sa.Index(None, "user_id"),
    sa.Index(None, "role_id"),
    sqlite_autoincrement=True,
)

user_links = sa.Table(
    "user_links",
    metadata,
    identity(),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sa.Column("user_id", ID, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    text("purpose"),
    big("created_ms"),
    big("expires_ms"),
    one_of("purpose", LINK_PURPOSES),
    sa.Index(None, "user_id"),
    sqlite_autoincrement=True,
)
"""What an invitation or a password reset carries; gone once used."""

sign_in_failures = sa.Table(
    "sign_in_failures",
    metadata,
    sa.Column("who", sa.Text, primary_key=True),  # hash of the door: of a user, or of an address that nobody has
    sa.Column("failures", sa.Integer, nullable=False),
    big("locked_until_ms", 0),
    big("failed_ms"),
    at_least("failures", 0),
)

MAIL_STATES = ("waiting", "sent", "failed", "bounced", "left_out", "cancelled")

mails = sa.Table(
    "mails",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # whose mail it is: its seller's name stands above it
    text("recipient"),
    text("template"),
    sa.Column("fields", sa.JSON, nullable=False),
    text("state", "waiting"),
    refers("broadcast_id", "broadcasts.id", nullable=True),  # null: it belongs to none
    refers("notice_id", "rate_notices.id", nullable=True),  # likewise
    big("next_ms", 0),  # not before
    big("claimed_ms", 0),  # until then somebody is sending it
    big("attempts", 0),
    text("message_id", ""),  # the header, the same at each attempt; empty: nobody has tried
    text("fault", ""),  # of the last attempt, or of the bounce: the server's words
    big("done_ms", 0),
    big("created_ms"),
    one_of("state", MAIL_STATES),
    sa.UniqueConstraint("broadcast_id", "recipient"),
    sa.UniqueConstraint("notice_id", "account_id", "recipient"),
    sa.Index(None, "state", "next_ms"),
    sa.Index(None, "account_id", "id"),
    sa.Index(None, "message_id"),
    sqlite_autoincrement=True,
)
"""What is to be mailed, and what came of it."""

audit = sa.Table(
    "audit",
    metadata,
    identity(),
    big("created_ms"),
    sa.Column("user_id", BIG, nullable=True),  # null: the command line, or a part of the system
    text("actor"),
    sa.Column("actor_account_id", BIG, nullable=False),
    sa.Column("behalf_of_id", BIG, nullable=True),
    text("behalf_of", ""),
    text("address"),
    text("action"),
    text("noun"),
    big("noun_id"),
    refers("account_id", "accounts.id"),  # whose thing it is
    text("before"),  # canonical JSON; empty: it was made
    text("after"),  # likewise; empty: it is gone
    text("prior_hash"),
    text("hash"),
    sa.Index(None, "account_id", "id"),
    sa.Index(None, "noun", "noun_id"),
    sqlite_autoincrement=True,
)
"""Append-only: triggers refuse anything else, and each line's hash holds the one before."""

audit_head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    text("hash"),
)
"""One row: the hash of the last line. Its lock puts the lines in their order."""

answers = sa.Table(
    "answers",
    metadata,
    sa.Column("account_id", BIG, nullable=False),  # of whoever asked
    text("key"),
    text("digest"),  # of what was asked
    sa.Column("status", sa.Integer, nullable=False),
    text("body"),
    big("created_ms"),
    sa.PrimaryKeyConstraint("account_id", "key"),
    sa.Index(None, "created_ms"),
)
"""Answers that stand under an idempotency key."""

access_state = sa.Table(
    "access_state",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    big("generation"),
)
"""One row: moved by each change that may change what somebody may do."""
