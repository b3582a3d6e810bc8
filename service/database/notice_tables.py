"""Tables of notices of rates that change."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import ID, at_least, big, identity, metadata, one_of, refers, text

NOTICE_STATES = ("waiting", "gathering", "sending", "done", "cancelled", "failed")
FORMATS = ("csv", "xlsx")
NOUNS = ("trunk", "device", "number")
"""Of what may have a tariff of its own."""

rate_notices = sa.Table(
    "rate_notices",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # who sells by the tariff, and tells of it
    refers("tariff_id", "tariffs.id"),
    refers("publication_id", "publications.id", nullable=True),  # that waits for its moment; null: it was done at once
    refers(
        "payer_id", "accounts.id", nullable=True
    ),  # that came to the tariff from another one; null: whoever pays by it
    text("before", ""),  # the version until then; empty: whatever holds before the publication's moment
    text("after"),
    big("takes_ms"),  # when the new version comes into force
    big("effective_ms"),  # when the first price moves
    big("due_ms"),  # when it is sent
    text("state", "waiting"),
    big("position", 0),  # the last account (accounts.id) that was asked for its people
    big("changes", 0),  # how many; known when it begins
    big("accounts", 0),  # whose prices change
    big("unreached", 0),  # of these, those with nobody to write to
    text("reason", ""),  # why it was cancelled, or failed
    text("actor"),  # who published
    big("created_ms"),
    big("done_ms", 0),
    big("version", 1),
    one_of("state", NOTICE_STATES),
    sa.Index(None, "state", "due_ms"),
    sa.Index(None, "account_id", "id"),
    sa.Index(None, "tariff_id", "state"),
    sa.Index(None, "publication_id"),
    sa.Index(None, "payer_id"),
    sqlite_autoincrement=True,
)
"""One tariff's new version, as those are told of it who pay by it; or another tariff, as its account is told of it.
Their mails are rows of `mails`.
"""

rate_notice_things = sa.Table(
    "rate_notice_things",
    metadata,
    sa.Column("notice_id", ID, sa.ForeignKey("rate_notices.id"), primary_key=True, autoincrement=False),
    sa.Column("noun", sa.Text, primary_key=True),
    sa.Column("thing_id", ID, primary_key=True, autoincrement=False),  # of a table by its noun; it may be gone
    one_of("noun", NOUNS),
)
"""What came to the tariff of a notice that is for one account; no row: the account itself."""

notice_terms = sa.Table(
    "notice_terms",
    metadata,
    sa.Column("account_id", ID, sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    sa.Column("sends", sa.Boolean, nullable=False, server_default=sa.false()),  # as a seller
    sa.Column("days", sa.Integer, nullable=False, server_default="7"),  # ahead
    text("format", "csv"),
    sa.Column("wait_minutes", sa.Integer, nullable=False, server_default="15"),  # for a look at it, before it goes
    sa.Column("gets", sa.Boolean, nullable=False, server_default=sa.true()),  # as a buyer
    text("gets_format", ""),  # empty: its seller's
    big("version", 1),
    one_of("format", FORMATS),
    one_of("gets_format", ("", *FORMATS)),
    at_least("days", 0),
    at_least("wait_minutes", 0),
)
"""How a seller tells of rates that change, and how an account is told; who has no row: as the columns' defaults say."""
