"""Tables of what a seller shows of itself."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import ID, at_least, big, identity, metadata, refers, text

brands = sa.Table(
    "brands",
    metadata,
    sa.Column("account_id", ID, sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    text("company"),
    text("address", ""),
    text("tax_number", ""),
    text("sender_name", ""),
    text("sender_address", ""),
    sa.Column("host", sa.Text, nullable=True, unique=True),  # of the portal; null: the operator's
    text("primary_colour", ""),
    text("accent_colour", ""),
    sa.Column("logo", sa.LargeBinary, nullable=True),
    text("logo_type", ""),
    big("version", 1),
)


def _numberings(name: str) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("account_id", ID, sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
        text("prefix", ""),
        text("pattern"),
        sa.Column("restarts_yearly", sa.Boolean, nullable=False, server_default=sa.true()),
        big("next_number", 1),
        sa.Column("year", sa.Integer, nullable=False, server_default="0"),  # that `next_number` belongs to; 0: any
        big("version", 1),
        at_least("next_number", 1),
    )


numberings = _numberings("numberings")
"""How a seller's invoices are numbered. Its row's lock makes numbers unique, its transaction makes them gapless."""

credit_note_numberings = _numberings("credit_note_numberings")
"""The same of its credit notes."""

receipt_numberings = _numberings("receipt_numberings")
"""The same of its receipts."""

mail_templates = sa.Table(
    "mail_templates",
    metadata,
    identity(),
    refers("account_id", "accounts.id"),
    text("kind"),
    text("language"),
    text("subject"),
    text("text"),
    big("version", 1),
    sa.UniqueConstraint("account_id", "kind", "language"),
    sqlite_autoincrement=True,
)
