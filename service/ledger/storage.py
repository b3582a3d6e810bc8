"""Entries in SQL. `post_entries` is the only way to write a line; balances move in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.engine import is_sqlite
from service.database.tables import book_balances, entries, postings
from service.faults import Fault
from service.ledger.hourly import add_money
from service.ledger.rules import BALANCE, Batch, Entry, Posting, check, sum_postings
from service.ledger.telling import tell


class KeyTaken(Fault):
    """The idempotency key already stands for another request."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the key {key!r} was used for another request: take a new key for a new payment")


def _insert(conn: AsyncConnection, table: sa.Table) -> Any:
    return sqlite.insert(table) if is_sqlite(conn) else postgresql.insert(table)


async def post_entry(conn: AsyncConnection, entry: Entry) -> int:
    """One of them: see `post_entries`. Returns its id."""
    return (await post_entries(conn, [entry]))[0]


async def post_entries(conn: AsyncConnection, fresh: Sequence[Entry]) -> list[int]:
    """Writes entries, in their order, and moves the balances. Returns their ids. Raises Unbalanced.

    The caller holds the node's lock and has asked `entry_of_key` whether a key is known.
    """
    for entry in fresh:
        check(entry.postings)
    if not fresh:
        return []
    # SQLite numbers rows as they stand in the statement: told to see to it, SQLAlchemy would send it one by one.
    header = sa.insert(entries).returning(entries.c.id, sort_by_parameter_order=not is_sqlite(conn))
    ids = sorted((await conn.execute(header, [_header(entry) for entry in fresh])).scalars())
    stood = list(zip(ids, fresh, strict=True))
    lines = [(number, line) for number, entry in stood for line in entry.postings]
    await conn.execute(sa.insert(postings), [{"entry_id": number, **line._asdict()} for number, line in lines])
    await _move_balances(conn, [line for _, line in lines])
    await add_money(conn, fresh)
    await tell(conn, stood)
    return ids


_NO_BATCH = dict.fromkeys(Batch._fields)


def _header(entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind, "actor": entry.actor, "actor_account_id": entry.actor_account_id, "reason": entry.reason,
        "created_ms": entry.created_ms, "idempotency_key": entry.idempotency_key, "request": entry.request,
        **(entry.batch._asdict() if entry.batch else _NO_BATCH),
    }  # fmt: skip


async def _move_balances(conn: AsyncConnection, lines: Iterable[Posting]) -> None:
    sums = sum_postings(lines)
    if not sums:
        return
    upsert = _insert(conn, book_balances)
    upsert = upsert.on_conflict_do_update(
        index_elements=["account_id", "book", "currency"],
        set_={"amount_micros": book_balances.c.amount_micros + upsert.excluded.amount_micros},
    )
    await conn.execute(upsert, [line._asdict() for line in sums])


class KnownEntry(NamedTuple):
    """An entry that stands under an idempotency key."""

    id: int
    request: str
    created_ms: int


async def entry_of_key(conn: AsyncConnection, key: str, request: str) -> KnownEntry | None:
    """The entry of a key; None: the key is new. Raises KeyTaken if it stands for another request."""
    columns = sa.select(entries.c.id, entries.c.request, entries.c.created_ms)
    row = (await conn.execute(columns.where(entries.c.idempotency_key == key))).first()
    if row is None:
        return None
    if row.request != request:
        raise KeyTaken(key)
    return KnownEntry(row.id, row.request, row.created_ms)


async def balance_of(conn: AsyncConnection, account_id: int, currency: str, book: str = BALANCE) -> int:
    """What a book of an account says, in micro-units; 0 before its first line."""
    where = (
        (book_balances.c.account_id == account_id)
        & (book_balances.c.book == book)
        & (book_balances.c.currency == currency)
    )
    return (await conn.execute(sa.select(book_balances.c.amount_micros).where(where))).scalar() or 0


async def balance_after(conn: AsyncConnection, account_id: int, entry_id: int) -> int:
    """An account's balance when an entry stood: the sum of its lines up to that one."""
    return await _balance(conn, account_id, postings.c.entry_id <= entry_id)


async def balance_upto(conn: AsyncConnection, account_id: int, line_id: int) -> int:
    """The same right after one line: an entry may have several of an account."""
    return await _balance(conn, account_id, postings.c.id <= line_id)


async def _balance(conn: AsyncConnection, account_id: int, upto: sa.ColumnElement[bool]) -> int:
    lines = (postings.c.account_id == account_id) & (postings.c.book == BALANCE) & upto
    total = sa.select(sa.func.coalesce(sa.func.sum(postings.c.amount_micros), 0)).where(lines)
    return int((await conn.execute(total)).scalar_one())


async def balances(conn: AsyncConnection, book: str = BALANCE) -> dict[int, int]:
    """Micro-units of every account whose book isn't at nothing, by account id. An account has one currency."""
    columns = sa.select(book_balances.c.account_id, sa.func.sum(book_balances.c.amount_micros))
    some = columns.where(book_balances.c.book == book, book_balances.c.amount_micros != 0)
    rows = await conn.execute(some.group_by(book_balances.c.account_id))
    return {account_id: int(micros) for account_id, micros in rows}


class StatementLine(NamedTuple):
    """One line of an account's statement."""

    entry_id: int
    created_ms: int
    kind: str
    reason: str
    actor: str
    amount_micros: int
    currency: str


async def statement(conn: AsyncConnection, account_id: int, *, limit: int = 50) -> list[StatementLine]:
    """The latest lines of an account's balance, newest first."""
    columns = sa.select(
        entries.c.id,
        entries.c.created_ms,
        entries.c.kind,
        entries.c.reason,
        entries.c.actor,
        postings.c.amount_micros,
        postings.c.currency,
    ).join(postings, postings.c.entry_id == entries.c.id)
    where = (postings.c.account_id == account_id) & (postings.c.book == BALANCE)
    rows = await conn.execute(columns.where(where).order_by(postings.c.id.desc()).limit(limit))
    return [StatementLine(*row) for row in rows]


class Imbalance(NamedTuple):
    """Something that should add up and doesn't."""

    entry_id: int
    """0: it is a balance."""
    book: str
    account_id: int
    """Whose balance; of an entry there are neither."""
    currency: str
    expected_micros: int
    found_micros: int


async def imbalances(conn: AsyncConnection, *, limit: int = 20) -> list[Imbalance]:
    """Conservation; empty: it holds. Each entry adds up to nothing per currency, each balance is its lines' sum."""
    return [*await _unbalanced_entries(conn, limit), *await _wrong_balances(conn, limit)]


async def _unbalanced_entries(conn: AsyncConnection, limit: int) -> list[Imbalance]:
    total = sa.func.sum(postings.c.amount_micros)
    query = (
        sa.select(postings.c.entry_id, postings.c.currency, total)
        .group_by(postings.c.entry_id, postings.c.currency)
        .having(total != 0)
        .order_by(postings.c.entry_id)
        .limit(limit)
    )
    return [
        Imbalance(entry_id, "", 0, currency, 0, int(micros)) for entry_id, currency, micros in await conn.execute(query)
    ]


async def _wrong_balances(conn: AsyncConnection, limit: int) -> list[Imbalance]:
    """A FULL JOIN that both engines know: lines against balances, as one sum that must be nothing."""
    lines = sa.select(
        postings.c.account_id, postings.c.book, postings.c.currency, postings.c.amount_micros.label("line")
    )
    kept = sa.select(book_balances.c.account_id, book_balances.c.book, book_balances.c.currency)
    zero = sa.literal(0).label("kept")
    both = sa.union_all(
        lines.add_columns(zero),
        kept.add_columns(sa.literal(0).label("line"), book_balances.c.amount_micros.label("kept")),
    ).subquery()
    expected, found = sa.func.sum(both.c.line), sa.func.sum(both.c.kept)
    query = (
        sa.select(both.c.account_id, both.c.book, both.c.currency, expected, found)
        .group_by(both.c.account_id, both.c.book, both.c.currency)
        .having(expected != found)
        .order_by(both.c.account_id)
        .limit(limit)
    )
    return [
        Imbalance(0, book, account_id, currency, int(wanted), int(is_))
        for account_id, book, currency, wanted, is_ in await conn.execute(query)
    ]
