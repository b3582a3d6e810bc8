"""Tables of what people keep in the portal: filters of their own, and reports that are mailed."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import ID, big, identity, metadata, one_of, refers, text

saved_filters = sa.Table(
    "saved_filters",
    metadata,
    identity(),
    sa.Column("user_id", ID, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    text("page"),  # the list's path
    text("name"),
    text("query"),  # behind the question mark
    big("created_ms"),
    sa.UniqueConstraint("user_id", "page", "name"),
    sqlite_autoincrement=True,
)

report_schedules = sa.Table(
    "report_schedules",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),
    text("name"),
    sa.Column("query", sa.JSON, nullable=False),  # what is summed up, by what: by, account_id, currency
    text("period"),  # the last whole one is summed up
    sa.Column("hour", sa.Integer, nullable=False),  # of the day behind it, by the zone's clocks
    text("zone"),
    text("format", "csv"),
    sa.Column("recipients", sa.JSON, nullable=False),  # users of the account, by their numbers
    text("state", "active"),
    big("due_ms"),
    big("told_ms", 0),  # the end of the last period that was mailed; 0: none was
    text("actor"),
    big("created_ms"),
    big("version", 1),
    one_of("period", ("daily", "weekly", "monthly")),
    one_of("format", ("csv", "xlsx")),
    one_of("state", ("active", "paused")),
    sa.CheckConstraint("hour BETWEEN 0 AND 23", name="hour"),
    sa.UniqueConstraint("account_id", "name"),
    sa.Index(None, "state", "due_ms"),
    sqlite_autoincrement=True,
)
"""Reports that are mailed, each period's once."""
