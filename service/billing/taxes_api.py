"""The API of a seller's taxes, and of who pays which."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema
from sqlalchemy import Row

from ratebook.money import format_micros, parse_micros
from service.access.permissions import Permission
from service.accounts.storage import seller_of
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.problems import Problem, invalid
from service.api.values import AccountId, Asked, Moment, Number, Ref, Text, Told, When, Words
from service.api.versions import version_of
from service.billing.call_taxes import refresh
from service.billing.taxing import LEVY, STANDARD
from service.database.billing_tables import account_taxes, taxes
from service.peers.common import changes_of
from service.sellers.brand import check_sells

_SCHEMA = {"type": "string", "pattern": r"^\d{1,3}(\.\d{1,6})?$", "examples": ["19", "7.7"]}


def _percent(value: object) -> object:
    if isinstance(value, int | float):
        raise ValueError('write a percentage as text, such as "7.7"')  # noqa: TRY004 -- pydantic wants ValueError
    return parse_micros(value) if isinstance(value, str) else value


TaxId = Annotated[Number, Ref("tax")]
Percent = Annotated[int, BeforeValidator(_percent), Field(ge=0, le=100_000_000), WithJsonSchema(_SCHEMA)]
PercentText = Annotated[int, PlainSerializer(format_micros, return_type=str), WithJsonSchema(_SCHEMA)]
Category = Annotated[
    Literal["S", "Z", "E", "AE", "K", "G", "O", "levy"],
    Field(description="Of EN 16931; levy: a tax that is not VAT"),
]
Service = Literal["calls", "messages", "subscription", "package", "rental", "setup", "fee", "adjustment"]
Services = Annotated[list[Service], Field(default_factory=list, max_length=8, description="Empty: all")]
Short = Annotated[Text, Field(max_length=200)]


class TaxView(Told):
    """A tax that a seller asks for."""

    id: int
    account_id: Annotated[int, Field(description="The seller")]
    name: str
    percent: Annotated[PercentText, Field(validation_alias="percent_millionths")]
    category: str
    exemption_reason: str
    exemption_code: str
    services: list[str]
    inclusive: Annotated[bool, Field(description="Prices have it in them")]
    added_to_prepaid: Annotated[
        bool, Field(description="Prepaid prices don't have it in them: charges are made with it")
    ]
    compound: Annotated[bool, Field(description="Asked on the taxes before it, too")]
    everybody: Annotated[bool, Field(description="Whoever has none assigned pays it")]
    position: int
    valid_from: Annotated[Moment, Field(validation_alias="valid_from_ms")]
    valid_until: Annotated[Moment, Field(validation_alias="valid_until_ms")]
    version: int


class TaxQuery(Paging):
    """Which ones."""

    account_id: AccountId | None = None
    name: Text = ""


class NewTax(Asked):
    """A tax. Another percentage is another tax: end this one, and begin the next."""

    account_id: Annotated[AccountId, Field(description="The seller")]
    name: Words
    percent: Percent
    category: Category
    exemption_reason: Short = ""
    exemption_code: Annotated[Short, Field(description="Of the list VATEX")] = ""
    services: Services
    inclusive: bool = False
    added_to_prepaid: Annotated[
        bool, Field(description="Prepaid prices don't have it in them: charges are made with it")
    ] = False
    compound: bool = False
    everybody: bool = False
    position: Annotated[int, Field(ge=0, le=100)] = 0
    valid_from: When = 0
    valid_until: Annotated[When | None, Field(description="Exclusive; null: for good")] = None


class TaxEdit(Asked):
    """What to change; what is left out stays. It holds for what is billed from now on."""

    name: Words | None = None
    services: Annotated[list[Service], Field(max_length=8)] | None = None
    everybody: bool | None = None
    added_to_prepaid: bool | None = None
    position: Annotated[int, Field(ge=0, le=100)] | None = None
    valid_until: When | None = None


class Assigned(Asked):
    """Which taxes an account pays."""

    tax_ids: Annotated[list[TaxId], Field(max_length=20, description="Empty: what everybody pays")]


class AssignedView(Told):
    """Which taxes an account pays."""

    tax_ids: list[int]


_LISTING = Listing(
    "tax",
    {"id": taxes.c.id, "name": taxes.c.name},
    {"account_id": equals(taxes.c.account_id), "name": equals(taxes.c.name)},
)
_WITHOUT_REASON = {"S", "Z", LEVY}


async def list_taxes(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[TaxView](items=[TaxView.model_validate(row) for row in rows], next=following))


async def show_tax(call: Call) -> Answer:
    """One."""
    view = TaxView.model_validate(call.row)
    return Answer(view, version=view.version)


async def make_tax(call: Call) -> Answer:
    """Of a seller; its category says how an invoice names it."""
    body: NewTax = call.body
    seller = await call.find("account", body.account_id, to_change=True)
    check_sells(seller)
    _check(body)
    values = body.model_dump(exclude={"percent", "valid_from", "valid_until"})
    times = {"valid_from_ms": body.valid_from, "valid_until_ms": body.valid_until}
    insert = sa.insert(taxes).values(**values, **times, percent_millionths=body.percent)
    row = (await call.conn.execute(insert.returning(taxes))).one()
    await call.check_last(partial(_check_beside, call, row))
    await refresh(call.conn, call.node, call.now_ms)
    view = TaxView.model_validate(row)
    await call.audit("tax.make", "tax", view.id, seller.id, None, view)
    return Answer(view, location=f"/api/v1/taxes/{view.id}")


def _check(body: NewTax) -> None:
    """Raises Problem."""
    if (body.category in {STANDARD, LEVY}) != (body.percent > 0):
        raise invalid("/percent", "S and a levy are more than 0 per cent, and no other category is")
    if (body.category in _WITHOUT_REASON) == bool(body.exemption_reason or body.exemption_code):
        raise invalid("/exemption_reason", "E, AE, K, G and O say why there is no tax, and no other category does")
    if body.inclusive and body.added_to_prepaid:
        raise invalid("/added_to_prepaid", "prices either have it in them or it is added")
    if body.valid_until is not None and body.valid_until <= body.valid_from:
        raise invalid("/valid_until", "this lies before its beginning, or on it")


async def _check_beside(call: Call, fresh: Row[Any]) -> None:
    """What everybody pays has at most one VAT at a time for each service. Raises Problem."""
    if not fresh.everybody or fresh.category == LEVY:
        return
    others = (taxes.c.account_id == fresh.account_id) & (taxes.c.id != fresh.id) & taxes.c.everybody
    for row in await call.conn.execute(sa.select(taxes).where(others & (taxes.c.category != LEVY))):
        if _meet(row, fresh):
            raise Problem("conflict", f"everybody pays {row.name} already, which is VAT too: end that one first")


def _meet(one: Row[Any], other: Row[Any]) -> bool:
    apart = (one.valid_until_ms is not None and one.valid_until_ms <= other.valid_from_ms) or (
        other.valid_until_ms is not None and other.valid_until_ms <= one.valid_from_ms
    )
    shared = not one.services or not other.services or bool(set(one.services) & set(other.services))
    return shared and not apart


async def edit_tax(call: Call) -> Answer:
    """Not its percentage: that of an invoice must be told years later."""
    call.check_match(call.row.version)
    values = changes_of(call.body, {"valid_until"})
    if values.get("added_to_prepaid") and call.row.inclusive:
        raise invalid("/added_to_prepaid", "prices have it in them")
    if "valid_until" in values:
        values["valid_until_ms"] = values.pop("valid_until")
        if values["valid_until_ms"] is not None and values["valid_until_ms"] <= call.row.valid_from_ms:
            raise invalid("/valid_until", "this lies before its beginning, or on it")
    edited = sa.update(taxes).where(taxes.c.id == call.row.id).values(**values, version=taxes.c.version + 1)
    row = (await call.conn.execute(edited.returning(taxes))).one()
    await call.check_last(partial(_check_beside, call, row))
    await refresh(call.conn, call.node, call.now_ms)
    view = TaxView.model_validate(row)
    await call.audit("tax.edit", "tax", view.id, view.account_id, TaxView.model_validate(call.row), view)
    return Answer(view, version=view.version)


async def remove_tax(call: Call) -> Answer:
    """Invoices keep what they say."""
    call.check_match(call.row.version)
    await call.conn.execute(sa.delete(account_taxes).where(account_taxes.c.tax_id == call.row.id))
    await call.conn.execute(sa.delete(taxes).where(taxes.c.id == call.row.id))
    await refresh(call.conn, call.node, call.now_ms)
    await call.audit("tax.remove", "tax", call.row.id, call.row.account_id, TaxView.model_validate(call.row), None)
    return Answer(status=204)


async def _of_account(call: Call) -> AssignedView:
    query = sa.select(account_taxes.c.tax_id).where(account_taxes.c.account_id == call.row.id)
    found = list((await call.conn.execute(query.order_by(account_taxes.c.tax_id))).scalars())
    seen = await call.find_all("tax", found)
    return AssignedView(tax_ids=[number for number in found if number in seen])


async def show_assigned(call: Call) -> Answer:
    """Those that you may see; empty: what everybody pays."""
    view = await _of_account(call)
    return Answer(view, version=version_of(view.model_dump()))


async def assign(call: Call) -> Answer:
    """Instead of what everybody pays; of the account's own seller."""
    body: Assigned = call.body
    seller_id = await seller_of(call.conn, call.row)
    rows = list(await call.conn.execute(sa.select(taxes).where(taxes.c.id.in_(body.tax_ids))))
    if any(row.account_id != seller_id for row in rows):
        raise invalid("/tax_ids", "one of these belongs to somebody who doesn't sell to this account")
    vat = [row for row in rows if row.category != LEVY]
    if any(_meet(one, other) for one in vat for other in vat if one.id < other.id):
        raise invalid("/tax_ids", "two of these are VAT of the same service at the same time: a line has one")
    before = await _of_account(call)
    call.check_unchanged(before.model_dump())
    await call.conn.execute(sa.delete(account_taxes).where(account_taxes.c.account_id == call.row.id))
    if body.tax_ids:
        given = [{"account_id": call.row.id, "tax_id": number} for number in sorted(set(body.tax_ids))]
        await call.conn.execute(sa.insert(account_taxes), given)
    await refresh(call.conn, call.node, call.now_ms)
    after = await _of_account(call)
    await call.audit("tax.assign", "account", call.row.id, call.row.id, before, after)
    return Answer(after, version=version_of(after.model_dump()))


_P = Permission
_ONE = "/taxes/{tax_id}"
ENDPOINTS = [
    Endpoint(
        "tax.list", "GET", "/taxes", _P.INVOICES_READ, list_taxes, "List taxes", query=TaxQuery, answer=Page[TaxView],
        for_paid=True,
    ),
    Endpoint("tax.show", "GET", _ONE, _P.INVOICES_READ, show_tax, "Show a tax", answer=TaxView),
    Endpoint(
        "tax.make", "POST", "/taxes", _P.INVOICES_CHANGE, make_tax, "Add a tax", NewTax, answer=TaxView, status=201,
        for_paid=True,
    ),
    Endpoint("tax.edit", "PATCH", _ONE, _P.INVOICES_CHANGE, edit_tax, "Edit a tax", TaxEdit, answer=TaxView),
    Endpoint("tax.remove", "DELETE", _ONE, _P.INVOICES_CHANGE, remove_tax, "Remove a tax", status=204),
    Endpoint(
        "tax.assigned", "GET", "/accounts/{account_id}/taxes", _P.INVOICES_READ, show_assigned,
        "Show which taxes an account pays", answer=AssignedView,
    ),
    Endpoint(
        "tax.assign", "PUT", "/accounts/{account_id}/taxes", _P.INVOICES_CHANGE, assign,
        "Set which taxes an account pays", Assigned, answer=AssignedView, below=True, of_seller=True,
    ),
]  # fmt: skip
