"""Tables of what accounts own beside trunks and gateways."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import big, identity, limits, metadata, one_of, refers, text

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
    text("note", ""),
    text("state", "active"),
    big("created_ms"),
    big("version", 1),
    one_of("state", ("active", "suspended")),
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
