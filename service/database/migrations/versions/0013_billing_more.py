"""Lines of invoices by destination and number."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Who has terms has lines by destination, as before."""
    with op.batch_alter_table("billing_terms") as terms:
        terms.add_column(sa.Column("lines", sa.Text(), server_default="destination", nullable=False))
        terms.create_check_constraint(
            op.f("ck_billing_terms_lines"), "lines IN ('destination', 'destination_and_caller')"
        )
    with op.batch_alter_table("invoice_lines") as lines:  # a column alone: SQLite copies no row, and keeps triggers
        lines.add_column(sa.Column("caller", sa.Text(), server_default="", nullable=False))
