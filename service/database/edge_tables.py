"""Tables of the edge."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import big, identity, metadata, one_of, text

PORTING_STATES = ("asked", "loaded", "faulty")

bans = sa.Table(
    "bans",
    metadata,
    identity(),
    text("network"),  # an address, or a network with its length
    text("why"),
    text("note", ""),
    big("made_ms"),
    big("until_ms", 0),  # 0: until it is lifted
    one_of("why", ("flood", "scanner", "strikes", "operator")),
    sa.UniqueConstraint("network"),
    sqlite_autoincrement=True,
)

portings = sa.Table(
    "portings",
    metadata,
    identity(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("prefix", sa.Text, nullable=False, unique=True),  # what all of its numbers begin with
    text("file"),  # in the folder of such files
    text("state", "asked"),
    text("fault", ""),  # why the last loading brought nothing
    text("version", ""),  # 16 hex digits in the rates environment: what holds; empty: nothing yet
    big("numbers", 0),  # of what holds
    big("asked_ms"),
    big("loaded_ms", 0),
    big("revision", 1),
    one_of("state", PORTING_STATES),
    sqlite_autoincrement=True,
)
"""Lists of numbers that have moved to another network."""
