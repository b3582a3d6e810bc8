"""Notices of rates that change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0017"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STATES = "state IN ('waiting', 'gathering', 'sending', 'done', 'cancelled', 'failed')"


def upgrade() -> None:
    """Nobody is told of anything until a seller says so."""
    _make_notices()
    _make_terms()
    with op.batch_alter_table("mails", table_kwargs={"sqlite_autoincrement": True}) as mails:
        mails.add_column(sa.Column("notice_id", _ID, nullable=True))
        mails.create_foreign_key(op.f("fk_mails_notice_id"), "rate_notices", ["notice_id"], ["id"])
        columns = ["notice_id", "account_id", "recipient"]
        mails.create_unique_constraint(op.f("uq_mails_notice_id_account_id_recipient"), columns)


def _make_notices() -> None:
    op.create_table(
        "rate_notices",
        sa.Column("id", _ID, sa.Identity(always=False, start=1), nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("tariff_id", _ID, nullable=False),
        sa.Column("publication_id", _ID, nullable=True),
        sa.Column("before", sa.Text(), server_default="", nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("takes_ms", "effective_ms", "due_ms")),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
            for name in ("position", "changes", "accounts", "unreached")
        ),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("done_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint(_STATES, name=op.f("ck_rate_notices_state")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_rate_notices_account_id")),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_rate_notices_tariff_id")),
        sa.ForeignKeyConstraint(["publication_id"], ["publications.id"], name=op.f("fk_rate_notices_publication_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rate_notices")),
        sqlite_autoincrement=True,
    )
    for columns in (["state", "due_ms"], ["account_id", "id"], ["tariff_id", "state"], ["publication_id"]):
        op.create_index(op.f(f"ix_rate_notices_{'_'.join(columns)}"), "rate_notices", columns, unique=False)


def _make_terms() -> None:
    op.create_table(
        "notice_terms",
        sa.Column("account_id", _ID, autoincrement=False, nullable=False),
        sa.Column("sends", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("days", sa.Integer(), server_default="7", nullable=False),
        sa.Column("format", sa.Text(), server_default="csv", nullable=False),
        sa.Column("wait_minutes", sa.Integer(), server_default="15", nullable=False),
        sa.Column("gets", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("gets_format", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("format IN ('csv', 'xlsx')", name=op.f("ck_notice_terms_format")),
        sa.CheckConstraint("gets_format IN ('', 'csv', 'xlsx')", name=op.f("ck_notice_terms_gets_format")),
        sa.CheckConstraint("days >= 0", name=op.f("ck_notice_terms_days")),
        sa.CheckConstraint("wait_minutes >= 0", name=op.f("ck_notice_terms_wait_minutes")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_notice_terms_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_notice_terms")),
    )
