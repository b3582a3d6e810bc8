"""Sums by the hour for whole subtrees and for money, and indices by which lists of millions of calls are read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0016"
branch_labels = None
depends_on = None

_TRAFFIC = """
INSERT INTO traffic_sums (account_id, hour_ms, destination, attempts, answered, duration_ms)
WITH RECURSIVE up(id, above) AS (
    SELECT id, id FROM accounts
    UNION ALL
    SELECT up.id, accounts.parent_id FROM up JOIN accounts ON accounts.id = up.above
    WHERE accounts.parent_id IS NOT NULL
)
SELECT above, hour_ms, destination, SUM(attempts), SUM(answered), SUM(duration_ms) FROM (
    SELECT up.above, made.hour_ms, made.destination, made.attempts, made.answered, made.duration_ms
    FROM traffic_hourly made JOIN up ON up.id = made.account_id
    UNION ALL
    SELECT up.above, carried.hour_ms, carried.destination, carried.attempts, carried.answered, carried.duration_ms
    FROM traffic_hourly carried JOIN up ON up.id = carried.provider_id
    WHERE NOT EXISTS (
        SELECT 1 FROM accounts caller JOIN accounts top ON top.id = up.above
        WHERE caller.id = carried.account_id AND substr(caller.path, 1, length(top.path)) = top.path
    )
    UNION ALL
    SELECT 1, strange.hour_ms, strange.destination, strange.attempts, strange.answered, strange.duration_ms
    FROM traffic_hourly strange WHERE strange.account_id = 0 AND strange.provider_id = 0
) found GROUP BY above, hour_ms, destination
"""
"""`up`: of each account itself and those above it."""
_MONEY = """
INSERT INTO money_hourly (account_id, hour_ms, book, currency, amount_micros)
SELECT account_id, created_ms / 3600000 * 3600000, book, currency, SUM(amount_micros)
FROM postings JOIN entries ON entries.id = postings.entry_id
WHERE entries.kind IN ('charges', 'correction') AND book IN ('balance', 'revenue', 'cost')
GROUP BY 1, 2, 3, 4
"""


def upgrade() -> None:
    """What the hourly sums and the books say already is added up."""
    big = sa.BigInteger()
    op.create_table(
        "traffic_sums",
        sa.Column("account_id", big, nullable=False),
        sa.Column("hour_ms", big, nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("attempts", big, nullable=False),
        sa.Column("answered", big, nullable=False),
        sa.Column("duration_ms", big, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "hour_ms", "destination", name="pk_traffic_sums"),
    )
    op.create_table(
        "money_hourly",
        sa.Column("account_id", big, nullable=False),
        sa.Column("hour_ms", big, nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_micros", big, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "hour_ms", "book", "currency", name="pk_money_hourly"),
    )
    op.get_bind().execute(sa.text(_TRAFFIC))
    op.get_bind().execute(sa.text(_MONEY))
    op.drop_index("ix_cdrs_owner_id", "cdrs")
    op.create_index("ix_cdrs_owner_id_start_ms", "cdrs", ["owner_id", "start_ms"])
    op.create_index("ix_cdrs_trunk_id_start_ms", "cdrs", ["trunk_id", "start_ms"])
    op.create_index("ix_cdrs_device_id_start_ms", "cdrs", ["device_id", "start_ms"])
    op.create_index("ix_cdrs_outcome_start_ms", "cdrs", ["outcome", "start_ms"])
    op.create_index("ix_cdrs_called", "cdrs", ["called"], postgresql_ops={"called": "text_pattern_ops"})
    op.create_index("ix_traffic_hourly_account_id", "traffic_hourly", ["account_id"])
    op.create_index("ix_accounts_name", "accounts", ["name"])
