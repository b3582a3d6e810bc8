"""PostgreSQL's indices of an account's calls tell their numbers, too: for a file each was looked up in the table."""

from __future__ import annotations

from alembic import op

revision = "0066"
down_revision = "0065"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Three of them: of callers, of owners of numbers that were called, of providers. SQLite's have it as they are."""
    if op.get_context().dialect.name != "postgresql":
        return
    for column in ("account_id", "owner_id", "cost_account_id"):
        name = op.f(f"ix_cdrs_{column}_start_ms")
        op.drop_index(name, "cdrs")
        op.create_index(name, "cdrs", [column, "start_ms"], postgresql_include=["id"])
