"""The API of subscriptions: who has which product, what it was charged, and what packages have left."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.money import format_micros
from service.access.permissions import Permission
from service.accounts.storage import seller_of
from service.api.call import Api, Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.problems import Problem, invalid
from service.commands.outbox import lock_node
from service.database.engine import reading
from service.database.paths import path_ids
from service.database.peer_tables import numbers
from service.database.product_tables import package_grants, products, subscription_fees, subscriptions
from service.ledger.operations_api import POLL_S
from service.peers.common import check_open
from service.products import grants, life
from service.products.products_api import find_seller_product
from service.products.rules import ACTIVE, RENTAL, STARTING, SUSPENDED
from service.products.storage import change, load
from service.products.views import (
    Cancellation,
    FeeView,
    NewSubscription,
    PackageCorrection,
    PackageQuery,
    PackageView,
    SubscriptionQuery,
    SubscriptionView,
)

_SELECT = sa.select(
    subscriptions,
    products.c.name.label("product"),
    products.c.kind,
    products.c.price_micros.label("price"),
    products.c.currency,
).join(products, products.c.id == subscriptions.c.product_id)
_LISTING = Listing(
    "subscription",
    {"-id": subscriptions.c.id},
    {
        "account_id": equals(subscriptions.c.account_id),
        "product_id": equals(subscriptions.c.product_id),
        "state": equals(subscriptions.c.state),
    },
    _SELECT,
)
_FEES = Listing(
    "fee", {"-id": subscription_fees.c.id}, {}, None, lambda call: subscription_fees.c.subscription_id == call.row.id
)
_GRANTS = sa.select(package_grants, products.c.name.label("product")).join(
    products, products.c.id == package_grants.c.product_id
)
_PACKAGES = Listing(
    "package",
    {"-id": package_grants.c.id},
    {
        "account_id": equals(package_grants.c.account_id),
        "subscription_id": equals(package_grants.c.subscription_id),
        "open": lambda wanted: (package_grants.c.state == "open") == wanted,
    },
    _GRANTS,
)


async def _view(conn: AsyncConnection, number: int) -> SubscriptionView:
    row = (await conn.execute(_SELECT.where(subscriptions.c.id == number))).one()
    return SubscriptionView.model_validate(row)


async def list_subscriptions(call: Call) -> Answer:
    """A page of them, the newest first."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[SubscriptionView](items=[SubscriptionView.model_validate(row) for row in rows], next=following))


async def show_subscription(call: Call) -> Answer:
    """One."""
    view = await _view(call.conn, call.row.id)
    return Answer(view, version=view.version)


async def start(call: Call) -> Answer:
    """Set-up and first period are paid before it begins: with 202 if the call path takes long to say so."""
    body: NewSubscription = call.body
    account = await call.find("account", body.account_id, to_change=True)
    check_open(account)
    if account.id == call.actor.account_id:
        raise Problem("forbidden", "whoever stands above the account sells to it")
    if account.kind not in {"customer", "reseller"} or account.commission:
        raise invalid("/account_id", "a customer or a distributor was expected: others are charged nothing")
    product = await find_seller_product(call, body.product_id, account, await seller_of(call.conn, account))
    return await begin(call, account, product, body.number_id)


async def begin(call: Call, account: Row[Any], product: Row[Any], number_id: int | None) -> Answer:
    """The account may have the product: it is asked for. Raises Problem."""
    _check_gift(call, account, product)
    await _check_number(call, product, account, number_id)
    values = {
        "product_id": product.id,
        "account_id": account.id,
        "number_id": number_id,
        "anchor_ms": call.now_ms,
        "from_ms": call.now_ms,
        "until_ms": call.now_ms,
        "actor": call.actor.name,
        "actor_account_id": call.actor.own_account_id,
        "created_ms": call.now_ms,
    }
    made = await call.conn.execute(sa.insert(subscriptions).values(**values).returning(subscriptions.c.id))
    number = int(made.scalar_one())
    node = await lock_node(call.conn, call.node)
    await life.demand_first(call.conn, node, call.node, await load(call.conn, number), call.now_ms)
    view = await _view(call.conn, number)
    await call.audit("subscription.start", "subscription", number, account.id, None, view)
    return Answer(follow=number)


def _check_gift(call: Call, account: Row[Any], product: Row[Any]) -> None:
    """What costs nothing is its seller's to give, however many accounts one makes that pay it. Raises Problem."""
    is_free = product.kind != RENTAL and product.price_micros + product.setup_micros == 0
    ids = path_ids(account.path)
    earners = ids[ids.index(product.account_id) + 1 : -1]
    if is_free and earners and call.actor.account_id in [*earners, account.id]:
        raise Problem("forbidden", "it costs nothing: below a commission reseller its seller alone gives it")


async def _check_number(call: Call, product: Row[Any], account: Row[Any], number_id: int | None) -> None:
    """Raises Problem."""
    if (product.kind == RENTAL) != (number_id is not None):
        said = "what is rented was expected" if product.kind == RENTAL else "only a rental has a number"
        raise invalid("/number_id", said)
    if number_id is None:
        return
    await call.conn.execute(sa.select(numbers.c.id).where(numbers.c.id == number_id).with_for_update())
    number = await call.find("number", number_id, to_change=True)
    if number.account_id != account.id:
        raise invalid("/number_id", "it is not the account's: give it to the account first")
    rented = (subscriptions.c.number_id == number_id) & subscriptions.c.state.in_([STARTING, ACTIVE, SUSPENDED])
    if (await call.conn.execute(sa.select(subscriptions.c.id).where(rented))).first() is not None:
        raise Problem("conflict", "the number is rented already: cancel that subscription first")


async def follow(api: Api, number: int) -> Answer:
    """What became of it: looked for until the call path has answered, or the API's patience ends."""
    until = time.monotonic() + api.patience_s
    while True:
        async with reading(api.engine) as conn:
            row = (await conn.execute(sa.select(subscriptions).where(subscriptions.c.id == number))).one()
            view = await _view(conn, number)
        if row.operation_id is None or time.monotonic() >= until:
            break
        await asyncio.sleep(POLL_S)
    if row.operation_id is None and view.state != ACTIVE:
        raise Problem("no-funds", f"subscription {number} is {view.state}: {view.reason}")
    status = 201 if row.operation_id is None else 202
    return Answer(view, status=status, version=view.version, location=f"/api/v1/subscriptions/{number}")


async def cancel(call: Call) -> Answer:
    """With its period, or now; what it has rented or granted is over then."""
    body: Cancellation = call.body
    if body.at == "now":  # what comes back is whose product it is
        seller = sa.select(products.c.account_id).where(products.c.id == call.row.product_id)
        await call.need_seller_then((await call.conn.execute(seller)).scalar_one())
    return await cancel_at(call, body.at)


async def cancel_at(call: Call, at: str) -> Answer:
    """One that is not paid for has no period's end: it is over at once. Raises Problem."""
    call.check_match(call.row.version)
    if call.row.state not in {STARTING, ACTIVE, SUSPENDED}:
        raise Problem("conflict", f"it is {call.row.state} already")
    before = await _view(call.conn, call.row.id)
    subject = await load(call.conn, call.row.id)
    if at == "period_end" and subject.row.state == ACTIVE:
        await change(call.conn, subject, ends=True)
    else:
        await life.cancel_now(call.conn, call.node, subject, call.now_ms)
    view = await _view(call.conn, call.row.id)
    await call.audit("subscription.cancel", "subscription", view.id, view.account_id, before, view)
    return Answer(view, version=view.version)


async def resume(call: Call) -> Answer:
    """One that was suspended, from now on; one that was to end with its period goes on."""
    call.check_match(call.row.version)
    subject = await load(call.conn, call.row.id)
    state, before = subject.row.state, await _view(call.conn, call.row.id)
    if subject.row.operation_id is not None or not (state == SUSPENDED or (state == ACTIVE and subject.row.ends)):
        raise Problem("conflict", "nothing is to be resumed" if state == ACTIVE else f"it is {state}")
    await change(call.conn, subject, ends=False)
    if state == SUSPENDED:
        subject = await load(call.conn, call.row.id)
        why = life.why_over(subject)
        if why:
            raise Problem("conflict", why)
        node = await lock_node(call.conn, call.node)
        await life.demand_first(call.conn, node, call.node, subject, call.now_ms)
    view = await _view(call.conn, call.row.id)
    await call.audit("subscription.resume", "subscription", view.id, view.account_id, before, view)
    return Answer(follow=view.id)


async def list_fees(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _FEES)
    return Answer(Page[FeeView](items=[FeeView.model_validate(row) for row in rows], next=following))


def _package(row: Row[Any]) -> PackageView:
    found = {"granted": row.amount, "taken": row.taken, "left": row.amount - row.taken}
    unit = "" if row.money else "_s"
    values = {name: None for one in found for name in (one, f"{one}_s")}
    return PackageView.model_validate({**row._mapping, **values, **{one + unit: value for one, value in found.items()}})


async def list_packages(call: Call) -> Answer:
    """A page of them, the newest first; what running calls use counts when they end."""
    rows, following = await page_of(call, _PACKAGES)
    return Answer(Page[PackageView](items=[_package(row) for row in rows], next=following))


async def correct_package(call: Call) -> Answer:
    """What calls hold of it stays theirs."""
    body: PackageCorrection = call.body
    amount, other = (body.money, body.seconds) if call.row.money else (body.seconds, body.money)
    if other or not amount:
        pointer = "/money" if call.row.money else "/seconds"
        raise invalid(pointer, "so much of what it gives was expected, and nothing else")
    if call.row.state != "open" or call.row.amount + amount < 0:
        raise Problem("conflict", "it is over" if call.row.state != "open" else "it granted less than that")
    await grants.correct(call.conn, call.node, call.row.id, amount, call.now_ms)
    view = _package((await call.conn.execute(_GRANTS.where(package_grants.c.id == call.row.id))).one())
    told = {"amount": format_micros(amount) if call.row.money else amount, "reason": body.reason}
    await call.audit("package.correct", "package", view.id, view.account_id, None, told)
    return Answer(view)


_P = Permission
_ONE = "/subscriptions/{subscription_id}"
ENDPOINTS = [
    Endpoint(
        "subscription.list", "GET", "/subscriptions", _P.PRODUCTS_READ, list_subscriptions, "List subscriptions",
        query=SubscriptionQuery, answer=Page[SubscriptionView],
    ),
    Endpoint(
        "subscription.show", "GET", _ONE, _P.PRODUCTS_READ, show_subscription, "Show a subscription",
        answer=SubscriptionView,
    ),
    Endpoint(
        "subscription.start", "POST", "/subscriptions", _P.PRODUCTS_CHANGE, start, "Give an account a product",
        NewSubscription, answer=SubscriptionView, status=201, key=Key.NEEDED, follow=follow,
    ),
    Endpoint(
        "subscription.cancel", "POST", f"{_ONE}/cancellation", _P.PRODUCTS_CHANGE, cancel, "Cancel a subscription",
        Cancellation, answer=SubscriptionView, below=True, of_seller=True,
    ),
    Endpoint(
        "subscription.resume", "POST", f"{_ONE}/resumption", _P.PRODUCTS_CHANGE, resume, "Resume a subscription",
        answer=SubscriptionView, below=True, of_seller=True, status=201, follow=follow,
    ),
    Endpoint(
        "subscription.fees", "GET", f"{_ONE}/fees", _P.PRODUCTS_READ, list_fees, "List what it was charged",
        query=Paging, answer=Page[FeeView],
    ),
    Endpoint(
        "package.list", "GET", "/packages", _P.PRODUCTS_READ, list_packages, "List what packages have left",
        query=PackageQuery, answer=Page[PackageView],
    ),
    Endpoint(
        "package.correct", "POST", "/packages/{package_id}/corrections", _P.PRODUCTS_CHANGE, correct_package,
        "Correct a package", PackageCorrection, answer=PackageView, below=True, of_seller=True, key=Key.NEEDED,
    ),
]  # fmt: skip
