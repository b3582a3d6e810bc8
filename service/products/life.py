"""The life of a subscription, a step a transaction under the node's lock.

starting ─ the fees are there ─▶ active; ─ they are not ─▶ refused. active, at each period's end: ─ fees ─▶ active; ─ no
funds ─▶ suspended or ended, as the product says; ─ cancelled, or not renewed ─▶ ended. suspended ─ fees ─▶ active.

Fees are set aside by the call path first, which knows what calls hold, and posted when it says so; those that a product
forces are posted at once. What is charged and granted stands under its period's beginning: once, whatever comes twice.
What a cancelled package gives back waits in its ended subscription until no call can use it any more (`leftover.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.billing.call_taxes import added_to
from service.commands.bodies import credit_body, number_body, take_body
from service.commands.outbox import Command, Node, enqueue, enqueue_all, lock_node
from service.database.peer_tables import numbers
from service.ledger import operations
from service.ledger.operations import Debit
from service.products import grants
from service.products.fees import Fee, charge_fee, paid_for
from service.products.leftover import Leftover, Stocks, collected
from service.products.periods import DAY_MS, Span
from service.products.rules import (
    ACTIVE,
    END,
    ENDED,
    PACKAGE,
    PERIOD,
    REFUSED,
    RENTAL,
    RETRY,
    SETUP,
    STARTING,
    SUSPENDED,
    Dues,
    first_dues,
    next_dues,
    refund_of,
)
from service.products.storage import Subject, change, load, of_operation

RETRY_MS = 3_600_000
"""How long after funds were lacking they are asked for again."""
LOOK_MS = 2_000
"""How often it is looked whether calls still use what was cancelled."""
Look = Callable[[], Awaitable[Stocks | None]]
"""At what the store has of packages."""
NO_FUNDS = "the funds were not there"


async def demand_first(conn: AsyncConnection, node: Node, name: str, subject: Subject, now_ms: int) -> int | None:
    """A subscription starts, or starts again; returns the operation that it waits for; None: it runs."""
    dues = first_dues(subject.product, now_ms, with_setup=subject.row.state == STARTING)
    return await _demand(conn, node, name, subject, dues, now_ms, now_ms)


async def _demand(
    conn: AsyncConnection, node: Node, name: str, subject: Subject, dues: Dues, anchor_ms: int, now_ms: int
) -> int | None:
    row, product = subject.row, subject.product
    seller = (conn, subject.seller_id, subject.account)
    dues = dues.with_taxes(await added_to(*seller, SETUP, now_ms), await added_to(*seller, product.kind, now_ms))
    if product.forced or not dues.total_micros:
        await _begin(conn, name, subject, dues, anchor_ms, None, now_ms)
        return None
    debit = Debit(
        operations.FEE, row.account_id, None, dues.total_micros, product.currency, product.name, row.actor,
        row.actor_account_id,
    )  # fmt: skip
    operation = await operations.ask(conn, node, name, debit, now_ms)
    asked = {**dues._asdict(), "anchor_ms": anchor_ms}
    await change(conn, subject, operation_id=operation, asked=asked, next_ms=0)
    return operation


async def decide(conn: AsyncConnection, name: str, answers: Iterable[dict[str, Any]], now_ms: int) -> None:
    """What the store has answered about fees. What is no longer asked for stays as it is."""
    for answer in answers:
        operation = await operations.find_operation(conn, answer["operation"])
        if operation.kind != operations.FEE or operation.state != operations.ASKED:
            continue
        subject = await of_operation(conn, operation.id)
        assert subject is not None, f"operation {operation.id} is asked for by no subscription"
        if answer["done"] and subject.product.account_id != subject.seller_id:
            await operations.cancel(conn, name, operation, now_ms)
            await change(conn, subject, operation_id=None, asked=None)
            await end(conn, name, subject, why_over(subject), now_ms)
        elif answer["done"]:
            asked = dict(subject.row.asked)
            anchor_ms = asked.pop("anchor_ms")
            await _begin(conn, name, subject, Dues.of(asked), anchor_ms, operation, now_ms)
        else:
            values = {"state": operations.REFUSED, "free_micros": answer["free"]}
            await operations.close(conn, operation.id, now_ms, **values)
            await _refused(conn, name, subject, now_ms)


async def _begin(
    conn: AsyncConnection, name: str, subject: Subject, dues: Dues, anchor_ms: int, operation: Row[Any] | None,
    now_ms: int,
) -> None:  # fmt: skip
    """A period that is paid: by what an operation has set aside, or whatever is there."""
    entry_id = None
    if dues.setup_micros:
        setup = Fee(SETUP, dues.from_ms, dues.from_ms, dues.setup_micros, dues.setup_tax)
        entry_id = await charge_fee(conn, subject, setup, now_ms)
    fee = Fee(PERIOD, dues.from_ms, dues.until_ms, dues.price_micros, dues.price_tax)
    entry_id = await charge_fee(conn, subject, fee, now_ms) or entry_id
    await _pay(conn, name, subject, dues.total_micros, operation, entry_id, now_ms)
    values = {"from_ms": dues.from_ms, "until_ms": dues.until_ms, "next_ms": dues.until_ms, "anchor_ms": anchor_ms}
    none = {"asked": None, "operation_id": None, "failing_ms": 0, "reason": ""}
    await change(conn, subject, state=ACTIVE, **values, **none)
    if subject.product.kind == PACKAGE:
        await grants.grant(conn, name, subject, dues, anchor_ms, now_ms)
    await _switch_number(conn, name, subject, "active", now_ms)


async def _pay(
    conn: AsyncConnection, name: str, subject: Subject, micros: int, operation: Row[Any] | None, entry_id: int | None,
    now_ms: int,
) -> None:  # fmt: skip
    """The store's side of it."""
    account_id = subject.row.account_id
    if operation is not None:
        taken = await enqueue_all(conn, name, [Command(take_body(operation.id), account_id, -micros)], now_ms=now_ms)
        closed = {"state": operations.POSTED, "entry_id": entry_id, "closed_by": taken}
        await operations.close(conn, operation.id, now_ms, **closed)
    elif micros:
        command = Command(credit_body(account_id, -micros), account_id, -micros)
        await enqueue_all(conn, name, [command], now_ms=now_ms)


async def _refused(conn: AsyncConnection, name: str, subject: Subject, now_ms: int) -> None:
    """The funds were not there."""
    row, product = subject.row, subject.product
    none = {"asked": None, "operation_id": None}
    failing_ms = row.failing_ms or now_ms
    if row.state == STARTING:
        await change(conn, subject, state=REFUSED, reason=NO_FUNDS, **none)
    elif product.without_funds == END or now_ms - failing_ms >= product.retry_days * DAY_MS > 0:
        await change(conn, subject, **none)
        await end(conn, name, subject, NO_FUNDS, now_ms)
    else:
        next_ms = now_ms + RETRY_MS if product.without_funds == RETRY else 0
        values = {"state": SUSPENDED, "reason": NO_FUNDS, "next_ms": next_ms, "failing_ms": failing_ms}
        await change(conn, subject, **values, **none)
        await _switch_number(conn, name, subject, "suspended", now_ms)


async def look_after(conn: AsyncConnection, name: str, number: int, look: Look, now_ms: int) -> None:
    """What is due of a subscription. One that is not due any more, since somebody was faster, stays as it is."""
    subject = await load(conn, number)
    row = subject.row
    if not 0 < row.next_ms <= now_ms:
        return
    if row.state == ENDED:
        await _give_back_unused(conn, name, subject, await look(), now_ms)
        return
    node = await lock_node(conn, name)
    why = why_over(subject)
    if why:
        await end(conn, name, subject, why, now_ms)
    elif row.state == ACTIVE:
        dues = next_dues(subject.product, row.anchor_ms, row.until_ms, now_ms)
        await _demand(conn, node, name, subject, dues, row.anchor_ms, now_ms)
    else:
        await demand_first(conn, node, name, subject, now_ms)


def why_over(subject: Subject) -> str:
    """Why a subscription has no further period; empty: it has."""
    if subject.account.state == "closed":
        return "the account is closed"
    if subject.product.account_id != subject.seller_id:
        return "the account has another seller"
    if subject.product.kind == RENTAL and subject.number is None:
        return "the number is gone, or somebody else's"
    if subject.row.ends:
        return "cancelled"
    if subject.row.state == ACTIVE and not subject.product.renews:
        return "it is not renewed"
    return ""


async def end(conn: AsyncConnection, name: str, subject: Subject, why: str, now_ms: int) -> None:
    """It is over; what it has granted may be used for as long as that was paid for."""
    await change(conn, subject, state=ENDED, reason=why, next_ms=0, failing_ms=0)
    await _switch_number(conn, name, subject, "suspended", now_ms)


async def cancel_now(conn: AsyncConnection, name: str, subject: Subject, now_ms: int) -> None:
    """Ends it within its period, and gives back what its product says; of a package when no call uses it any more."""
    row = subject.row
    if row.operation_id is not None:
        operation = await operations.find_operation(conn, row.operation_id)
        await operations.cancel(conn, name, operation, now_ms)
        await change(conn, subject, operation_id=None, asked=None)
    micros = 0
    if row.state == ACTIVE:
        taken = await grants.taken_of(conn, subject)
        paid = await paid_for(conn, subject)
        micros = refund_of(subject.product, paid.micros, Span(row.from_ms, row.until_ms), now_ms, taken)
    await grants.cut_short(conn, name, subject, now_ms)
    await end(conn, name, subject, "cancelled", now_ms)
    if micros and subject.product.kind == PACKAGE:
        await change(conn, subject, asked=Leftover(micros)._asdict(), next_ms=now_ms)
    elif micros:
        await _give_back(conn, name, subject, micros, now_ms)


async def _give_back(conn: AsyncConnection, name: str, subject: Subject, micros: int, now_ms: int) -> None:
    paid = await paid_for(conn, subject)
    await charge_fee(conn, subject, paid.refund(subject, micros), now_ms)
    await _pay(conn, name, subject, -micros, None, None, now_ms)


async def _give_back_unused(
    conn: AsyncConnection, name: str, subject: Subject, stocks: Stocks | None, now_ms: int
) -> None:
    """Of a package that was cancelled: nothing, if a call that ran on then has used of it."""
    granted = await grants.present(conn, subject)
    left = Leftover(**subject.row.asked).seen(granted, stocks)
    if not left.is_known(await collected(conn, name)):
        await change(conn, subject, asked=left._asdict(), next_ms=now_ms + LOOK_MS)
        return
    await change(conn, subject, asked=None, next_ms=0)
    if not granted.taken:
        await _give_back(conn, name, subject, left.micros, now_ms)


async def _switch_number(conn: AsyncConnection, name: str, subject: Subject, state: str, now_ms: int) -> None:
    """A number that is rented takes calls while its rent is paid."""
    number = subject.number
    if subject.product.kind != RENTAL or number is None or number.state == state:
        return
    changed = sa.update(numbers).where(numbers.c.id == number.id)
    row = (await conn.execute(changed.values(state=state, version=numbers.c.version + 1).returning(numbers))).one()
    await enqueue(conn, name, number_body(row), now_ms=now_ms)
