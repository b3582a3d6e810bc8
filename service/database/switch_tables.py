"""The table of accounts that were prepaid and are postpaid, or the other way round."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import ID, big, metadata

billing_switches = sa.Table(
    "billing_switches",
    metadata,
    sa.Column("account_id", ID, sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    big("at_ms"),
    big("calls_until_id"),  # the last of `cdrs.id` by then
    big("items_until_id"),  # the last of `billable_items.id` by then
    big("version", 1),
)
"""The last time of each: what was used until then is billed as it was by then, or not at all."""
