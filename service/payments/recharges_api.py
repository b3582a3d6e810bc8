"""The API of automatic recharges: when, how much, by which card. Numbers of cards are the gateway's alone."""

from __future__ import annotations

import secrets
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.access.permissions import Permission
from service.accounts.storage import seller_of
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.problems import Problem, invalid, not_found
from service.api.values import AccountId, Asked, Micros, Moment, Money, Number, Ref, Told
from service.database.engine import reading
from service.database.own import own_of, put_own
from service.database.payment_tables import payment_gateways, top_ups
from service.database.recharge_tables import recharge_tasks, recharges
from service.database.tables import accounts
from service.ledger.api import check_amount
from service.payments.stripe import decimals_of
from service.payments.stripe_client import Client, GatewayAway


class Recharge(Asked):
    """When and how much. It begins once a card is kept: `recharge card` says where to leave one."""

    gateway_id: Annotated[Number, Ref("payment-gateway")]
    threshold: Annotated[Micros, Field(description="Each time that the balance falls below it")]
    amount: Annotated[Micros, Field(description="Of one recharge")]
    month_max: Annotated[Micros, Field(description="Of all in a calendar month, by UTC")]


class RechargeView(Told):
    """How an account is recharged."""

    account_id: int
    gateway_id: int
    threshold: Annotated[Money, Field(validation_alias="threshold_micros")]
    amount: Annotated[Money, Field(validation_alias="amount_micros")]
    month_max: Annotated[Money, Field(validation_alias="month_micros")]
    currency: str
    state: Annotated[str, Field(description="asked: no card is kept yet; on; off: it was declined too often")]
    fault: Annotated[str, Field(description="Why the last one came to nothing; empty: it didn't")]
    version: int


class CardPage(Told):
    """Where to leave a card."""

    link: str


class RechargeQuery(Paging):
    """Whose, and how they stand."""

    account_id: AccountId | None = None
    state: Literal["", "asked", "on", "off"] = ""


class AttemptView(Told):
    """A recharge that was begun, and what became of it."""

    id: int
    account_id: int
    amount: Annotated[Money, Field(validation_alias="amount_micros")]
    currency: str
    state: Annotated[str, Field(description="waiting; asked: the gateway has it; done: it was paid; failed")]
    declines: Annotated[int, Field(description="How often the card was declined")]
    fault: Annotated[str, Field(description="Why it came to nothing so far; empty: it didn't")]
    next_at: Annotated[Moment, Field(validation_alias="due_ms", description="When it is tried; null: no more")]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]


class AttemptQuery(Paging):
    """Whose, and what became of them."""

    account_id: AccountId | None = None
    state: Literal["", "waiting", "asked", "done", "failed"] = ""


_LISTING = Listing(
    "account", {"id": accounts.c.id, "name": accounts.c.name},
    {"account_id": equals(recharges.c.account_id), "state": equals(recharges.c.state)},
    sa.select(accounts.c.id, recharges).join(recharges, recharges.c.account_id == accounts.c.id),
)  # fmt: skip
_DUE_MS = sa.case((recharge_tasks.c.state == "waiting", recharge_tasks.c.next_ms), else_=0)
_HISTORY = Listing(
    "recharge-task", {"-id": recharge_tasks.c.id},
    {"account_id": equals(recharge_tasks.c.account_id), "state": equals(recharge_tasks.c.state)},
    sa.select(recharge_tasks, top_ups.c.amount_micros, top_ups.c.currency, _DUE_MS.label("due_ms"))
    .join(top_ups, top_ups.c.id == recharge_tasks.c.top_up_id),
)  # fmt: skip


async def list_recharges(call: Call) -> Answer:
    """A page of the accounts that are recharged, and how."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[RechargeView](items=[RechargeView.model_validate(row) for row in rows], next=following))


async def list_attempts(call: Call) -> Answer:
    """A page of what was asked of cards, the latest first."""
    rows, following = await page_of(call, _HISTORY)
    return Answer(Page[AttemptView](items=[AttemptView.model_validate(row) for row in rows], next=following))


async def show_recharge(call: Call) -> Answer:
    """Not found: the account wants none."""
    row = await own_of(call.conn, recharges, call.row.id)
    if row is None:
        raise not_found()
    return Answer(RechargeView.model_validate(row), version=row.version)


async def edit_recharge(call: Call) -> Answer:
    """A card that is kept stays, at the same gateway; what was off goes on. How much a card pays is said by the account
    or by whom it pays.
    """
    body: Recharge = call.body
    if call.row.id != call.actor.account_id:
        await call.need_seller(call.row.path)
    before = await own_of(call.conn, recharges, call.row.id)
    call.check_match(0 if before is None else before.version)
    gateway = await _gateway(call, body.gateway_id)
    _check(call.row, body)
    values = {
        "gateway_id": gateway.id, "threshold_micros": body.threshold, "amount_micros": body.amount,
        "month_micros": body.month_max, "currency": call.row.currency, "fault": "",
    }  # fmt: skip
    if before is None or before.gateway_id != gateway.id or not before.method:
        values |= {"state": "asked", "customer": "", "method": "", "reference": f"ra_{secrets.token_urlsafe(18)}"}
    else:
        kept = {name: before._mapping[name] for name in ("reference", "customer", "method")}
        values |= {"state": "on", **kept}
    view = RechargeView.model_validate(await put_own(call.conn, recharges, call.row.id, values))
    told = None if before is None else RechargeView.model_validate(before)
    await call.audit("recharge.edit", "recharge", call.row.id, call.row.id, told, view)
    return Answer(view, version=view.version)


async def _gateway(call: Call, number: int) -> Row[Any]:
    """Of the account's seller, that payments may be asked of. Raises Problem."""
    query = sa.select(payment_gateways).where(payment_gateways.c.id == number)
    gateway = (await call.conn.execute(query)).first()
    if gateway is None or not gateway.active or gateway.account_id != await seller_of(call.conn, call.row):
        raise invalid("/gateway_id", f"the account's seller has no gateway {number}")
    if not gateway.api_key:
        raise invalid("/gateway_id", "this gateway has no key to ask for payments by: its seller sets `api_key`")
    return gateway


def _check(account: Row[Any], body: Recharge) -> None:
    """Raises Problem."""
    if account.kind not in {"customer", "reseller"}:
        raise Problem("conflict", f"customers and resellers are recharged, and this is a {account.kind}")
    check_amount(body.amount)
    if body.amount % 10 ** (6 - decimals_of(account.currency)):
        raise invalid("/amount", f"{account.currency} can't be paid to so many decimals")
    if body.month_max < body.amount:
        raise invalid("/month_max", "this is less than one recharge")


async def leave_card(call: Call) -> Answer:
    """A page of the gateway's; it tells us when a card was kept."""
    async with reading(call.api.engine) as conn:
        row = await own_of(conn, recharges, call.row.id)
        if row is None:
            raise Problem("conflict", "say first when and how much: `kambill recharge edit`")
        query = sa.select(payment_gateways).where(payment_gateways.c.id == row.gateway_id)
        gateway = (await conn.execute(query)).one()
    config = call.api.config
    try:
        client = Client(config.payments.stripe, gateway.api_key)
        link = await client.card_page(row.reference, row.currency, config.mail.portal or gateway.link)
    except GatewayAway as away:
        raise Problem("conflict", f"the gateway gave no page: {away}") from away
    return Answer(CardPage(link=link))


async def remove_recharge(call: Call) -> Answer:
    """Nothing is asked any more; the gateway's own page takes the card away there."""
    row = await own_of(call.conn, recharges, call.row.id)
    if row is None:
        raise not_found()
    call.check_match(row.version)
    await call.conn.execute(sa.delete(recharges).where(recharges.c.account_id == call.row.id))
    before = RechargeView.model_validate(row)
    await call.audit("recharge.remove", "recharge", call.row.id, call.row.id, before, None)
    return Answer(status=204)


_P = Permission
_ONE = "/accounts/{account_id}/recharge"
ENDPOINTS = [
    Endpoint(
        "recharge.show", "GET", _ONE, _P.PAYMENTS_READ, show_recharge, "Show how an account is recharged",
        answer=RechargeView,
    ),
    Endpoint(
        "recharge.edit", "PUT", _ONE, _P.PAYMENTS_TOP_UP, edit_recharge, "Set how an account is recharged", Recharge,
        answer=RechargeView,
    ),
    Endpoint(
        "recharge.card", "POST", f"{_ONE}/card", _P.PAYMENTS_TOP_UP, leave_card, "Show where to leave a card",
        answer=CardPage, reads=True, own_transaction=True,
    ),
    Endpoint(
        "recharge.remove", "DELETE", _ONE, _P.PAYMENTS_TOP_UP, remove_recharge, "Recharge an account no more",
        status=204,
    ),
    Endpoint(
        "recharge.list", "GET", "/recharges", _P.PAYMENTS_READ, list_recharges, "List accounts that are recharged",
        query=RechargeQuery, answer=Page[RechargeView],
    ),
    Endpoint(
        "recharge.history", "GET", "/recharges/history", _P.PAYMENTS_READ, list_attempts, "List recharges",
        query=AttemptQuery, answer=Page[AttemptView],
    ),
]  # fmt: skip
