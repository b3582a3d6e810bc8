"""What resellers earn is written with what earns it, in one transaction: charges, items, corrections, credit notes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.exchange import parse_factor
from ratebook.groups import Groups
from ratebook.tax import tax_within
from service.calls.records import tax_of
from service.commission.rules import WHOLE, Rule, Sale, earned, split
from service.database.billing_tables import invoice_calls
from service.database.commission_tables import commission_carries, commission_rules, commissions
from service.database.engine import is_sqlite
from service.database.paths import path_ids
from service.database.tables import accounts, charges, tariff_versions
from service.ledger.rules import COMMISSION, COST, Entry, Posting, sum_postings
from service.ledger.storage import post_entry
from service.tariffs.switching import load_groups

ACTOR = "commission"
_SERVICES = {"call": "calls", "message": "messages"}
"""By the kind of a call record; emergency and free ones earn nobody anything."""


class Charged(NamedTuple):
    """Something that an account was charged."""

    source: str
    """call or item."""
    account_id: int
    seller_id: int
    service: str
    amount_micros: int
    """Without the taxes that were added: they are not the seller's."""
    currency: str
    at_ms: int
    cdr_id: int = 0
    level: int = 0
    reference_id: int = 0
    """Of an item."""
    version: str = ""
    """Of the tariff; empty: it is no call."""
    called: str = ""


def charged_calls(cdrs: Iterable[Mapping[str, Any]], ids: Mapping[str, int]) -> list[Charged]:
    """Of journal lines and their records' ids: every level's charge."""
    return [
        Charged(
            "call", charge["account"], charge["seller"], _SERVICES[cdr["kind"]], charge["micros"] - tax_of(charge),
            charge["currency"], cdr["start_ms"], ids[cdr["call"]], level, 0, charge["tariff"], cdr["called"],
        )
        for cdr in cdrs
        if cdr["kind"] in _SERVICES
        for level, charge in enumerate(cdr["charges"])
        if charge["micros"]
    ]  # fmt: skip


async def accrue(conn: AsyncConnection, sold: Sequence[Charged], now_ms: int) -> None:
    """Writes and posts what the resellers between these accounts and their sellers earn. Under the node's lock."""
    if not sold or not await _any_rule(conn):
        return
    between = await _between(conn, {(one.account_id, one.seller_id) for one in sold})
    rules = await _rules(conn, {number for earners in between.values() for number in earners})
    sold = [one for one in sold if rules.keys() & set(between[one.account_id, one.seller_id])]
    if not sold:
        return
    known = await _known(conn, sold, rules)
    rows = []
    for one in sold:
        sale = Sale(one.service, one.at_ms, known.tariffs.get(one.version, frozenset()), known.group_of(one.called))
        for part in split(between[one.account_id, one.seller_id], rules, sale):
            told = {"rule_id": part.rule_id, "percent_millionths": part.percent_millionths}
            rows.append(_row(one, part.account_id, told, earned(one.amount_micros, part.percent_millionths)))
    await write(conn, rows, now_ms)


def _row(one: Charged, account_id: int, told: Mapping[str, int], earned_: tuple[int, int]) -> dict[str, Any]:
    return {
        "account_id": account_id, "seller_id": one.seller_id, "source": one.source, "cdr_id": one.cdr_id,
        "level": one.level, "reference_id": one.reference_id, "base_micros": one.amount_micros,
        "micros": earned_[0], "remainder": earned_[1], "currency": one.currency, **told,
    }  # fmt: skip


class _Known(NamedTuple):
    """What rules of tariffs and groups ask."""

    tariffs: Mapping[str, frozenset[int]]
    """By version: whose it is; several may be the same."""
    groups: Groups | None

    def group_of(self, number: str) -> str:
        return "" if self.groups is None else self.groups.find(number)


async def _known(conn: AsyncConnection, sold: Sequence[Charged], rules: Mapping[int, Sequence[Rule]]) -> _Known:
    every = [rule for of in rules.values() for rule in of]
    tariffs: defaultdict[str, set[int]] = defaultdict(set)
    if any(rule.tariff_id for rule in every):
        versions = tariff_versions.c.version.in_({one.version for one in sold})
        query = sa.select(tariff_versions.c.version, tariff_versions.c.tariff_id).where(versions)
        for version, tariff_id in await conn.execute(query):
            tariffs[version].add(tariff_id)
    groups = Groups(await load_groups(conn)) if any(rule.destination_group for rule in every) else None
    return _Known({version: frozenset(ids) for version, ids in tariffs.items()}, groups)


async def _any_rule(conn: AsyncConnection) -> bool:
    return (await conn.execute(sa.select(commission_rules.c.id).limit(1))).first() is not None


async def _between(conn: AsyncConnection, pairs: set[tuple[int, int]]) -> dict[tuple[int, int], list[int]]:
    """The accounts between each and its seller, from the customer's end."""
    query = sa.select(accounts.c.id, accounts.c.path).where(accounts.c.id.in_({one for one, _ in pairs}))
    paths = {number: path_ids(path) for number, path in await conn.execute(query)}
    found = {}
    for account_id, seller_id in pairs:
        above = paths[account_id][-2::-1]
        found[account_id, seller_id] = above[: above.index(seller_id)] if seller_id in above else []
    return found


async def _rules(conn: AsyncConnection, account_ids: set[int]) -> dict[int, list[Rule]]:
    """By who earns, of commission resellers."""
    query = sa.select(commission_rules).join(accounts, accounts.c.id == commission_rules.c.account_id)
    query = query.where(commission_rules.c.account_id.in_(account_ids) & accounts.c.commission)
    found: defaultdict[int, list[Rule]] = defaultdict(list)
    for row in await conn.execute(query.order_by(commission_rules.c.id)):
        values = {name: getattr(row, name) for name in Rule._fields} | {"tariff_id": row.tariff_id or 0}
        found[row.account_id].append(Rule(**values))
    return dict(found)


async def take_back_calls(conn: AsyncConnection, corrected: Sequence[Mapping[str, Any]], now_ms: int) -> None:
    """For calls that were rated again: the same part of the difference. `corrected`: of `corrections` their `id`,
    `cdr_id` and `level`, and as `net_micros` by what the charge without its taxes rose.
    """
    if not corrected:
        return
    ids = {one["cdr_id"] for one in corrected}
    query = sa.select(commissions).where((commissions.c.source == "call") & commissions.c.cdr_id.in_(ids))
    found: defaultdict[tuple[int, int], list[Row[Any]]] = defaultdict(list)
    for row in await conn.execute(query):
        found[row.cdr_id, row.level].append(row)
    rows = [
        _again(row, "correction", one["id"], one["net_micros"], earned(one["net_micros"], row.percent_millionths))
        for one in corrected
        for row in found.get((one["cdr_id"], one["level"]), ())
    ]
    await write(conn, rows, now_ms)


def _again(row: Row[Any], source: str, reference_id: int, base: int, part: tuple[int, int]) -> dict[str, Any]:
    """Of what was earned before, by the same rule."""
    kept = ("account_id", "seller_id", "cdr_id", "level", "rule_id", "percent_millionths", "currency")
    values = {name: getattr(row, name) for name in kept}
    return values | {
        "source": source, "reference_id": reference_id, "base_micros": base, "micros": part[0], "remainder": part[1],
    }  # fmt: skip


class Credited(NamedTuple):
    """A line of a credit note that gives back what nobody corrected."""

    note_line_id: int
    line_id: int
    """Of the invoice."""
    item_id: int | None
    """The line's; None: it is of calls."""
    line_micros: int
    """Of the whole line."""
    amount_micros: int
    """Given back."""


async def take_back_lines(conn: AsyncConnection, credited: Sequence[Credited], now_ms: int) -> None:
    """For invoices' lines that are credited: of all that was earned on a line the part that is given back."""
    found = await _earned_on(conn, credited) if credited else {}
    rows = [
        _back(key, exact, "credit_note", one.note_line_id, one.amount_micros, one.line_micros)
        for one in credited
        for key, exact in found.get(one.line_id, {}).items()
    ]
    await write(conn, rows, now_ms)


class Refunded(NamedTuple):
    """An item that gives back a part of another one."""

    item_id: int
    of_item_id: int
    amount_micros: int
    """Given back; both with the same taxes."""
    of_micros: int


async def take_back_item(conn: AsyncConnection, refunded: Refunded, now_ms: int) -> None:
    """Of all that was earned on an item the part that is given back, by whoever has earned it then."""
    of_item = (commissions.c.source == "item") & (commissions.c.reference_id == refunded.of_item_id)
    rows = [
        _back(key, exact, "item", refunded.item_id, refunded.amount_micros, refunded.of_micros)
        for key, exact in (await _summed(conn, _EARNED.where(of_item))).items()
    ]
    await write(conn, rows, now_ms)


class _Key(NamedTuple):
    """Who earns, of whom."""

    account_id: int
    seller_id: int
    currency: str


def _back(key: _Key, exact: int, source: str, reference_id: int, amount_micros: int, of_micros: int) -> dict[str, Any]:
    micros, remainder = divmod(-exact * amount_micros // of_micros, WHOLE)
    return {
        **key._asdict(), "source": source, "cdr_id": 0, "level": 0, "reference_id": reference_id,
        "base_micros": -amount_micros, "rule_id": 0, "percent_millionths": 0, "micros": micros, "remainder": remainder,
    }  # fmt: skip


_WHOSE = (commissions.c.account_id, commissions.c.seller_id, commissions.c.currency)
_EARNED = sa.select(*_WHOSE, sa.func.sum(commissions.c.micros), sa.func.sum(commissions.c.remainder)).group_by(*_WHOSE)


async def _summed(conn: AsyncConnection, query: sa.Select[Any]) -> defaultdict[_Key, int]:
    """In hundred-millionths of a micro-unit."""
    found: defaultdict[_Key, int] = defaultdict(int)
    for *key, micros, remainder in await conn.execute(query):
        found[_Key(*key)] += int(micros) * WHOLE + int(remainder)
    return found


async def _earned_on(conn: AsyncConnection, credited: Sequence[Credited]) -> dict[int, dict[_Key, int]]:
    """By line of an invoice, on it as it was invoiced: with what re-rating had changed by then, without what it has
    since.
    """
    found: defaultdict[int, defaultdict[_Key, int]] = defaultdict(lambda: defaultdict(int))
    lines = {one.item_id: one.line_id for one in credited if one.item_id is not None}
    item = commissions.c.reference_id
    of_items = (commissions.c.source == "item") & item.in_(lines)
    for item_id, *key, micros, remainder in await conn.execute(_by(item).where(of_items)) if lines else ():
        found[lines[item_id]][_Key(*key)] += int(micros) * WHOLE + int(remainder)
    ids = [one.line_id for one in credited if one.item_id is None]
    line, of_line = invoice_calls.c.line_id, _of(invoice_calls)
    of_calls = _by(line).join(invoice_calls, of_line).where(line.in_(ids))
    of_calls = of_calls.where(commissions.c.source.in_(("call", "correction")))
    for line_id, *key, micros, remainder in await conn.execute(of_calls) if ids else ():
        found[line_id][_Key(*key)] += int(micros) * WHOLE + int(remainder)
    since = sa.select(*_WHOSE, commissions.c.percent_millionths, charges, invoice_calls.c.amount_micros, line)
    since = since.join(invoice_calls, of_line).join(charges, _of(charges)).where(line.in_(ids))
    changed = (commissions.c.source == "call") & (charges.c.charge_micros != invoice_calls.c.amount_micros)
    for row in await conn.execute(since.where(changed)) if ids else ():
        then = row.amount_micros - tax_within(row.amount_micros, parse_factor(row.tax))
        risen = row.charge_micros - row.tax_micros - then
        found[row.line_id][_Key(*row[:3])] -= risen * row.percent_millionths
    return dict(found)


def _by(key: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """`_EARNED`, a row for each of these keys too, which stands first."""
    sums = sa.func.sum(commissions.c.micros), sa.func.sum(commissions.c.remainder)
    return sa.select(key, *_WHOSE, *sums).select_from(commissions).group_by(key, *_WHOSE)


def _of(table: sa.Table) -> sa.ColumnElement[bool]:
    """Of the call, and at the level, that a commission was earned on."""
    return (table.c.cdr_id == commissions.c.cdr_id) & (table.c.level == commissions.c.level)


async def write(conn: AsyncConnection, rows: list[dict[str, Any]], now_ms: int) -> None:
    """Keeps and posts it: of each reseller with each seller all that was ever earned, rounded down once."""
    if not rows:
        return
    sums: defaultdict[tuple[int, int, str], int] = defaultdict(int)
    for row in rows:
        sums[row["account_id"], row["seller_id"], row["currency"]] += row["micros"] * WHOLE + row["remainder"]
    lines = []
    for (account_id, seller_id, currency), exact in sorted(sums.items()):
        micros = await _carry(conn, account_id, seller_id, currency, exact)
        if micros:
            lines += [
                Posting(COMMISSION, account_id, micros, currency),
                Posting(COST, seller_id, -micros, currency),
            ]
    entry_id = None
    if lines:
        entry_id = await post_entry(
            conn, Entry(COMMISSION, ACTOR, f"on {len(rows)} sales", now_ms, sum_postings(lines))
        )
    await conn.execute(sa.insert(commissions), [{**row, "entry_id": entry_id, "at_ms": now_ms} for row in rows])


async def _carry(conn: AsyncConnection, account_id: int, seller_id: int, currency: str, exact: int) -> int:
    """What is posted of it; the rest waits. Added where it stands: another node may add to it at once."""
    table = commission_carries
    key = {"account_id": account_id, "seller_id": seller_id, "currency": currency}
    rest = exact % WHOLE
    insert: Any = sqlite.insert(table) if is_sqlite(conn) else postgresql.insert(table)
    added = insert.values(**key, remainder=rest).on_conflict_do_update(
        index_elements=list(key), set_={"remainder": (table.c.remainder + rest) % WHOLE}
    )
    after = int((await conn.execute(added.returning(table.c.remainder))).scalar_one())
    before = (after - rest) % WHOLE
    return (before + exact) // WHOLE
