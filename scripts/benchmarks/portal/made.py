"""The ledger's rows that are written by one statement each: calls, charges, sums, lines, invoices. The same on both
engines: whole numbers, and text put together.

Every row follows from its number, so that two ledgers of a size are alike. Customers with low numbers call more.
"""

from __future__ import annotations

from collections.abc import Iterator

from ratebook.compiled.layout import encode_terms
from ratebook.model import Interval, Terms
from scripts.benchmarks.portal.plan import (
    DESTINATIONS,
    FIRST_CUSTOMER,
    HOUR_MS,
    HOURS,
    INVOICED_HOURS,
    PROVIDERS,
    Plan,
)
from scripts.benchmarks.portal.summing import SUM_HELPERS, SUMS_DONE

HOURS_AT_ONCE = 50
FIRST_ENTRY = 1_000_000
"""Of the hours' charges; payments have their account's number, invoices twice this and their own."""
FIRST_INVOICE_ENTRY = 2 * FIRST_ENTRY
PAID_MICROS = 100_000_000
"""What each customer has paid in."""

HELPERS = (
    (
        "CREATE TABLE bench_members (id BIGINT PRIMARY KEY, depth BIGINT, above1 BIGINT, above2 BIGINT, path TEXT,"
        " trunk BIGINT, device BIGINT, number BIGINT)"
    ),
    (
        "CREATE TABLE bench_prices (place BIGINT, depth BIGINT, terms TEXT, micros BIGINT, name TEXT,"
        " PRIMARY KEY (place, depth))"
    ),
    "CREATE TABLE bench_levels (level BIGINT PRIMARY KEY)",
    "CREATE TABLE bench_sums (number BIGINT, account_id BIGINT, seller_id BIGINT, net BIGINT, calls BIGINT)",
    *SUM_HELPERS,
)
"""Tables that are gone when it is made. above1: whom a customer pays; above2: whom that one pays."""
DONE = (*(f"DROP TABLE bench_{name}" for name in ("members", "prices", "levels", "sums")), *SUMS_DONE)


def prices() -> Iterator[tuple[int, int, str, int, str]]:
    """Place, depth of who pays (0: the operator, a provider), terms, micro-units a second, destination."""
    for place, name in enumerate(DESTINATIONS):
        for depth in range(4):
            micros = (1 + place) * 20 * (3 + depth)
            terms = encode_terms(Terms("EUR", (Interval(0, micros * 60_000, 1),))).hex()
            yield place, depth, terms, micros, name


def calls_of(plan: Plan, hour: int, json: str) -> str:
    """The records of HOURS_AT_ONCE hours. `json`: the cast that the engine wants."""
    first, last = hour * plan.hourly + 1, (hour + HOURS_AT_ONCE) * plan.hourly
    return f"""
INSERT INTO cdrs (id, call, node_id, epoch, sequence, entry_id, kind, outcome, sip_code, sip_reason, ended_by,
    refused_by, rule, trunk_id, device_id, number_id, owner_id, account_id, path, caller, called, called_sent,
    destination, call_id, from_tag, to_tag, start_ms, ring_ms, answer_ms, end_ms, duration_ms, gateway_id, attempts,
    cost_account_id, cost_tariff, cost_prefix, cost_terms, cost_billed_s, cost_micros, cost_currency, cost_exchange)
WITH RECURSIVE series(n) AS (
    SELECT CAST({first} AS BIGINT) UNION ALL SELECT n + 1 FROM series WHERE n < {last}
), drawn AS (
    SELECT n, (n * 48271 + 11) % 100003 AS a, (n * 69621 + 7) % 100019 AS b, (n * 40692 + 3) % 99991 AS c,
        {plan.begin_ms} + (n - 1) / {plan.hourly} * {HOUR_MS}
            + (n - 1) % {plan.hourly} * {HOUR_MS} / {plan.hourly} AS start_ms
    FROM series
), chosen AS (
    SELECT n, b, c, start_ms, {FIRST_CUSTOMER} + (a * a / 100003) * (a * a / 100003) / 100003
        * {plan.customers} / 100003 AS account, c % 8 AS place, 1 + b % {PROVIDERS} AS gateway,
        CASE WHEN b % 100 < 45 THEN 'answered' WHEN b % 100 < 60 THEN 'failed' WHEN b % 100 < 65 THEN 'cancelled'
            ELSE 'refused' END AS outcome, 1000 + (c * 131 + b) % 400000 AS talked_ms,
        CASE WHEN c % 50 = 0 THEN {FIRST_CUSTOMER} + b * {plan.customers} / 100019 ELSE 0 END AS owner
    FROM drawn
)
SELECT n, substr(CAST(b * 1000003 % 100000000 + 100000000 AS TEXT), 2)
        || '00000000' || substr(CAST(n + 10000000000000000 AS TEXT), 2), 1, 1, n,
    CASE WHEN outcome = 'refused' THEN NULL ELSE {FIRST_ENTRY} + (n - 1) / {plan.hourly} END, 'call', outcome,
    CASE outcome WHEN 'answered' THEN 200 WHEN 'failed' THEN 503 WHEN 'cancelled' THEN 487 ELSE 402 END,
    CASE outcome WHEN 'answered' THEN 'OK' WHEN 'failed' THEN 'Service Unavailable'
        WHEN 'cancelled' THEN 'Request Terminated' ELSE 'Payment Required' END,
    CASE WHEN outcome = 'refused' THEN 'system' ELSE 'caller' END,
    CASE WHEN outcome = 'refused' THEN account ELSE 0 END, CASE WHEN outcome = 'refused' THEN 'credit' ELSE '' END,
    m.trunk, m.device, CASE WHEN owner = 0 OR outcome = 'refused' THEN 0 ELSE o.number END,
    CASE WHEN outcome = 'refused' THEN 0 ELSE owner END, account, m.path{json}, '4930' || CAST(account AS TEXT),
    '4' || CAST(chosen.place + 1 AS TEXT) || CAST(10000000 + b * 400 + c % 400 AS TEXT),
    '004' || CAST(chosen.place + 1 AS TEXT) || CAST(10000000 + b * 400 + c % 400 AS TEXT), p.name,
    'c' || CAST(n AS TEXT) || '@192.0.2.9', 'f' || CAST(b AS TEXT), CASE WHEN outcome = 'answered' THEN
    't' || CAST(c AS TEXT) ELSE '' END, start_ms,
    CASE WHEN outcome IN ('answered', 'cancelled') THEN start_ms + 1500 + b % 900 ELSE 0 END,
    CASE WHEN outcome = 'answered' THEN start_ms + 6000 ELSE 0 END,
    CASE WHEN outcome = 'answered' THEN start_ms + 6000 + talked_ms ELSE start_ms + 3000 END,
    CASE WHEN outcome = 'answered' THEN talked_ms ELSE 0 END, CASE WHEN outcome = 'refused' THEN 0 ELSE gateway END,
    (CASE WHEN outcome = 'refused' THEN '[]' ELSE '[[' || CAST(gateway AS TEXT) || ', 200, '
        || CAST(start_ms AS TEXT) || ', 0, ' || CAST(start_ms + 6000 AS TEXT) || ']]' END){json},
    CASE WHEN outcome = 'refused' THEN NULL ELSE 1 + gateway END,
    CASE WHEN outcome = 'refused' THEN NULL ELSE '00000000000000c0' END,
    CASE WHEN outcome = 'refused' THEN NULL ELSE '4' || CAST(chosen.place + 1 AS TEXT) END,
    CASE WHEN outcome = 'refused' THEN NULL ELSE p.terms END,
    CASE outcome WHEN 'refused' THEN NULL WHEN 'answered' THEN (talked_ms + 999) / 1000 ELSE 0 END,
    CASE outcome WHEN 'refused' THEN NULL WHEN 'answered' THEN (talked_ms + 999) / 1000 * p.micros ELSE 0 END,
    CASE WHEN outcome = 'refused' THEN NULL ELSE 'EUR' END, CASE WHEN outcome = 'refused' THEN NULL ELSE '1/1' END
FROM chosen
JOIN bench_members m ON m.id = account
JOIN bench_prices p ON p.place = chosen.place AND p.depth = 0
LEFT JOIN bench_members o ON o.id = owner
"""


def charges_of(plan: Plan, hour: int) -> str:
    """What each level pays for those calls."""
    return f"""
INSERT INTO charges (cdr_id, level, account_id, seller_id, tariff, prefix, terms, billed_s, charge_micros, currency)
SELECT cdrs.id, levels.level, CASE levels.level WHEN 0 THEN cdrs.account_id WHEN 1 THEN m.above1 ELSE m.above2 END,
    CASE WHEN levels.level + 1 = m.depth THEN 1 WHEN levels.level = 0 THEN m.above1 ELSE m.above2 END,
    '00000000000000a' || CAST(m.depth - levels.level AS TEXT), cdrs.cost_prefix, p.terms, cdrs.cost_billed_s,
    cdrs.cost_billed_s * p.micros, 'EUR'
FROM cdrs
JOIN bench_members m ON m.id = cdrs.account_id
JOIN bench_levels levels ON levels.level < m.depth
JOIN bench_prices p ON p.place = CAST(cdrs.cost_prefix AS BIGINT) - 41 AND p.depth = m.depth - levels.level
WHERE cdrs.id BETWEEN {hour * plan.hourly + 1} AND {(hour + HOURS_AT_ONCE) * plan.hourly}
    AND cdrs.outcome <> 'refused'
"""


def sums_of(plan: Plan, hour: int) -> tuple[str, ...]:
    """The entry of each hour of those calls, and its lines."""
    here = f"BETWEEN {hour * plan.hourly + 1} AND {(hour + HOURS_AT_ONCE) * plan.hourly}"
    entry = f"{FIRST_ENTRY} + (cdr_id - 1) / {plan.hourly}"
    line = "INSERT INTO postings (entry_id, book, account_id, amount_micros, currency) SELECT"
    return (
        f"""
INSERT INTO entries (id, kind, actor, created_ms, node_id, epoch, first_sequence, last_sequence)
SELECT entry_id, 'charges', 'collector', MAX(start_ms) / {HOUR_MS} * {HOUR_MS} + {HOUR_MS - 1}, 1, 1, MIN(id), MAX(id)
FROM cdrs WHERE id {here} AND entry_id IS NOT NULL GROUP BY entry_id
""",
        (
            f"{line} {entry}, 'balance', account_id, -SUM(charge_micros), 'EUR' FROM charges"
            f" WHERE cdr_id {here} GROUP BY 1, 3 HAVING SUM(charge_micros) <> 0"
        ),
        (
            f"{line} {entry}, 'revenue', seller_id, SUM(charge_micros), 'EUR' FROM charges"
            f" WHERE cdr_id {here} GROUP BY 1, 3 HAVING SUM(charge_micros) <> 0"
        ),
        (
            f"{line} entry_id, 'balance', cost_account_id, SUM(cost_micros), 'EUR' FROM cdrs"
            f" WHERE id {here} AND cost_micros > 0 GROUP BY 1, 3"
        ),
        (
            f"{line} entry_id, 'cost', 1, -SUM(cost_micros), 'EUR' FROM cdrs"
            f" WHERE id {here} AND cost_micros > 0 GROUP BY 1"
        ),
    )


def books_of(plan: Plan) -> tuple[str, ...]:
    """Payments, balances, and an invoice for each account's calls of the first INVOICED_HOURS."""
    customers = f"FROM accounts WHERE id >= {FIRST_CUSTOMER}"
    line = "INSERT INTO postings (entry_id, book, account_id, amount_micros, currency) SELECT"
    invoiced = INVOICED_HOURS * plan.hourly
    rounding = "(net + 5000) / 10000 * 10000 - net"
    until_ms = plan.begin_ms + INVOICED_HOURS * HOUR_MS
    return (
        (
            "INSERT INTO entries (id, kind, actor, actor_account_id, reason, created_ms)"
            f" SELECT id, 'payment', 'books@bench.example', 1, 'In advance', created_ms {customers}"
        ),
        f"{line} id, 'balance', id, {PAID_MICROS}, 'EUR' {customers}",
        f"{line} id, 'cash', parent_id, -{PAID_MICROS}, 'EUR' {customers}",
        f"""
INSERT INTO bench_sums SELECT ROW_NUMBER() OVER (ORDER BY account_id), account_id, MIN(seller_id),
    SUM(charge_micros), COUNT(*) FROM charges WHERE cdr_id <= {invoiced} GROUP BY account_id""",
        (
            "INSERT INTO entries (id, kind, actor, created_ms) SELECT"
            f" {FIRST_INVOICE_ENTRY} + number, 'invoice', 'billing', {until_ms} FROM bench_sums"
        ),
        (
            f"{line} {FIRST_INVOICE_ENTRY} + number, 'balance', account_id, -({rounding}), 'EUR' FROM bench_sums"
            f" WHERE {rounding} <> 0"
        ),
        (
            f"{line} {FIRST_INVOICE_ENTRY} + number, 'revenue', seller_id, {rounding}, 'EUR' FROM bench_sums"
            f" WHERE {rounding} <> 0"
        ),
        f"""
INSERT INTO invoices (id, seller_id, account_id, kind, currency, language, zone, period_from_ms, period_to_ms,
    issued_ms, due_ms, net_micros, rounding_micros, total_micros, paid_micros, seller, buyer, entry_id, actor,
    created_ms)
SELECT number, seller_id, account_id, 'invoice', 'EUR', 'en', 'UTC', {plan.begin_ms}, {until_ms}, {until_ms},
    {until_ms + 14 * 24 * HOUR_MS}, net, {rounding}, net + {rounding}, net + {rounding}, '{{}}', '{{}}',
    {FIRST_INVOICE_ENTRY} + number, 'billing', {until_ms} FROM bench_sums""",
        f"""
INSERT INTO invoice_lines (invoice_id, position, kind, service, description, destination, quantity, duration_ms,
    billed_s, amount_micros, net_micros, period_from_ms, period_to_ms)
SELECT number, ROW_NUMBER() OVER (PARTITION BY number ORDER BY destination), 'calls', 'calls', destination,
    destination, COUNT(*), SUM(cdrs.duration_ms), SUM(charges.billed_s), SUM(charge_micros), SUM(charge_micros),
    {plan.begin_ms}, {until_ms}
FROM bench_sums JOIN charges ON charges.account_id = bench_sums.account_id AND cdr_id <= {invoiced}
JOIN cdrs ON cdrs.id = charges.cdr_id GROUP BY number, destination""",
        (
            "INSERT INTO money_hourly (account_id, hour_ms, book, currency, amount_micros)"
            f" SELECT account_id, created_ms / {HOUR_MS} * {HOUR_MS}, book, currency, SUM(amount_micros)"
            " FROM postings JOIN entries ON entries.id = entry_id WHERE kind = 'charges' GROUP BY 1, 2, 3, 4"
        ),
        "UPDATE invoices SET state = 'paid', number = 'B-' || CAST(id AS TEXT)",
        (
            "INSERT INTO book_balances (account_id, book, currency, amount_micros)"
            " SELECT account_id, book, currency, SUM(amount_micros) FROM postings WHERE true GROUP BY 1, 2, 3"
            " ON CONFLICT (account_id, book, currency) DO UPDATE SET amount_micros = excluded.amount_micros"
        ),
    )


def statements(plan: Plan, json: str) -> Iterator[str]:
    """All that go before the indices."""
    yield "INSERT INTO bench_levels VALUES (0), (1), (2)"
    for hour in range(0, HOURS, HOURS_AT_ONCE):
        yield calls_of(plan, hour, json)
        yield charges_of(plan, hour)
        yield from sums_of(plan, hour)
