"""Codecs of gateways, and trunks whose callers nobody knows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """As it was: every codec, and attested by the caller rules."""
    with op.batch_alter_table("trunks") as trunks:
        trunks.add_column(sa.Column("attestation", sa.Text(), server_default="rules", nullable=False))
        trunks.create_check_constraint(op.f("ck_trunks_attestation"), "attestation IN ('rules', 'gateway')")
    with op.batch_alter_table("gateways") as gateways:
        gateways.add_column(sa.Column("codecs", sa.JSON(), server_default="[]", nullable=False))
