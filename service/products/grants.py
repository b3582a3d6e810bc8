"""What packages grant: in the ledger, and by command in the store. The two agree, as balances do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.commands import bodies
from service.commands.outbox import Command, enqueue, enqueue_all
from service.database.product_tables import package_grants, package_takes, products
from service.products.periods import DAY_MS
from service.products.rules import Dues, grant_until_ms
from service.products.storage import Subject

KEPT_MS = DAY_MS
"""How long the store keeps a grant that is over: calls that hold something of it end by then."""
AT_ONCE = 500


async def grant(conn: AsyncConnection, node: str, subject: Subject, dues: Dues, anchor_ms: int, now_ms: int) -> None:
    """What a package gives for a period that is paid."""
    row, product = subject.row, subject.product
    values = {
        "subscription_id": row.id,
        "product_id": product.id,
        "account_id": row.account_id,
        "money": product.money,
        "amount": product.amount,
        "covers_fees": product.covers_fees,
        "priority": product.priority,
        "from_ms": dues.from_ms,
        "until_ms": grant_until_ms(product, anchor_ms, dues.until_ms),
        "created_ms": now_ms,
    }
    made = (await conn.execute(sa.insert(package_grants).values(**values).returning(package_grants))).one()
    await enqueue(conn, node, bodies.package_body(made, made.amount), now_ms=now_ms)


async def correct(conn: AsyncConnection, node: str, number: int, amount: int, now_ms: int) -> None:
    """More, or less, of a grant."""
    changed = sa.update(package_grants).where(package_grants.c.id == number)
    changed = changed.values(amount=package_grants.c.amount + amount)
    row = (await conn.execute(changed.returning(package_grants))).one()
    await enqueue(conn, node, bodies.package_body(row, amount), now_ms=now_ms)


async def cut_short(conn: AsyncConnection, node: str, subject: Subject, now_ms: int) -> None:
    """No new call takes of what this subscription was granted."""
    own = (package_grants.c.subscription_id == subject.row.id) & (package_grants.c.until_ms > now_ms)
    ends = sa.case((package_grants.c.from_ms > now_ms, package_grants.c.from_ms), else_=now_ms)
    rows = await conn.execute(sa.update(package_grants).where(own).values(until_ms=ends).returning(package_grants))
    await enqueue_all(conn, node, [Command(bodies.package_body(row, 0)) for row in rows.all()], now_ms=now_ms)


async def taken_of(conn: AsyncConnection, subject: Subject) -> int:
    """What calls have taken of what the present period granted; 0: nothing, or nothing is granted."""
    return int((await conn.execute(_present(subject, package_grants.c.taken))).scalar() or 0)


async def present(conn: AsyncConnection, subject: Subject) -> Row[Any]:
    """What a package has granted for its present period."""
    row: Row[Any] = (await conn.execute(_present(subject, package_grants))).one()
    return row


def _present(subject: Subject, what: Any) -> sa.Select[Any]:
    own = package_grants.c.subscription_id == subject.row.id
    return sa.select(what).where(own, package_grants.c.from_ms == subject.row.from_ms)


async def note_takes(conn: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """What calls of a batch have taken."""
    if not rows:
        return
    await conn.execute(sa.insert(package_takes), rows)
    of = package_grants.c.id == sa.bindparam("of_grant")
    more = sa.update(package_grants).where(of).values(taken=package_grants.c.taken + sa.bindparam("more"))
    await conn.execute(more, [{"of_grant": row["grant_id"], "more": row["amount"]} for row in rows])


async def old(conn: AsyncConnection, now_ms: int) -> Sequence[Row[Any]]:
    """Grants that are over for so long that the store need not know them."""
    is_old = (package_grants.c.state == "open") & (package_grants.c.until_ms < now_ms - KEPT_MS)
    return (await conn.execute(sa.select(package_grants).where(is_old).limit(AT_ONCE))).all()


async def close_old(conn: AsyncConnection, node: str, now_ms: int) -> int:
    """The store forgets them; returns how many it was."""
    rows = await old(conn, now_ms)
    if rows:
        ids = [row.id for row in rows]
        await conn.execute(sa.update(package_grants).where(package_grants.c.id.in_(ids)).values(state="closed"))
        gone = [Command(bodies.package_gone_body(row.id, row.account_id)) for row in rows]
        await enqueue_all(conn, node, gone, now_ms=now_ms)
    return len(rows)


async def standing_grants(conn: AsyncConnection) -> list[bodies.Body]:
    """For a new store: which calls packages are for, and what is left of each grant."""
    packages = sa.select(products).where(products.c.kind == "package").order_by(products.c.id)
    wanted = [bodies.product_body(row) for row in await conn.execute(packages)]
    held = sa.select(package_grants).where(package_grants.c.state == "open").order_by(package_grants.c.id)
    return wanted + [bodies.package_body(row, row.amount - row.taken) for row in await conn.execute(held)]
