"""An index by which the operator's accounts and trunks with the most minutes of a day are found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None

_OF = sa.text("account_id = 1")


def upgrade() -> None:
    """Of sums that stand already: reading them takes a second for each million."""
    columns = ["dimension", "span_ms", "duration_ms", "number"]
    op.create_index("ix_call_sums_leading", "call_sums", columns, sqlite_where=_OF, postgresql_where=_OF)
