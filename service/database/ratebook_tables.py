"""Tables of the ratebook beside tariffs: destination groups, publications that wait, imports that can be undone."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import big, identity, metadata, one_of, refers, text

PUBLICATION_STATES = ("waiting", "done", "cancelled", "failed")

destination_groups = sa.Table(
    "destination_groups",
    metadata,
    identity(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("record", sa.JSON, nullable=False),  # ratebook.groups.Group.to_record()
    big("published_ms"),
    text("published_by"),
    sqlite_autoincrement=True,
)

publications = sa.Table(
    "publications",
    metadata,
    identity(),
    big("due_ms"),
    big("asked_ms"),
    text("asked_by"),
    text("note", ""),
    text("state", "waiting"),
    text("outcome", ""),  # why it failed, who cancelled it
    big("owner_id", 1),  # whose tariffs
    sa.Column("content", sa.JSON, nullable=False),  # service.tariffs.content.Content.to_record()
    one_of("state", PUBLICATION_STATES),
    sa.Index(None, "state", "due_ms"),
    sqlite_autoincrement=True,
)
"""What comes into force at its moment: its rates are written already."""

deck_imports = sa.Table(
    "deck_imports",
    metadata,
    identity(),
    refers("tariff_id", "tariffs.id"),
    text("deck"),
    text("before"),  # the deck's CSV until then; empty: it was not there
    sa.Column("mapping", sa.JSON, nullable=False),  # ratebook.sheets.mapping.Mapping.to_record(), from then on
    big("made_ms"),
    sa.Index(None, "tariff_id", "deck"),
    sqlite_autoincrement=True,
)
"""Of sheets into decks of tariffs that are written through the API."""
