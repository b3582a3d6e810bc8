"""Addresses that get no broadcast are things of their own; reports by mail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT_ONCE = 1_000


def upgrade() -> None:
    """Whoever wanted none wants none."""
    _number_suppressions()
    op.create_table(
        "report_schedules",
        sa.Column("id", _ID, sa.Identity(always=False, start=1), nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.JSON(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), server_default="csv", nullable=False),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("told_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("period IN ('daily', 'weekly', 'monthly')", name=op.f("ck_report_schedules_period")),
        sa.CheckConstraint("format IN ('csv', 'xlsx')", name=op.f("ck_report_schedules_format")),
        sa.CheckConstraint("state IN ('active', 'paused')", name=op.f("ck_report_schedules_state")),
        sa.CheckConstraint("hour BETWEEN 0 AND 23", name=op.f("ck_report_schedules_hour")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_report_schedules_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_schedules")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_report_schedules_account_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_report_schedules_state_due_ms"), "report_schedules", ["state", "due_ms"], unique=False)


def _number_suppressions() -> None:
    names = ("account_id", "address", "reason", "created_ms")
    before = sa.table("suppressions", *(sa.column(name) for name in names))
    rows = [dict(row._mapping) for row in op.get_bind().execute(sa.select(before).order_by("created_ms", "address"))]
    op.drop_table("suppressions")
    made = op.create_table(
        "suppressions",
        sa.Column("id", _ID, sa.Identity(always=False, start=1), nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("reason IN ('unsubscribed', 'bounced')", name=op.f("ck_suppressions_reason")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_suppressions_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressions")),
        sa.UniqueConstraint("account_id", "address", name=op.f("uq_suppressions_account_id_address")),
        sqlite_autoincrement=True,
    )
    for first in range(0, len(rows), _AT_ONCE):
        op.bulk_insert(made, rows[first : first + _AT_ONCE])
