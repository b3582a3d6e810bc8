"""Tables of what accounts own beside trunks and gateways."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import at_least, big, identity, limits, metadata, one_of, refers, text

devices = sa.Table(
    "devices",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),
    sa.Column("username", sa.Text, nullable=False, unique=True),  # of the digest; the realm is the installation's
    text("name", ""),
    text("realm"),
    text("ha1_md5"),  # never the password
    text("ha1_sha256"),
    refers("plan_id", "plans.id", nullable=True),
    refers("tariff_id", "tariffs.id", nullable=True),  # null: the account's
    *limits(),
    text("caller_number", ""),  # digits; empty: what the device says
    sa.Column("caller_numbers", sa.JSON, nullable=False, server_default="[]"),  # what it may say instead
    text("international_prefix", "00"),
    text("national_prefix", ""),
    text("country", ""),
    sa.Column("call_max_s", sa.Integer, nullable=True),  # null: as long as anybody's
    big("contacts_max", 5),
    text("transfers", "off"),  # whose REFER and Replaces it takes part in
    one_of("transfers", ("off", "account", "anyone")),
    sa.Column("forwards", sa.Boolean, nullable=False, server_default=sa.false()),  # its redirections are followed
    at_least("call_max_s", 1),
    at_least("contacts_max", 1),
    text("state", "active"),
    big("created_ms"),
    big("version", 1),
    one_of("state", ("active", "suspended")),
    sa.Index(None, "account_id"),
    sqlite_autoincrement=True,
)

numbers = sa.Table(
    "numbers",
    metadata,
    identity(),
    sa.Column("number", sa.Text, nullable=False, unique=True),  # digits of E.164, without +
    refers("account_id", "accounts.id"),
    refers("trunk_id", "trunks.id", nullable=True),
    refers("device_id", "devices.id", nullable=True),
    sa.Column("places", sa.JSON, nullable=False, server_default="[]"),  # after the one above, in their order
    refers("tariff_id", "tariffs.id", nullable=True),  # what the account pays for being called; null: nothing
    *limits(),
    big("ring_s", 20),
    text("without_funds", "refuse"),
    text("note", ""),
    text("state", "active"),
    big("created_ms"),
    big("version", 1),
    one_of("state", ("active", "suspended")),
    one_of("without_funds", ("refuse", "allow")),
    sa.CheckConstraint("trunk_id IS NULL OR device_id IS NULL", name="place"),
    sa.Index(None, "account_id"),
    sqlite_autoincrement=True,
)

translations = sa.Table(
    "translations",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),
    refers("trunk_id", "trunks.id", nullable=True),  # null: of all that the account sends
    refers("gateway_id", "gateways.id", nullable=True),  # of what the gateway gets
    text("subject"),
    big("position"),  # the lowest that matches is applied, and no other
    text("prefix", ""),
    big("length_min", 1),
    big("length_max", 32),
    big("strip", 0),
    text("prepend", ""),
    text("pattern", ""),  # empty: strip and prepend count
    text("replacement", ""),
    text("note", ""),
    big("version", 1),
    one_of("subject", ("caller", "called")),
    sa.CheckConstraint("trunk_id IS NULL OR gateway_id IS NULL", name="place"),
    sa.Index(None, "account_id", "subject", "position"),
    sqlite_autoincrement=True,
)

specials = sa.Table(
    "specials",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # for its calls and those of the accounts below
    refers("trunk_id", "trunks.id", nullable=True),  # null: all of them
    text("number"),
    sa.Column("prefix", sa.Boolean, nullable=False, server_default=sa.false()),  # longer numbers count too
    text("kind"),
    refers("plan_id", "plans.id"),
    text("note", ""),
    big("version", 1),
    one_of("kind", ("emergency", "free")),
    sa.Index(None, "account_id"),
    sqlite_autoincrement=True,
)
