"""The API of allow and block lists: numbers that may, or may not, call and be called."""

from __future__ import annotations

from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import Field

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.listed import lines_of
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.problems import invalid
from service.api.values import AccountId, Asked, Moment, Text, Told, TrunkId
from service.database.fraud_tables import number_filters
from service.fraud.common import check_setter, check_trunk
from service.fraud.storage import tell_precautions
from service.peers.common import check_open, check_room

FILTERS_MAX = 1_000
Subject = Literal["caller", "called"]
Kind = Literal["allow", "block"]
KIND_MEANING = "The longest beginning that fits decides. block: it may not; allow: it may, and if all allow, no other"
Digits = Annotated[str, Field(pattern=r"^[0-9]{0,15}$", description="E.164 without +, or its beginning; empty: all")]
Whole = Annotated[bool, Field(description="This number alone, and none that begins so")]
Note = Annotated[Text, Field(max_length=200)]


class FilterView(Told):
    """An entry of a list."""

    id: int
    account_id: Annotated[int, Field(description="For its calls and those of the accounts below")]
    trunk_id: Annotated[int | None, Field(description="By this trunk alone; null: whichever way they come")]
    subject: Annotated[str, Field(description="caller or called")]
    digits: str
    whole: Whole
    kind: Annotated[str, Field(description=KIND_MEANING)]
    note: str
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]


class FilterQuery(Paging):
    """Which entries."""

    account_id: AccountId | None = None
    subject: Literal["", "caller", "called"] = ""
    kind: Literal["", "allow", "block"] = ""
    digits: Annotated[Text, Field(description="It begins so", max_length=15)] = ""


class NewFilter(Asked):
    """A number to list."""

    account_id: AccountId
    trunk_id: TrunkId | None = None
    subject: Subject = "called"
    digits: Digits
    whole: Whole = False
    kind: Annotated[Kind, Field(description=KIND_MEANING)] = "block"
    note: Note = ""


_LISTING = Listing(
    "filter",
    {"digits": number_filters.c.digits, "id": number_filters.c.id},
    {
        "account_id": equals(number_filters.c.account_id),
        "subject": equals(number_filters.c.subject),
        "kind": equals(number_filters.c.kind),
        "digits": lambda text: number_filters.c.digits.startswith(text, autoescape=True),
    },
)


async def list_filters(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[FilterView](items=[FilterView.model_validate(row) for row in rows], next=following))


async def make_filter(call: Call) -> Answer:
    """It holds for the next call; emergency and free numbers are never refused by it."""
    body: NewFilter = call.body
    account = await call.find("account", body.account_id, to_change=True)
    check_open(account)
    await check_trunk(call, account, body.trunk_id)
    await check_room(call, number_filters, account.id, FILTERS_MAX)
    if body.whole and not body.digits:
        raise invalid("/digits", "a whole number has digits")
    same = (number_filters.c.account_id == account.id) & (number_filters.c.subject == body.subject)
    same &= (number_filters.c.digits == body.digits) & (number_filters.c.whole == body.whole)
    same &= number_filters.c.trunk_id.is_not_distinct_from(body.trunk_id)
    if (await call.conn.execute(sa.select(number_filters.c.id).where(same))).first() is not None:
        raise invalid("/digits", "it is listed already")
    values = body.model_dump() | {"set_by": call.actor.account_id, "created_ms": call.now_ms}
    row = (await call.conn.execute(sa.insert(number_filters).values(**values).returning(number_filters))).one()
    await tell_precautions(call.conn, call.node, account.id, call.now_ms)
    view = FilterView.model_validate(row)
    await call.audit("filter.make", "filter", row.id, account.id, None, view)
    return Answer(view)


async def remove_filter(call: Call) -> Answer:
    """It is listed no more."""
    await check_setter(call)
    await call.conn.execute(sa.delete(number_filters).where(number_filters.c.id == call.row.id))
    await tell_precautions(call.conn, call.node, call.row.account_id, call.now_ms)
    before = FilterView.model_validate(call.row)
    await call.audit("filter.remove", "filter", call.row.id, call.row.account_id, before, None)
    return Answer(status=204)


_P = Permission
ENDPOINTS = [
    Endpoint(
        "filter.list", "GET", "/filters", _P.FRAUD_READ, list_filters, "List allowed and blocked numbers",
        query=FilterQuery, answer=Page[FilterView], lines=lines_of(_LISTING, FilterView),
    ),
    Endpoint(
        "filter.make", "POST", "/filters", _P.FRAUD_CHANGE, make_filter, "Allow or block a number", NewFilter,
        answer=FilterView, status=201,
    ),
    Endpoint(
        "filter.remove", "DELETE", "/filters/{filter_id}", _P.FRAUD_CHANGE, remove_filter, "Take a number off its list",
        status=204,
    ),
]  # fmt: skip
