"""The API of refunds and transfers, which wait for the call path: it alone knows what calls hold."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from ratebook.money import format_micros
from service.access.actor import Actor
from service.access.permissions import Permission
from service.api.call import Api, Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.lines import Expression
from service.api.listed import lines_of
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.nouns import seen
from service.api.problems import Problem, invalid
from service.api.values import ABOVE, AccountId, Asked, Micros, Moment, Money, Told, Words
from service.commands.outbox import lock_node
from service.database.engine import reading
from service.database.tables import accounts, operations
from service.ledger import operations as rules
from service.ledger.api import check_amount, seen_actor
from service.ledger.operations import Debit

POLL_S = 0.05


class OperationView(Told):
    """A refund or a transfer."""

    id: int
    kind: Annotated[str, Field(description="refund, transfer, or fee: of a subscription")]
    account_id: Annotated[int | None, Field(description="Whose money it was; null: outside your subtree")]
    to_account_id: Annotated[int | None, Field(description="null: it was paid out, or went outside your subtree")]
    amount: Annotated[Money, Field(validation_alias="amount_micros")]
    currency: str
    reason: str
    actor: Annotated[str, Field(description="`above`: somebody outside your subtree")]
    state: Annotated[
        str,
        Field(description="asked: the call path has not answered yet; posted; refused: too little was free; cancelled"),
    ]
    entry_id: int | None
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    decided_at: Annotated[Moment, Field(validation_alias="decided_ms")]


class OperationQuery(Paging):
    """Which ones."""

    account_id: AccountId | None = None
    state: Literal["", "asked", "posted", "refused", "cancelled"] = ""
    sort: Literal["", "id", "-id"] = ""


class Refund(Asked):
    """Money that an account gets back: of its own and free, never what calls hold, never credit."""

    amount: Micros
    reason: Words


class Transfer(Asked):
    """Money that goes from one account to another, both below your own."""

    from_account_id: AccountId
    to_account_id: AccountId
    amount: Micros
    reason: Words


_FROM, _TO, _ACTORS = (accounts.alias(name) for name in ("from_account", "to_account", "actor_account"))
_SELECT = (
    sa.select(
        operations,
        _FROM.c.path.label("from_path"),
        _TO.c.path.label("to_path"),
        _ACTORS.c.path.label("actor_path"),
    )
    .join(_FROM, _FROM.c.id == operations.c.account_id)
    .join(_TO, _TO.c.id == operations.c.to_account_id, isouter=True)
    .join(_ACTORS, _ACTORS.c.id == operations.c.actor_account_id, isouter=True)
)
_LISTING = Listing(
    "operation",
    {"-id": operations.c.id},
    {
        "account_id": lambda number: (operations.c.account_id == number) | (operations.c.to_account_id == number),
        "state": equals(operations.c.state),
    },
    _SELECT,
)


def _cells(call: Call) -> dict[str, Expression]:
    sees_to = _TO.c.path.is_(None) | seen(_TO.c.path, call.actor)
    sees_actor = _ACTORS.c.path.is_(None) | seen(_ACTORS.c.path, call.actor)
    return {
        "account_id": sa.case((seen(_FROM.c.path, call.actor), operations.c.account_id)),
        "to_account_id": sa.case((sees_to, operations.c.to_account_id)),
        "actor": sa.case((sees_actor, operations.c.actor), else_=ABOVE),
    }


def _view(row: Row[Any], viewer: Actor) -> OperationView:
    hidden: dict[str, Any] = {"actor": seen_actor(row.actor, row.actor_path, viewer)}
    if not viewer.sees(row.from_path):
        hidden["account_id"] = None
    if row.to_path is not None and not viewer.sees(row.to_path):
        hidden["to_account_id"] = None
    return OperationView.model_validate(dict(row._mapping) | hidden)


async def list_operations(call: Call) -> Answer:
    """A page of them, newest first."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[OperationView](items=[_view(row, call.actor) for row in rows], next=following))


async def show_operation(call: Call) -> Answer:
    """One."""
    row = (await call.conn.execute(_SELECT.where(operations.c.id == call.row.id))).one()
    return Answer(_view(row, call.actor))


async def refund(call: Call) -> Answer:
    """Answers when the call path has set the money aside, or hasn't: with 202 if that takes long."""
    body: Refund = call.body
    check_amount(body.amount)
    if call.row.kind == "provider":
        raise Problem("conflict", "a provider is paid out: post a negative payment")
    return await _asked(call, rules.REFUND, call.row, None, body)


async def transfer(call: Call) -> Answer:
    """Both accounts must stand below the asker's."""
    body: Transfer = call.body
    check_amount(body.amount)
    giver = await call.find("account", body.from_account_id, to_change=True)
    taker = await call.find("account", body.to_account_id, to_change=True)
    if giver.id == taker.id:
        raise invalid("/to_account_id", "the money is there already")
    if giver.currency != taker.currency:
        raise invalid("/to_account_id", f"this account has {taker.currency}, the other one {giver.currency}")
    if "provider" in {giver.kind, taker.kind}:
        raise Problem("conflict", "what a provider gets or gives is a payment")
    if taker.state == "closed":
        raise Problem("conflict", "the account that the money should go to is closed")
    return await _asked(call, rules.TRANSFER, giver, taker.id, body)


async def _asked(call: Call, kind: str, giver: Row[Any], to_id: int | None, body: Refund | Transfer) -> Answer:
    if giver.state == "closed":
        raise Problem("conflict", "the account is closed: resume it first")
    actor = call.actor
    debit = Debit(kind, giver.id, to_id, body.amount, giver.currency, body.reason, actor.name, actor.own_account_id)
    number = await rules.ask(call.conn, await lock_node(call.conn, call.node), call.node, debit, call.now_ms)
    told = {"operation_id": number, "amount": format_micros(body.amount), "reason": body.reason, "to_account_id": to_id}
    await call.audit(f"account.{kind}", "account", giver.id, giver.id, None, told)
    return Answer(follow=number)


async def follow(api: Api, number: int) -> Answer:
    """What became of an operation: looked for until it is decided, or the API's patience ends."""
    until = time.monotonic() + api.patience_s
    while True:
        async with reading(api.engine) as conn:
            row = await rules.find_operation(conn, number)
        if row.state != rules.ASKED or time.monotonic() >= until:
            return _became(row)
        await asyncio.sleep(POLL_S)


def _became(row: Row[Any]) -> Answer:
    if row.state == rules.REFUSED:
        free = format_micros(max(0, row.free_micros))
        raise Problem("no-funds", f"{free} {row.currency} are free; the rest is credit, or held by running calls")
    status = 202 if row.state == rules.ASKED else 201
    return Answer(OperationView.model_validate(row), status=status, location=f"/api/v1/operations/{row.id}")


async def cancel(call: Call) -> Answer:
    """Of one that the call path has not answered: it is at rest, perhaps."""
    if call.row.kind == rules.FEE:
        raise Problem("conflict", "it is a subscription's fee: cancel the subscription")
    if call.row.state != rules.ASKED:
        raise Problem("conflict", f"it is {call.row.state} already")
    await rules.cancel(call.conn, call.node, call.row, call.now_ms)
    await call.audit("operation.cancel", "operation", call.row.id, call.row.account_id)
    return await show_operation(call)


_P = Permission
ENDPOINTS = [
    Endpoint(
        "payment.refund", "POST", "/accounts/{account_id}/refunds", _P.PAYMENTS_REFUND, refund, "Pay money back",
        Refund, answer=OperationView, status=201, below=True, of_seller=True, key=Key.NEEDED, follow=follow,
    ),
    Endpoint(
        "payment.transfer", "POST", "/transfers", _P.PAYMENTS_TRANSFER, transfer, "Move money between accounts",
        Transfer, answer=OperationView, status=201, key=Key.NEEDED, follow=follow, of_seller=True,
    ),
    Endpoint(
        "operation.list", "GET", "/operations", _P.PAYMENTS_READ, list_operations, "List refunds and transfers",
        query=OperationQuery, answer=Page[OperationView], lines=lines_of(_LISTING, OperationView, _cells),
    ),
    Endpoint(
        "operation.show", "GET", "/operations/{operation_id}", _P.PAYMENTS_READ, show_operation,
        "Show a refund or a transfer", answer=OperationView,
    ),
    Endpoint(
        "operation.cancel", "POST", "/operations/{operation_id}/cancellation", _P.PAYMENTS_REFUND, cancel,
        "Cancel a refund or a transfer that waits", answer=OperationView, below=True, of_seller=True,
    ),
]  # fmt: skip
