"""Call records by SFTP: keys and passwords of deliveries, and what their last attempt came to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None

_NEW = ("public_key", "password", "host_key", "shown_key", "fault")


def upgrade() -> None:
    """SQLite makes a table anew for another list of ways, and with the old one would go the files that point to it."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    foreign_key = op.f("fk_cdr_files_delivery_id")
    if is_sqlite:
        with op.batch_alter_table("cdr_files", table_kwargs={"sqlite_autoincrement": True}) as files:
            files.drop_constraint(foreign_key, type_="foreignkey")
    with op.batch_alter_table("cdr_deliveries", table_kwargs={"sqlite_autoincrement": True}) as deliveries:
        for name in _NEW:
            deliveries.add_column(sa.Column(name, sa.Text(), server_default="", nullable=False))
        deliveries.drop_constraint(op.f("ck_cdr_deliveries_way"), type_="check")
        deliveries.create_check_constraint(
            op.f("ck_cdr_deliveries_way"), "way IN ('folder', 'webhook', 'mail', 'sftp')"
        )
    if is_sqlite:
        with op.batch_alter_table("cdr_files", table_kwargs={"sqlite_autoincrement": True}) as files:
            files.create_foreign_key(foreign_key, "cdr_deliveries", ["delivery_id"], ["id"], ondelete="CASCADE")
