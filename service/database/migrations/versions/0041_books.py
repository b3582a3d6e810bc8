"""Statements say what of prepaid partners' amounts is tax; in those that stand it is within the amounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns with a value beforehand are added without a copy of the table, on both engines."""
    for table, name in (
        ("statements", "in_tax_micros"),
        ("statements", "in_corrected_tax_micros"),
        ("statement_calls", "tax_micros"),
        ("statement_lines", "tax_micros"),
    ):
        op.add_column(table, sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
