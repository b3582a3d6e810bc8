"""Tables of limits and fraud control."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import at_least, big, identity, metadata, one_of, refers, text

MEASURES = ("spend", "minutes", "calls", "destinations", "first_call")
PERIODS = ("hour", "day", "call")
ACTIONS = ("warn", "block", "suspend")
PATTERNS = ("short_calls", "ring_only", "false_answers", "sequential")

call_limits = sa.Table(
    "call_limits",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # it counts the calls of the account and of those below it
    refers("trunk_id", "trunks.id", nullable=True),  # null: whichever way they come
    text("name"),
    text("measure"),
    text("destinations", ""),  # the destination group that it counts; empty: all numbers
    text("period"),
    big("amount"),  # micro-units, milliseconds, calls, destinations; of a first call seconds
    text("action"),
    big("set_by"),  # the account of who made it: who stands below can't change it
    big("created_ms"),
    big("version", 1),
    one_of("measure", MEASURES),
    one_of("period", PERIODS),
    one_of("action", ACTIONS),
    at_least("amount", 0),
    sa.Index(None, "account_id"),
    sqlite_autoincrement=True,
)

number_filters = sa.Table(
    "number_filters",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),
    refers("trunk_id", "trunks.id", nullable=True),
    text("subject"),
    text("digits"),
    sa.Column("whole", sa.Boolean, nullable=False, server_default=sa.false()),  # longer numbers don't count
    text("kind"),
    text("note", ""),
    big("set_by"),
    big("created_ms"),
    one_of("subject", ("caller", "called")),
    one_of("kind", ("allow", "block")),
    sa.Index(None, "account_id"),
    sqlite_autoincrement=True,
)
"""Allow and block lists, an entry each."""

risk_ranges = sa.Table(
    "risk_ranges",
    metadata,
    identity(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("prefixes", sa.JSON, nullable=False),
    big("open_through", 0),  # accounts up to this id have it open unless they say otherwise
    big("created_ms"),
    big("version", 1),
    sqlite_autoincrement=True,
)
"""Of the operator: numbers that cost dearly where they are called by whom nobody knows."""

risk_choices = sa.Table(
    "risk_choices",
    metadata,
    refers("account_id", "accounts.id"),
    sa.Column("range_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
              sa.ForeignKey("risk_ranges.id", ondelete="CASCADE"), nullable=False),
    sa.Column("open", sa.Boolean, nullable=False),
    sa.PrimaryKeyConstraint("account_id", "range_id"),
)  # fmt: skip
"""Where an account says otherwise."""

call_patterns = sa.Table(
    "call_patterns",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # of the trunk, or the provider
    refers("trunk_id", "trunks.id", nullable=True),  # its calls; null: of a gateway, or of all of a provider's
    refers("gateway_id", "gateways.id", nullable=True),
    text("name"),
    text("kind"),
    big("window_s"),
    big("calls_min"),  # fewer say nothing; of sequential: numbers in a row
    big("percent"),  # of them; of sequential: 0
    big("shorter_ms"),  # what is short: of a talk, a ringing, or an answer without one; of sequential: 0
    text("action"),
    big("set_by"),
    big("created_ms"),
    big("alarmed_ms", 0),  # of the crossing that goes on; 0: there is none
    big("version", 1),
    one_of("kind", PATTERNS),
    one_of("action", ACTIONS),
    sa.CheckConstraint("trunk_id IS NULL OR gateway_id IS NULL", name="place"),
    at_least("window_s", 60),
    at_least("calls_min", 1),
    sa.Index(None, "account_id"),
    sqlite_autoincrement=True,
)

alarms = sa.Table(
    "alarms",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),
    big("trunk_id", 0),  # 0: of the account, or a gateway's
    big("gateway_id", 0),
    big("limit_id", 0),  # what was crossed, even if it is gone; 0: a pattern
    big("pattern_id", 0),
    text("rule"),  # in words
    text("seen"),
    text("action"),
    big("raised_ms"),
    big("until_ms", 0),  # of a block for a while; 0: until somebody lifts it
    big("lifted_ms", 0),  # 0: nobody has; of a warning there is nothing to lift
    text("lifted_by", ""),
    one_of("action", ACTIONS),
    sa.Index(None, "account_id", "id"),
    sa.Index(None, "lifted_ms", "until_ms"),
    sqlite_autoincrement=True,
)
"""One for each crossing. What has suspended something is lifted, once."""
