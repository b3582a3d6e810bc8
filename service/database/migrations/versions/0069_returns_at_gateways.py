"""What gateways say went back of payments: refunds and disputes counted as one total."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0069"
down_revision = "0068"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Of what was told before it is kept what was posted."""
    op.create_table(
        "gateway_returns",
        sa.Column("id", _ID, sa.Identity(start=1), nullable=False),
        sa.Column("gateway_id", _ID, nullable=False),
        sa.Column("external", sa.Text(), nullable=False),
        sa.Column("dispute", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("back_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("again_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_gateway_returns_currency")),
        sa.CheckConstraint("back_micros >= 0", name=op.f("ck_gateway_returns_back_micros")),
        sa.CheckConstraint("again_micros >= 0", name=op.f("ck_gateway_returns_again_micros")),
        sa.ForeignKeyConstraint(["gateway_id"], ["payment_gateways.id"], name=op.f("fk_gateway_returns_gateway_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_returns")),
        sa.UniqueConstraint(
            "gateway_id", "external", "currency", "dispute",
            name=op.f("uq_gateway_returns_gateway_id_external_currency_dispute"),
        ),
        sqlite_autoincrement=True,
    )  # fmt: skip
    keep_what_was_told(op.get_bind())


def keep_what_was_told(conn: sa.Connection) -> None:
    """Disputes had no names: those of a payment are one, whose end may yet be told under its own."""
    conn.execute(
        sa.text("""
        INSERT INTO gateway_returns (gateway_id, external, dispute, currency, back_micros, again_micros)
        SELECT t.gateway_id, t.external, CASE WHEN e.kind = 'charge.refunded' THEN '' ELSE 'before' END, t.currency,
            SUM(CASE WHEN r.amount_micros > 0 THEN r.amount_micros ELSE 0 END),
            SUM(CASE WHEN r.amount_micros < 0 THEN -r.amount_micros ELSE 0 END)
        FROM gateway_events e
        JOIN payment_reversals r ON e.outcome = 'entry ' || r.entry_id
        JOIN top_ups t ON t.entry_id = r.payment_id AND t.gateway_id = e.gateway_id
        GROUP BY 1, 2, 3, 4
    """)
    )
