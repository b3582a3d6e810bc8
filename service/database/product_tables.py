"""Tables of products: what sellers offer, who has subscribed to it, what it was charged for, what packages grant."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import ID, at_least, big, identity, is_currency, metadata, one_of, refers, text

PRODUCT_KINDS = ("subscription", "rental", "package")
PRODUCT_STATES = ("active", "withdrawn")
PERIODS = ("day", "week", "month", "quarter", "year")
ANCHORS = ("start", "calendar")
SHARES = ("full", "days")
REFUNDS = ("none", "days")
WITHOUT_FUNDS = ("retry", "suspend", "end")
SUBSCRIPTION_STATES = ("starting", "active", "suspended", "ended", "refused")
FEE_KINDS = ("setup", "period", "refund")
GRANT_STATES = ("open", "closed")

products = sa.Table(
    "products",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # who sells it
    text("name"),
    text("kind"),
    text("description", ""),
    big("price_micros"),  # of a period
    big("setup_micros", 0),  # once, at the start
    text("currency"),
    text("period"),
    text("anchor", "start"),  # periods begin with the subscription, or at the calendar's days
    sa.Column("day", sa.Integer, nullable=False, server_default="1"),  # of a calendar's month, or weekday: 1 Monday
    text("zone", "UTC"),
    text("first_period", "full"),  # what a first period costs that is shorter than others
    text("refund", "none"),  # what comes back when it is cancelled within a period
    sa.Column("renews", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("forced", sa.Boolean, nullable=False, server_default=sa.false()),  # owed whatever is there
    text("without_funds", "suspend"),
    big("retry_days", 7),  # of `retry`: then it ends
    sa.Column("money", sa.Boolean, nullable=False, server_default=sa.false()),  # of a package: else seconds
    big("amount", 0),  # what a package grants for a period
    sa.Column("groups", sa.JSON, nullable=False, server_default="[]"),  # names; empty: every number
    sa.Column("tariff_ids", sa.JSON, nullable=False, server_default="[]"),  # empty: any
    sa.Column("covers_fees", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
    big("rollover_periods", 0),  # how many further ones what is left may be used in
    text("state", "active"),
    sa.Column("offered", sa.Boolean, nullable=False, server_default=sa.false()),  # accounts may take it themselves
    big("created_ms"),
    big("version", 1),
    one_of("kind", PRODUCT_KINDS),
    one_of("state", PRODUCT_STATES),
    one_of("period", PERIODS),
    one_of("anchor", ANCHORS),
    one_of("first_period", SHARES),
    one_of("refund", REFUNDS),
    one_of("without_funds", WITHOUT_FUNDS),
    is_currency(),
    at_least("price_micros", 0),
    at_least("setup_micros", 0),
    at_least("rollover_periods", 0),
    sa.CheckConstraint("(kind = 'package') = (amount > 0)", name="amount"),
    sa.UniqueConstraint("account_id", "name"),
    sqlite_autoincrement=True,
)

subscriptions = sa.Table(
    "subscriptions",
    metadata,
    identity(),
    refers("product_id", "products.id"),
    refers("account_id", "accounts.id"),
    sa.Column("number_id", ID, nullable=True),  # what is rented; it may be gone by now
    text("state", "starting"),
    text("reason", ""),  # why it is suspended, ended or refused
    big("anchor_ms"),  # from which its periods are counted
    big("from_ms"),  # the two: the period that is paid; equal: none yet
    big("until_ms"),
    big("next_ms", 0),  # when it is looked after; 0: something else must happen first
    big("failing_ms", 0),  # since when the money is lacking; 0: it is not
    sa.Column("ends", sa.Boolean, nullable=False, server_default=sa.false()),  # with the period that is paid
    sa.Column("asked", sa.JSON, nullable=True),  # service.products.rules.Dues: the fees that the call path is asked for
    refers("operation_id", "operations.id", nullable=True),  # by which it is asked
    text("actor"),
    big("actor_account_id", 0),
    big("created_ms"),
    big("version", 1),
    one_of("state", SUBSCRIPTION_STATES),
    sa.CheckConstraint("until_ms >= from_ms", name="period"),
    sa.Index(None, "next_ms"),
    sa.Index(None, "account_id", "id"),
    sa.Index(None, "product_id"),
    sa.Index(None, "operation_id"),
    sa.Index(
        "ix_subscriptions_rented", "number_id", unique=True,
        sqlite_where=sa.text("state IN ('starting', 'active', 'suspended')"),
        postgresql_where=sa.text("state IN ('starting', 'active', 'suspended')"),
    ),
    sqlite_autoincrement=True,
)  # fmt: skip
"""A number is rented once at a time."""

subscription_fees = sa.Table(
    "subscription_fees",
    metadata,
    identity(),
    refers("subscription_id", "subscriptions.id"),
    text("kind"),
    big("from_ms"),  # the two: of the period; equal: a moment
    big("until_ms"),
    big("amount_micros"),  # above zero: the account owes it
    text("currency"),
    refers("entry_id", "entries.id", nullable=True),  # null: it comes to nothing
    big("created_ms"),
    one_of("kind", FEE_KINDS),
    is_currency(),
    sa.CheckConstraint("(entry_id IS NULL) = (amount_micros = 0)", name="entry_id"),
    sa.UniqueConstraint("subscription_id", "kind", "from_ms"),
    sa.Index(None, "entry_id"),
    sqlite_autoincrement=True,
)
"""Each period is charged once: the constraint sees to it."""

package_grants = sa.Table(
    "package_grants",
    metadata,
    identity(),
    refers("subscription_id", "subscriptions.id"),
    refers("product_id", "products.id"),
    refers("account_id", "accounts.id"),
    sa.Column("money", sa.Boolean, nullable=False),
    big("amount"),  # seconds or micro-units, corrections included
    big("taken", 0),  # by calls that have ended: the sum of `package_takes`
    sa.Column("covers_fees", sa.Boolean, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    big("from_ms"),
    big("until_ms"),  # exclusive
    text("state", "open"),  # closed: the store has forgotten it
    big("created_ms"),
    one_of("state", GRANT_STATES),
    sa.UniqueConstraint("subscription_id", "from_ms"),
    sa.Index(None, "account_id", "id"),
    sa.Index(None, "state", "until_ms"),
    sqlite_autoincrement=True,
)

package_takes = sa.Table(
    "package_takes",
    metadata,
    sa.Column("cdr_id", ID, sa.ForeignKey("cdrs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("level", sa.Integer, nullable=False),  # of `charges`
    refers("grant_id", "package_grants.id"),
    big("amount"),  # seconds or micro-units, as its grant
    sa.PrimaryKeyConstraint("cdr_id", "level", "grant_id"),
    sa.Index(None, "grant_id"),
)
