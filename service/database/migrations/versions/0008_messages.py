"""Broadcasts and notices; of each mail what came of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STATES = "state IN ('waiting', 'sent', 'failed', 'bounced', 'left_out', 'cancelled')"


def upgrade() -> None:
    """Makes them."""
    op.create_table(
        "broadcasts",
        sa.Column("id", _ID, sa.Identity(always=False, start=1), nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("audience", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), server_default="draft", nullable=False),
        sa.Column("per_minute", sa.BigInteger(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("paused_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("done_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "state IN ('draft', 'scheduled', 'running', 'paused', 'done', 'cancelled')",
            name=op.f("ck_broadcasts_state"),
        ),
        sa.CheckConstraint("per_minute >= 1", name=op.f("ck_broadcasts_per_minute")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_broadcasts_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broadcasts")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_broadcasts_account_id_id"), "broadcasts", ["account_id", "id"], unique=False)
    op.create_index(op.f("ix_broadcasts_state_start_ms"), "broadcasts", ["state", "start_ms"], unique=False)
    op.create_table(
        "suppressions",
        sa.Column("account_id", _ID, autoincrement=False, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("reason IN ('unsubscribed', 'bounced')", name=op.f("ck_suppressions_reason")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_suppressions_account_id")),
        sa.PrimaryKeyConstraint("account_id", "address", name=op.f("pk_suppressions")),
    )
    op.create_table(
        "rate_notices",
        sa.Column("id", _ID, sa.Identity(always=False, start=1), nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("tariff_id", _ID, nullable=False),
        sa.Column("effective_ms", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_rate_notices_account_id")),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_rate_notices_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rate_notices")),
        sa.UniqueConstraint(
            "account_id", "tariff_id", "digest", name=op.f("uq_rate_notices_account_id_tariff_id_digest")
        ),
        sqlite_autoincrement=True,
    )
    _complete_mails()


def _complete_mails() -> None:
    with op.batch_alter_table("mails", table_kwargs={"sqlite_autoincrement": True}) as mails:
        mails.add_column(sa.Column("broadcast_id", _ID, nullable=True))
        for name in ("next_ms", "claimed_ms", "attempts", "done_ms"):
            mails.add_column(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
        for name in ("message_id", "fault"):
            mails.add_column(sa.Column(name, sa.Text(), server_default="", nullable=False))
        mails.drop_constraint(op.f("ck_mails_state"), type_="check")
        mails.create_check_constraint(op.f("ck_mails_state"), _STATES)
        mails.create_foreign_key(op.f("fk_mails_broadcast_id"), "broadcasts", ["broadcast_id"], ["id"])
        mails.create_unique_constraint(op.f("uq_mails_broadcast_id_recipient"), ["broadcast_id", "recipient"])
    op.drop_index(op.f("ix_mails_state_id"), "mails")
    op.create_index(op.f("ix_mails_state_next_ms"), "mails", ["state", "next_ms"], unique=False)
    op.create_index(op.f("ix_mails_account_id_id"), "mails", ["account_id", "id"], unique=False)
    op.create_index(op.f("ix_mails_message_id"), "mails", ["message_id"], unique=False)
