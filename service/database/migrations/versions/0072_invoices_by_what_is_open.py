"""Invoices are sorted by what is open of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0072"
down_revision = "0071"
branch_labels = None
depends_on = None

OPEN = "CASE WHEN kind = 'invoice' AND number IS NOT NULL THEN total_micros - paid_micros - credited_micros ELSE 0 END"


def upgrade() -> None:
    """By an index of what the list is sorted by."""
    op.create_index("ix_invoices_open_micros", "invoices", [sa.text(f"({OPEN})"), "id"])
