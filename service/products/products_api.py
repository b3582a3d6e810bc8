"""The API of the catalogue: what sellers offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, equals, page_of
from service.api.problems import Problem, invalid
from service.commands.bodies import product_body
from service.commands.outbox import enqueue
from service.database.product_tables import products
from service.database.tables import accounts, tariffs
from service.peers.common import changes_of, check_open
from service.products.rules import PACKAGE, product_problem
from service.products.views import NewProduct, ProductEdit, ProductQuery, ProductView, product_view
from service.tariffs.grouping import unknown_group

_LISTING = Listing(
    "product",
    {"id": products.c.id, "name": products.c.name},
    {
        "account_id": equals(products.c.account_id),
        "kind": equals(products.c.kind),
        "state": equals(products.c.state),
        "name": equals(products.c.name),
    },
)
_RENAMED = {"price": "price_micros", "setup": "setup_micros"}


async def list_products(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[ProductView](items=[product_view(row) for row in rows], next=following))


async def show_product(call: Call) -> Answer:
    """One."""
    view = product_view(call.row)
    return Answer(view, version=view.version)


async def make_product(call: Call) -> Answer:
    """Of a seller: the operator, or a reseller that is charged itself."""
    body: NewProduct = call.body
    seller = await call.find("account", body.account_id, to_change=True)
    check_open(seller)
    if seller.kind not in {"root", "reseller"}:
        raise invalid("/account_id", "whoever sells at prices of its own was expected: the operator, or a distributor")
    values = _columns(body.model_dump(), is_money=body.money > 0)
    values["currency"] = body.currency or seller.currency
    if body.seconds and body.money:
        raise invalid("/money", "a package gives seconds or money, not both")
    await _check(call, values)
    await _check_name(call, seller.id, body.name)
    made = await call.conn.execute(sa.insert(products).values(**values, created_ms=call.now_ms).returning(products))
    row = made.one()
    await _tell(call, row)
    view = product_view(row)
    await call.audit("product.make", "product", view.id, seller.id, None, view)
    return Answer(view, version=view.version, location=f"/api/v1/products/{view.id}")


def _columns(values: dict[str, Any], *, is_money: bool) -> dict[str, Any]:
    """Fields of the API as columns."""
    found = {_RENAMED.get(name, name): value for name, value in values.items() if name not in {"seconds", "money"}}
    given = values.get("money" if is_money else "seconds")
    return found | ({} if given is None else {"amount": given, "money": is_money})


async def _check(call: Call, values: Mapping[str, Any]) -> None:
    """Raises Problem."""
    problem = product_problem(values)
    if problem is not None:
        raise invalid(*problem)
    unknown = await unknown_group(call.conn, values["groups"])
    if unknown is not None:
        raise invalid(f"/groups/{unknown.at}", unknown.problem)
    owners = await call.conn.execute(sa.select(tariffs.c.id).where(tariffs.c.owner_id == values["account_id"]))
    own = set(owners.scalars()) if values["tariff_ids"] else set()
    for at, number in enumerate(values["tariff_ids"]):
        if number not in own:
            raise invalid(f"/tariff_ids/{at}", "the seller has no such tariff")


async def _check_name(call: Call, seller_id: int, name: str) -> None:
    same = (products.c.account_id == seller_id) & (products.c.name == name)
    if (await call.conn.execute(sa.select(products.c.id).where(same))).first() is not None:
        raise invalid("/name", "the seller has a product of this name")


async def _tell(call: Call, row: Row[Any]) -> None:
    if row.kind == PACKAGE:
        await enqueue(call.conn, call.node, product_body(row), now_ms=call.now_ms)


async def edit_product(call: Call) -> Answer:
    """What runs goes on: a new price is asked for at the next renewal, new groups hold for the next call."""
    call.check_match(call.row.version)
    before = call.row
    given = changes_of(call.body, set())
    if given.get("seconds" if before.money else "money"):
        raise invalid("/seconds" if before.money else "/money", "a package of money stays one, and one of seconds too")
    values = _columns(given, is_money=before.money)
    await _check(call, dict(before._mapping) | values)
    if values.get("name", before.name) != before.name:
        await _check_name(call, before.account_id, values["name"])
    edited = sa.update(products).where(products.c.id == before.id).values(**values, version=products.c.version + 1)
    row = (await call.conn.execute(edited.returning(products))).one()
    await _tell(call, row)
    view = product_view(row)
    await call.audit("product.edit", "product", view.id, view.account_id, product_view(before), view)
    return Answer(view, version=view.version)


async def find_seller_product(call: Call, product_id: int, account: Row[Any], seller_id: int) -> Row[Any]:
    """A product that an account may subscribe to. Raises Problem."""
    row = (await call.conn.execute(sa.select(products).where(products.c.id == product_id))).one()
    if row.account_id != seller_id:
        name = (await call.conn.execute(sa.select(accounts.c.name).where(accounts.c.id == row.account_id))).scalar_one()
        raise invalid("/product_id", f"{name} sells it, and is not the account's seller")
    if row.state != "active":
        raise Problem("conflict", "the product is withdrawn")
    if row.currency != account.currency:
        raise invalid("/product_id", f"its price is in {row.currency}, the account has {account.currency}")
    return row


_P = Permission
_ONE = "/products/{product_id}"
ENDPOINTS = [
    Endpoint(
        "product.list", "GET", "/products", _P.PRODUCTS_READ, list_products, "List products", query=ProductQuery,
        answer=Page[ProductView],
    ),
    Endpoint("product.show", "GET", _ONE, _P.PRODUCTS_READ, show_product, "Show a product", answer=ProductView),
    Endpoint(
        "product.make", "POST", "/products", _P.PRODUCTS_CHANGE, make_product, "Offer a product", NewProduct,
        answer=ProductView, status=201, for_paid=True,
    ),
    Endpoint(
        "product.edit", "PATCH", _ONE, _P.PRODUCTS_CHANGE, edit_product, "Edit a product", ProductEdit,
        answer=ProductView, for_paid=True,
    ),
]  # fmt: skip
