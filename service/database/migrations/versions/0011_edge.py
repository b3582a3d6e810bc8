"""Certificates, signatures and ported numbers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_NAMES_ONE = sa.text("certificate <> ''")


def upgrade() -> None:
    """Makes them."""
    with op.batch_alter_table("trunks") as trunks:
        trunks.add_column(sa.Column("certificate", sa.Text(), server_default="", nullable=False))
    op.create_index(
        "ix_trunks_certificate_tech_prefix",
        "trunks",
        ["certificate", "tech_prefix"],
        unique=True,
        sqlite_where=_NAMES_ONE,
        postgresql_where=_NAMES_ONE,
    )
