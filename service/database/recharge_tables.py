"""Tables of automatic recharges: who wants them, by which card at which gateway, and what is to be asked of it."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import ID, at_least, big, identity, is_currency, metadata, one_of, refers, text

RECHARGE_STATES = ("asked", "on", "off")
TASK_STATES = ("waiting", "asked", "done", "failed")

recharges = sa.Table(
    "recharges",
    metadata,
    sa.Column("account_id", ID, sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    refers("gateway_id", "payment_gateways.id"),
    big("threshold_micros"),
    big("amount_micros"),  # of one
    big("month_micros"),  # of all in a calendar month, UTC
    text("currency"),  # the account's
    text("state", "asked"),  # asked: no card is kept yet
    sa.Column("reference", sa.Text, nullable=False, unique=True),  # by which the gateway tells whose card was kept
    text("customer", ""),  # the gateway's names; no number of a card is ever here
    text("method", ""),
    text("fault", ""),  # why the last one came to nothing
    big("version", 1),
    one_of("state", RECHARGE_STATES),
    is_currency(),
    at_least("amount_micros", 1),
    sa.CheckConstraint("month_micros >= amount_micros", name="month_micros"),
    sa.CheckConstraint("state <> 'on' OR method <> ''", name="method"),
)

recharge_tasks = sa.Table(
    "recharge_tasks",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),
    sa.Column("top_up_id", ID, sa.ForeignKey("top_ups.id"), nullable=False, unique=True),  # that it is to pay
    text("state", "waiting"),  # asked: the gateway has taken it, and will tell what came of it
    big("attempts", 0),  # without an answer, since the last one
    big("declines", 0),
    big("next_ms"),
    big("claimed_ms", 0),  # until then somebody is asking
    text("fault", ""),
    big("created_ms"),
    one_of("state", TASK_STATES),
    sa.Index(None, "state", "next_ms"),
    sa.Index(None, "account_id", "id"),
    sqlite_autoincrement=True,
)
"""Written in the transaction in which the balance falls below the threshold."""
