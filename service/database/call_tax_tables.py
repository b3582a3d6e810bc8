"""Tables of taxes that are added while prepaid accounts use something: which rates, and what stores were told."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import ID, identity, metadata, text

tax_sets = sa.Table(
    "tax_sets",
    metadata,
    identity(),
    sa.Column("digest", sa.Text, nullable=False, unique=True),  # SHA-256 of the rates
    sa.Column(
        "rates", sa.JSON, nullable=False
    ),  # fields of service.billing.taxing.Rate; inclusive: in the price already
    text("factor"),  # `119/100`: what a price is multiplied by to have all of them in it
    sqlite_autoincrement=True,
)
"""Rates that were asked together. Rows are never changed: charges and invoices name them."""

call_taxes = sa.Table(
    "call_taxes",
    metadata,
    sa.Column("account_id", ID, sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("own", sa.Boolean, nullable=False),  # its own; else of a seller: of all that pay it and have none
    sa.Column("courses", sa.JSON, nullable=False),  # ratebook.tax.Taxes
    sa.PrimaryKeyConstraint("account_id", "own"),
)
"""What stores were told, and a new one is."""
