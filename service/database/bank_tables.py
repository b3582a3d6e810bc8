"""Tables of how banks' files are read."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import big, identity, metadata, one_of, refers, text

bank_layouts = sa.Table(
    "bank_layouts",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),  # the seller whose bank it is
    text("bank"),  # which of its banks; empty: its only one
    sa.Column("columns", sa.JSON, nullable=False),  # names of the header, by what stands there
    text("date_order"),
    text("decimal_mark"),
    text("currency"),  # where no column says it; empty: one does
    big("version", 1),
    one_of("date_order", ("ymd", "dmy", "mdy")),
    one_of("decimal_mark", (".", ",")),
    sa.UniqueConstraint("account_id", "bank"),
    sqlite_autoincrement=True,
)
"""Said with a seller's last CSV, and meant where the next one says nothing."""
