"""The operator's sums of days by what accounts brought in: a report of a month had all of them looked through."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0067"
down_revision = "0066"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An index of them alone."""
    of = sa.text("account_id = 1 AND dimension IN ('account', 'trunk')")
    columns = ["dimension", "currency", "span_ms", "earned_micros", "number"]
    op.create_index("ix_call_sums_earning", "call_sums", columns, sqlite_where=of, postgresql_where=of)
