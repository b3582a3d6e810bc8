"""The doctor's nights: runs with what each found, and faults from raised to mended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Two tables."""
    op.create_table(
        "doctor_runs",
        sa.Column("id", _ID, sa.Identity(start=1), nullable=False),
        sa.Column("night", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("finished_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ok", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("checks", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_doctor_runs")),
        sa.UniqueConstraint("night", name=op.f("uq_doctor_runs_night")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "doctor_faults",
        sa.Column("id", _ID, sa.Identity(start=1), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("seen_run_id", _ID, nullable=False),
        sa.Column("raised_ms", sa.BigInteger(), nullable=False),
        sa.Column("mended_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["doctor_runs.id"], name=op.f("fk_doctor_faults_run_id")),
        sa.ForeignKeyConstraint(["seen_run_id"], ["doctor_runs.id"], name=op.f("fk_doctor_faults_seen_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_doctor_faults")),
        sa.UniqueConstraint("name", "mended_ms", name=op.f("uq_doctor_faults_name_mended_ms")),
        sqlite_autoincrement=True,
    )
