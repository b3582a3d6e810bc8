"""The API of numbers: the operator brings them in, whoever has one hands it to an account below."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, contains, equals, page_of
from service.api.problems import Problem, invalid
from service.api.values import AccountId, Asked, DeviceId, Moment, Text, Told, TrunkId
from service.database.peer_tables import devices, numbers
from service.database.tables import accounts, trunks
from service.peers.common import E164, changes_of, check_open

Note = Annotated[Text, Field(max_length=200)]


class NumberView(Told):
    """A telephone number."""

    id: int
    number: str
    account_id: int
    trunk_id: Annotated[int | None, Field(description="Where its calls go; null: nowhere, or to a device")]
    device_id: int | None
    note: str
    state: Annotated[str, Field(description="active or suspended")]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    version: int


class NumberQuery(Paging):
    """Which numbers."""

    account_id: Annotated[AccountId | None, Field(description="Of this account alone")] = None
    number: Annotated[Text, Field(description="It stands somewhere in it")] = ""
    trunk_id: TrunkId | None = None
    device_id: DeviceId | None = None
    state: Literal["", "active", "suspended"] = ""


class NewNumber(Asked):
    """A number to bring in."""

    number: E164
    account_id: AccountId
    trunk_id: TrunkId | None = None
    device_id: DeviceId | None = None
    note: Note = ""


class NumberEdit(Asked):
    """What to change; what is left out stays, what is null is taken away. Another account loses where it led to."""

    account_id: AccountId | None = None
    trunk_id: TrunkId | None = None
    device_id: DeviceId | None = None
    note: Note | None = None
    state: Literal["active", "suspended"] | None = None


_NULLABLE = {"trunk_id", "device_id"}
_LISTING = Listing(
    "number",
    {"number": numbers.c.number, "created": numbers.c.created_ms, "id": numbers.c.id},
    {
        "account_id": equals(numbers.c.account_id),
        "number": contains(numbers.c.number),
        "trunk_id": equals(numbers.c.trunk_id),
        "device_id": equals(numbers.c.device_id),
        "state": equals(numbers.c.state),
    },
)


async def list_numbers(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[NumberView](items=[NumberView.model_validate(row) for row in rows], next=following))


async def show_number(call: Call) -> Answer:
    """One."""
    view = NumberView.model_validate(call.row)
    return Answer(view, version=view.version)


async def _check_place(call: Call, values: dict[str, Any], path: str) -> None:
    """Where a number leads to belongs to its account, or to one below. Raises Problem."""
    if values.get("trunk_id") and values.get("device_id"):
        raise invalid("/device_id", "a trunk or a device, not both")
    for name, table in (("trunk_id", trunks), ("device_id", devices)):
        number = values.get(name)
        if number is None:
            continue
        query = sa.select(accounts.c.path).join(table, table.c.account_id == accounts.c.id).where(table.c.id == number)
        if not str((await call.conn.execute(query)).scalar_one()).startswith(path):
            raise invalid(f"/{name}", "it belongs neither to the number's account nor to one below")


async def make_number(call: Call) -> Answer:
    """By the operator, for any account."""
    body: NewNumber = call.body
    if not call.actor.is_root:
        raise Problem("forbidden", "only the operator brings numbers in; those that you have you can hand on")
    account = await call.find("account", body.account_id, to_change=True)
    check_open(account)
    values = body.model_dump()
    await _check_place(call, values, account.path)
    if (await call.conn.execute(sa.select(numbers.c.id).where(numbers.c.number == body.number))).first() is not None:
        raise invalid("/number", "this number is here already")
    made = await call.conn.execute(sa.insert(numbers).values(**values, created_ms=call.now_ms).returning(numbers))
    view = NumberView.model_validate(made.one())
    await call.audit("number.make", "number", view.id, account.id, None, view)
    return Answer(view, version=view.version, location=f"/api/v1/numbers/{view.id}")


async def edit_number(call: Call) -> Answer:
    """Hands it to another account of the subtree, or leads it elsewhere."""
    call.check_match(call.row.version)
    values = changes_of(call.body, _NULLABLE)
    account = call.of
    if values.get("account_id") not in {None, call.row.account_id}:
        account = await call.find("account", values["account_id"], to_change=True)
        check_open(account)
        values = {"trunk_id": None, "device_id": None} | values
    whole = {"trunk_id": call.row.trunk_id, "device_id": call.row.device_id} | values
    await _check_place(call, whole, account.path)
    values["version"] = numbers.c.version + 1
    edited = sa.update(numbers).where(numbers.c.id == call.row.id).values(**values).returning(numbers)
    view = NumberView.model_validate((await call.conn.execute(edited)).one())
    before = NumberView.model_validate(call.row)
    if account.id == call.of.id:
        await call.audit("number.edit", "number", view.id, account.id, before, view)
    else:  # neither of the two learns who the other one is
        await call.audit("number.give", "number", view.id, call.of.id, before, None)
        await call.audit("number.receive", "number", view.id, account.id, None, view)
    return Answer(view, version=view.version)


async def remove_number(call: Call) -> Answer:
    """By the operator: the number is gone."""
    call.check_match(call.row.version)
    if not call.actor.is_root:
        raise Problem("forbidden", "only the operator takes numbers out")
    await call.conn.execute(sa.delete(numbers).where(numbers.c.id == call.row.id))
    before = NumberView.model_validate(call.row)
    await call.audit("number.remove", "number", call.row.id, call.row.account_id, before, None)
    return Answer(status=204)


_P = Permission
_ONE = "/numbers/{number_id}"
ENDPOINTS = [
    Endpoint(
        "number.list", "GET", "/numbers", _P.NUMBERS_READ, list_numbers, "List numbers", query=NumberQuery,
        answer=Page[NumberView],
    ),
    Endpoint("number.show", "GET", _ONE, _P.NUMBERS_READ, show_number, "Show a number", answer=NumberView),
    Endpoint(
        "number.make", "POST", "/numbers", _P.NUMBERS_CHANGE, make_number, "Bring a number in", NewNumber,
        answer=NumberView, status=201,
    ),
    Endpoint(
        "number.edit", "PATCH", _ONE, _P.NUMBERS_CHANGE, edit_number, "Edit a number", NumberEdit, answer=NumberView
    ),
    Endpoint("number.remove", "DELETE", _ONE, _P.NUMBERS_CHANGE, remove_number, "Take a number out", status=204),
]  # fmt: skip
