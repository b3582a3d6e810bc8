"""The API of what the own account's seller offers it: to look, to take, to give notice. Never for another account."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row

from ratebook.exchange import exchanged
from ratebook.price import Factor
from service.access.permissions import Permission
from service.accounts.storage import lock_account, seller_of
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.lists import Listing, Page, equals, page_of
from service.api.nouns import offered_to
from service.api.problems import Problem
from service.billing.call_taxes import factor_to
from service.database.product_tables import products, subscriptions
from service.peers.common import check_open
from service.products.rules import ACTIVE, RENTAL, SETUP, STARTING, SUSPENDED
from service.products.subscriptions_api import begin, cancel_at, follow
from service.products.views import OfferQuery, OfferView, SubscriptionView, Taking, content_of

_LISTING = Listing(
    "offer",
    {"name": products.c.name, "id": products.c.id, "price": products.c.price_micros},
    {"kind": equals(products.c.kind), "name": equals(products.c.name)},
    None,
    lambda call: offered_to(call.actor),
)


def _view(row: Row[Any], factors: Mapping[str, Factor]) -> OfferView:
    """As the account pays it, rounded as its fees are."""
    price, setup = exchanged(row.price_micros, factors[row.kind]), exchanged(row.setup_micros, factors[SETUP])
    prices = {"price_micros": price, "setup_micros": setup, "tax": price + setup - row.price_micros - row.setup_micros}
    return OfferView.model_validate({**row._mapping, **content_of(row), **prices})


async def list_offers(call: Call) -> Answer:
    """A page of them. What is offered to accounts below is no offer to the own one: `product list` has that."""
    rows, following = await page_of(call, _LISTING)
    factors = await _factors(call, {row.kind for row in rows}) if rows else {}
    return Answer(Page[OfferView](items=[_view(row, factors) for row in rows], next=following))


async def _factors(call: Call, kinds: Set[str]) -> dict[str, Factor]:
    """By kind of fee, what taxes that are added to the account's prices multiply them by."""
    account = await call.find("account", call.actor.account_id)
    seller_id = await seller_of(call.conn, account)
    return {kind: await factor_to(call.conn, seller_id, account, kind, call.now_ms) for kind in {SETUP, *kinds}}


async def take(call: Call) -> Answer:
    """Set-up and first period are paid before it begins: with 202 if the call path takes long to say so."""
    body: Taking = call.body
    account = await call.find("account", call.actor.account_id)
    check_open(account)
    wanted = sa.select(products).where((products.c.id == body.offer_id) & offered_to(call.actor))
    product = (await call.conn.execute(wanted)).first()
    if product is None:
        raise Problem("forbidden", "an account takes what its own seller offers it: `kambill offer list` shows that")
    if product.kind != RENTAL:
        await lock_account(call.conn, account.id)
        await _check_first(call, product.id)
    return await begin(call, account, product, body.number_id)


async def _check_first(call: Call, product_id: int) -> None:
    """What costs nothing would otherwise be taken again and again. Raises Problem."""
    own = (subscriptions.c.account_id == call.actor.account_id) & (subscriptions.c.product_id == product_id)
    runs = subscriptions.c.state.in_([STARTING, ACTIVE, SUSPENDED])
    found = (await call.conn.execute(sa.select(subscriptions.c.id).where(own & runs))).first()
    if found is not None:
        raise Problem("conflict", f"the account has it already: subscription {found.id}")


async def give_notice(call: Call) -> Answer:
    """It ends with the period that is paid; at once if none is. What the seller gave, and offers to nobody, it ends."""
    row, own = call.row, call.actor.account_id
    if row.account_id != own:
        raise Problem("forbidden", "this is for the own account: `kambill subscription cancel` ends another one's")
    offered = sa.select(products.c.offered).where(products.c.id == row.product_id)
    if row.actor_account_id != own and not (await call.conn.execute(offered)).scalar_one():
        raise Problem("forbidden", "the seller gave it to the account, and ends it: it offers it to nobody")
    return await cancel_at(call, "period_end")


_P = Permission
ENDPOINTS = [
    Endpoint(
        "offer.list", "GET", "/offers", _P.PRODUCTS_READ, list_offers, "List what the own account can take",
        query=OfferQuery, answer=Page[OfferView],
    ),
    Endpoint(
        "offer.take", "POST", "/offers/subscriptions", _P.PRODUCTS_SUBSCRIBE, take, "Take an offer for the own account",
        Taking, answer=SubscriptionView, status=201, key=Key.NEEDED, follow=follow,
    ),
    Endpoint(
        "subscription.notice", "POST", "/subscriptions/{subscription_id}/notice", _P.PRODUCTS_SUBSCRIBE, give_notice,
        "Give notice of a subscription of the own account", answer=SubscriptionView,
    ),
]  # fmt: skip
