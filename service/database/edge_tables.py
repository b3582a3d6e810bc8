"""Tables of the edge."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import big, identity, metadata, one_of, text

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
