"""Disputes that a partner opens itself, about its statement, and the right to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0045"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_PARTNERS = (
    "admin", "finance", "prepaid_reseller", "postpaid_reseller", "postpaid_customer", "provider",
)  # fmt: skip


def upgrade() -> None:
    """None was opened so."""
    with op.batch_alter_table("disputes", table_kwargs={"sqlite_autoincrement": True}) as disputes:
        disputes.add_column(sa.Column("statement_id", _ID, nullable=True))
        disputes.create_foreign_key(op.f("fk_disputes_statement_id"), "statements", ["statement_id"], ["id"])
        disputes.create_check_constraint(
            op.f("ck_disputes_opened"), "statement_id IS NULL OR reconciliation_id IS NULL"
        )
    op.create_index(op.f("ix_disputes_statement_id"), "disputes", ["statement_id"], unique=False)
    let_dispute(op.get_bind())


def let_dispute(conn: sa.Connection) -> None:
    """Roles that are built in. Those that the operator has kept from looking at statements stay without."""
    roles = sa.table("roles", sa.column("id"), sa.column("built_in"), sa.column("permissions", sa.JSON))
    for row in conn.execute(sa.select(roles).where(roles.c.built_in.in_(_PARTNERS))).all():
        if "statements.read" in row.permissions:
            permissions = sorted({*row.permissions, "statements.dispute"})
            conn.execute(sa.update(roles).where(roles.c.id == row.id).values(permissions=permissions))
