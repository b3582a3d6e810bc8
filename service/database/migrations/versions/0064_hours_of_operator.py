"""The operator's sums by account and trunk of each hour: a day of its zone is cut where many call."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None

DAY_MS = 86_400_000
_ADD_UP = """
INSERT INTO call_sums (account_id, dimension, span_ms, number, destination, currency,
    attempts, answered, duration_ms, rang, pdd_ms, earned_micros, spent_micros)
WITH facts(hour_ms, account_id, trunk_id, currency, attempts, answered, duration_ms, rang, pdd_ms, earned, spent) AS (
    SELECT start_ms - start_ms % 3600000, account_id, trunk_id, (SELECT currency FROM accounts WHERE id = 1),
        COUNT(*), SUM(CASE WHEN outcome = 'answered' THEN 1 ELSE 0 END), SUM(duration_ms),
        SUM(CASE WHEN ring_ms > 0 THEN 1 ELSE 0 END),
        SUM(CASE WHEN ring_ms > start_ms THEN ring_ms - start_ms ELSE 0 END), 0, 0
    FROM cdrs WHERE start_ms >= :since_ms AND start_ms < :until_ms GROUP BY 1, 2, 3
    UNION ALL
    SELECT start_ms - start_ms % 3600000, cdrs.account_id, trunk_id, charges.currency, 0, 0, 0, 0, 0,
        SUM(CASE WHEN seller_id = 1 THEN charge_micros - tax_micros ELSE 0 END),
        SUM(CASE WHEN charges.account_id = 1 THEN charge_micros - tax_micros ELSE 0 END)
    FROM cdrs JOIN charges ON cdr_id = cdrs.id AND charge_micros <> tax_micros
    WHERE start_ms >= :since_ms AND start_ms < :until_ms AND (seller_id = 1 OR charges.account_id + 0 = 1)
    GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT start_ms - start_ms % 3600000, account_id, trunk_id, cost_currency, 0, 0, 0, 0, 0, 0, SUM(cost_micros)
    FROM cdrs WHERE start_ms >= :since_ms AND start_ms < :until_ms AND cost_micros <> 0 GROUP BY 1, 2, 3, 4
), alike AS (
    SELECT hour_ms, account_id, trunk_id, currency, SUM(attempts) AS attempts, SUM(answered) AS answered,
        SUM(duration_ms) AS duration_ms, SUM(rang) AS rang, SUM(pdd_ms) AS pdd_ms,
        SUM(earned) AS earned, SUM(spent) AS spent
    FROM facts GROUP BY 1, 2, 3, 4
), dimensions(dimension) AS (
    VALUES ('account_hour'), ('trunk_hour')
)
SELECT 1, dimension, hour_ms, CASE dimension WHEN 'account_hour' THEN account_id ELSE trunk_id END, '', currency,
    SUM(attempts), SUM(answered), SUM(duration_ms), SUM(rang), SUM(pdd_ms), SUM(earned), SUM(spent)
FROM alike CROSS JOIN dimensions GROUP BY 2, 3, 4, 6 ORDER BY 2, 3, 4, 6
"""
_LEADING = "ix_call_sums_leading"
_OF = sa.text("account_id = 1 AND dimension IN ('account', 'trunk')")


def add_up(connection: sa.Connection) -> None:
    """Of all records, day by day."""
    first_ms, last_ms = connection.execute(sa.text("SELECT MIN(start_ms), MAX(start_ms) FROM cdrs")).one()
    for day_ms in range(first_ms // DAY_MS * DAY_MS, last_ms + 1, DAY_MS) if first_ms is not None else ():
        connection.execute(sa.text(_ADD_UP), {"since_ms": day_ms, "until_ms": day_ms + DAY_MS})


def upgrade() -> None:
    """The records are added up; the index is of days alone."""
    op.drop_index(_LEADING, "call_sums")
    add_up(op.get_bind())
    columns = ["dimension", "span_ms", "duration_ms", "number"]
    op.create_index(_LEADING, "call_sums", columns, sqlite_where=_OF, postgresql_where=_OF)
    if op.get_context().dialect.name == "postgresql":  # which reads all sums of an hour while it has not seen any
        op.execute("ANALYZE call_sums")
