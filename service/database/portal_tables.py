"""Tables of what people keep for themselves in the portal."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import ID, big, identity, metadata, text

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
