"""Certificates, signatures and ported numbers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_IDENTITY = "identity IN ('off', 'note', 'refuse', 'require')"
_NAMES_ONE = sa.text("certificate <> ''")


def upgrade() -> None:
    """Makes them."""
    with op.batch_alter_table("trunks") as trunks:
        trunks.add_column(sa.Column("certificate", sa.Text(), server_default="", nullable=False))
        trunks.add_column(sa.Column("identity", sa.Text(), server_default="off", nullable=False))
        trunks.create_check_constraint(op.f("ck_trunks_identity"), _IDENTITY)
    with op.batch_alter_table("gateways") as gateways:
        gateways.add_column(sa.Column("signs", sa.Boolean(), server_default=sa.false(), nullable=False))
        gateways.add_column(sa.Column("identity", sa.Text(), server_default="off", nullable=False))
        gateways.create_check_constraint(op.f("ck_gateways_identity"), _IDENTITY)
        gateways.drop_constraint(op.f("ck_gateways_number_format"), type_="check")
        gateways.create_check_constraint(op.f("ck_gateways_number_format"), "number_format IN ('plain', 'plus', 'rn')")
    op.create_index(
        "ix_trunks_certificate_tech_prefix",
        "trunks",
        ["certificate", "tech_prefix"],
        unique=True,
        sqlite_where=_NAMES_ONE,
        postgresql_where=_NAMES_ONE,
    )
    with op.batch_alter_table("cdrs") as cdrs:
        for name in ("routing_number", "identity", "attested"):
            cdrs.add_column(sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.create_table(
        "portings",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False, start=1),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="asked", nullable=False),
        sa.Column("fault", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.Text(), server_default="", nullable=False),
        sa.Column("numbers", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("asked_ms", sa.BigInteger(), nullable=False),
        sa.Column("loaded_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("state IN ('asked', 'loaded', 'faulty')", name=op.f("ck_portings_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portings")),
        sa.UniqueConstraint("name", name=op.f("uq_portings_name")),
        sa.UniqueConstraint("prefix", name=op.f("uq_portings_prefix")),
        sqlite_autoincrement=True,
    )
