"""Sums of calls by everything that reports sum up by, with their money and delays, instead of two narrower tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0034"
branch_labels = None
depends_on = None

DAY_MS = 86_400_000
_ADD_UP = """
INSERT INTO call_sums (account_id, dimension, span_ms, number, destination, currency,
    attempts, answered, duration_ms, rang, pdd_ms, earned_micros, spent_micros)
WITH chosen AS (
    SELECT id, account_id, COALESCE(cost_account_id, 0) AS provider_id, trunk_id, gateway_id, sip_code, destination,
        start_ms, CASE WHEN outcome = 'answered' THEN 1 ELSE 0 END AS answered, duration_ms,
        CASE WHEN ring_ms > 0 THEN 1 ELSE 0 END AS rang,
        CASE WHEN ring_ms > start_ms THEN ring_ms - start_ms ELSE 0 END AS pdd_ms,
        COALESCE(cost_micros, 0) AS cost_micros, cost_currency
    FROM cdrs WHERE start_ms >= :since_ms AND start_ms < :until_ms
), up AS (
    SELECT below.id, above.id AS top, above.kind, above.currency FROM accounts below, {steps}
    JOIN accounts above ON above.id = CAST(step.value AS BIGINT)
    WHERE below.id IN (SELECT account_id FROM chosen UNION SELECT provider_id FROM chosen)
), every(cdr_id, top, kind, currency) AS (
    SELECT chosen.id, top, kind, currency FROM chosen JOIN up ON up.id = chosen.account_id
    UNION SELECT chosen.id, top, kind, currency FROM chosen JOIN up ON up.id = chosen.provider_id
    UNION SELECT chosen.id, accounts.id, kind, currency FROM chosen JOIN accounts ON accounts.id = 1
), seen AS (
    SELECT cdr_id, top, kind, currency FROM every
), paid AS (
    SELECT cdr_id, account_id, seller_id, currency, charge_micros - tax_micros AS micros FROM charges
    WHERE cdr_id IN (SELECT id FROM chosen) AND charge_micros <> tax_micros
), facts(cdr_id, top, kind, currency, counted, earned_micros, spent_micros) AS (
    SELECT cdr_id, top, kind, currency, 1, 0, 0 FROM seen
    UNION ALL
    SELECT seen.cdr_id, top, kind, paid.currency, 0, micros, 0
    FROM seen JOIN paid ON paid.cdr_id = seen.cdr_id AND seller_id = top
    UNION ALL
    SELECT seen.cdr_id, top, kind, paid.currency, 0, 0, micros
    FROM seen JOIN paid ON paid.cdr_id = seen.cdr_id AND account_id = top
    UNION ALL
    SELECT cdr_id, top, kind, cost_currency, 0, CASE top WHEN 1 THEN 0 ELSE cost_micros END,
        CASE top WHEN 1 THEN cost_micros ELSE 0 END
    FROM seen JOIN chosen ON chosen.id = cdr_id AND (top = 1 OR top = provider_id) WHERE cost_micros <> 0
), alike AS (
    SELECT top, kind, start_ms - start_ms % 3600000 AS hour_ms, account_id, trunk_id, provider_id, gateway_id,
        sip_code, destination, currency, SUM(counted) AS attempts, SUM(counted * answered) AS answered,
        SUM(counted * duration_ms) AS duration_ms, SUM(counted * rang) AS rang, SUM(counted * pdd_ms) AS pdd_ms,
        SUM(earned_micros) AS earned_micros, SUM(spent_micros) AS spent_micros
    FROM facts JOIN chosen ON chosen.id = cdr_id GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
), dimensions(dimension) AS (
    VALUES ('destination'), ('code'), ('gateway'), ('provider'), ('account'), ('trunk')
)
SELECT top, dimension,
    CASE WHEN dimension IN ('account', 'trunk') THEN hour_ms - hour_ms % 86400000 ELSE hour_ms END,
    CASE dimension WHEN 'code' THEN sip_code WHEN 'gateway' THEN gateway_id WHEN 'provider' THEN provider_id
        WHEN 'account' THEN account_id WHEN 'trunk' THEN trunk_id ELSE 0 END,
    CASE dimension WHEN 'destination' THEN alike.destination ELSE '' END, alike.currency,
    1 * SUM(attempts),
    1 * SUM(answered),
    1 * SUM(duration_ms),
    1 * SUM(rang),
    1 * SUM(pdd_ms),
    1 * SUM(earned_micros),
    1 * SUM(spent_micros)
FROM alike JOIN dimensions ON kind <> 'customer' OR dimension IN ('destination', 'code', 'account', 'trunk')
GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
ON CONFLICT (account_id, dimension, span_ms, number, destination, currency) DO UPDATE SET
    attempts = call_sums.attempts + excluded.attempts,
    answered = call_sums.answered + excluded.answered,
    duration_ms = call_sums.duration_ms + excluded.duration_ms,
    rang = call_sums.rang + excluded.rang,
    pdd_ms = call_sums.pdd_ms + excluded.pdd_ms,
    earned_micros = call_sums.earned_micros + excluded.earned_micros,
    spent_micros = call_sums.spent_micros + excluded.spent_micros
"""
_STEPS = {
    "sqlite": "json_each('[' || replace(trim(below.path, '/'), '/', ',') || ']') AS step",
    "postgresql": "unnest(string_to_array(btrim(below.path, '/'), '/')) AS step(value)",
}
"""The ids of a path."""
_KEY = ("account_id", "dimension", "span_ms", "number", "destination", "currency")
_TEXTS = ("dimension", "destination", "currency")
_ADDED = ("attempts", "answered", "duration_ms", "rang", "pdd_ms", "earned_micros", "spent_micros")


def upgrade() -> None:
    """The records are added up, day by day."""
    columns = [
        sa.Column(name, sa.Text() if name in _TEXTS else sa.BigInteger(), nullable=False) for name in (*_KEY, *_ADDED)
    ]
    key = sa.PrimaryKeyConstraint(*_KEY, name="pk_call_sums")
    op.create_table("call_sums", *columns, key, sqlite_with_rowid=False)
    connection = op.get_bind()
    add_up = sa.text(_ADD_UP.format(steps=_STEPS[connection.dialect.name]))
    first_ms, last_ms = connection.execute(sa.text("SELECT MIN(start_ms), MAX(start_ms) FROM cdrs")).one()
    for day_ms in range(first_ms // DAY_MS * DAY_MS, last_ms + 1, DAY_MS) if first_ms is not None else ():
        connection.execute(add_up, {"since_ms": day_ms, "until_ms": day_ms + DAY_MS})
    op.drop_table("traffic_sums")
    op.drop_table("traffic_hourly")
