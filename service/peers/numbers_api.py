"""The API of numbers: the operator brings them in, whoever has one hands it to an account below."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from kemi.store.numbers import parse_uri
from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lines import Expression, together
from service.api.listed import lines_of
from service.api.lists import Listing, Page, Paging, contains, equals, page_of
from service.api.problems import Problem, invalid
from service.api.values import AccountId, Asked, DeviceId, Limit, Moment, TariffId, Text, Told, TrunkId
from service.commands import bodies
from service.commands.outbox import enqueue
from service.database.engine import is_sqlite
from service.database.paths import is_below
from service.database.peer_tables import devices, numbers
from service.database.product_tables import products, subscriptions
from service.database.tables import accounts, trunks
from service.peers.addresses import check_not_ours, is_carriers
from service.peers.common import E164, changes_of, check_from_above, check_open, tell_moved_thing
from service.products.rules import ACTIVE, STARTING, SUSPENDED
from service.tariffs.checks import check_tariff

Note = Annotated[Text, Field(max_length=200)]
Fallback = Annotated[str, Field(pattern=r"^(device|trunk|sip):[!-~ ]{1,200}$", examples=["device:ann-desk"])]
Fallbacks = Annotated[list[Fallback], Field(max_length=5)]
RingS = Annotated[int, Field(ge=5, le=120)]
WithoutFunds = Literal["refuse", "allow"]
FALLBACKS_MEANING = (
    "Where its calls go next when nobody answers there, in order: device:USERNAME, trunk:NAME of the same account, or "
    "the SIP URI of an address, sip:user@192.0.2.9:5060. One whose device or trunk is gone is passed over"
)
FUNDS_MEANING = "When the account can't pay for being called: refuse, or allow (nothing is charged then)"
TARIFF_MEANING = "What its account, and each one above, pays for a call to it; null: nothing"
FROM_ABOVE = frozenset({"channels", "cps"})
OPERATORS = {
    "tariff_id": "only the operator sets what being called costs",
    "without_funds": "only the operator lets calls in that nobody pays",
}
"""Fields by which every level pays, and what is said to others."""
RENTED = "it is rented: whoever rents it out says who has it, and when it takes calls"


class NumberView(Told):
    """A telephone number."""

    id: int
    number: str
    account_id: int
    trunk_id: Annotated[int | None, Field(description="Where its calls go; null: nowhere, or to a device")]
    device_id: int | None
    fallbacks: Annotated[list[str], Field(description=FALLBACKS_MEANING)]
    tariff_id: Annotated[int | None, Field(description=TARIFF_MEANING)]
    channels: Annotated[int | None, Field(description="Calls at once; null: no limit")]
    cps: Annotated[int | None, Field(description="New calls a second; null: any number")]
    ring_s: Annotated[int, Field(description="How long each place rings")]
    without_funds: Annotated[str, Field(description=FUNDS_MEANING)]
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
    fallbacks: Annotated[Fallbacks, Field(default_factory=list, description=FALLBACKS_MEANING)]
    tariff_id: TariffId | None = None
    channels: Limit | None = None
    cps: Limit | None = None
    ring_s: RingS = 20
    without_funds: WithoutFunds = "refuse"
    note: Note = ""


class NumberEdit(Asked):
    """What to change; what is left out stays, what is null is taken away. Another account loses where it led to."""

    account_id: AccountId | None = None
    trunk_id: TrunkId | None = None
    device_id: DeviceId | None = None
    fallbacks: Fallbacks | None = None
    tariff_id: TariffId | None = None
    channels: Limit | None = None
    cps: Limit | None = None
    ring_s: RingS | None = None
    without_funds: WithoutFunds | None = None
    note: Note | None = None
    state: Literal["active", "suspended"] | None = None


_NULLABLE = {"trunk_id", "device_id", "tariff_id", "channels", "cps"}
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


def _cells(call: Call) -> dict[str, Expression]:
    if is_sqlite(call.conn):
        place = sa.func.json_each(numbers.c.places).table_valued("value")
        said = sa.func.json_extract(place.c.value, "$.said")
    else:
        place = sa.func.json_array_elements(numbers.c.places).table_valued("value")
        said = sa.func.json_extract_path_text(place.c.value, "said")
    return {"fallbacks": together(sa.select(said).select_from(place).correlate(numbers))}


async def list_numbers(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[NumberView](items=[_view(row) for row in rows], next=following))


async def show_number(call: Call) -> Answer:
    """One."""
    view = _view(call.row)
    return Answer(view, version=view.version)


def _view(row: Row[Any]) -> NumberView:
    return NumberView.model_validate({**row._mapping, "fallbacks": [place["said"] for place in row.places]})


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


async def _places(call: Call, said: list[str], account: Row[Any]) -> list[dict[str, Any]]:
    """The list of a number as the call path has it. Raises Problem."""
    return [await _place(call, text, account, f"/fallbacks/{at}") for at, text in enumerate(said)]


async def _place(call: Call, text: str, account: Row[Any], pointer: str) -> dict[str, Any]:
    kind, _, name = text.partition(":")
    if kind == "sip":
        if account.id == call.actor.account_id:
            raise Problem("forbidden", "whoever stands above the account sets SIP URIs")  # it would call anywhere
        place = parse_uri(text)
        if place is None:
            raise invalid(pointer, "expected sip:user@ADDRESS:PORT: a name instead of an address would make calls wait")
        await check_not_ours(call, place, pointer)
        if await is_carriers(call.conn, place[0]):
            raise invalid(pointer, "this is a carrier's address: calls go there by a routing plan, at a price")
        return {"kind": "uri", "uri": text, "said": text}
    if kind == "device":
        query = sa.select(devices.c.id).join(accounts, accounts.c.id == devices.c.account_id)
        below = is_below(accounts.c.path, account.path)
        found = (await call.conn.execute(query.where(devices.c.username == name, below))).scalar()
    else:
        query = sa.select(trunks.c.id).where(trunks.c.account_id == account.id, trunks.c.name == name)
        found = (await call.conn.execute(query)).scalar()
    if found is None:
        raise invalid(pointer, f"the account has no such {kind}")
    return {"kind": kind, "id": found, "said": text}


async def _changed_places(call: Call, said: list[str], account: Row[Any]) -> list[dict[str, Any]]:
    """The same of an edit: what stood there stands as it did."""
    known = {place["said"]: place for place in call.row.places} if account.id == call.of.id else {}
    return [known.get(text) or await _place(call, text, account, f"/fallbacks/{at}") for at, text in enumerate(said)]


async def _tell(call: Call, row: Row[Any]) -> None:
    await enqueue(call.conn, call.node, bodies.number_body(row), now_ms=call.now_ms)


async def make_number(call: Call) -> Answer:
    """By the operator, for any account."""
    body: NewNumber = call.body
    if not call.actor.is_root:
        raise Problem("forbidden", "only the operator brings numbers in; those that you have you can hand on")
    account = await call.find("account", body.account_id, to_change=True)
    check_open(account)
    values = body.model_dump(exclude={"fallbacks"})
    await _check_place(call, values, account.path)
    await check_tariff(call, body.tariff_id, account.path, account.currency)
    values["places"] = await _places(call, body.fallbacks, account)
    if (await call.conn.execute(sa.select(numbers.c.id).where(numbers.c.number == body.number))).first() is not None:
        raise invalid("/number", "this number is here already")
    made = await call.conn.execute(sa.insert(numbers).values(**values, created_ms=call.now_ms).returning(numbers))
    row = made.one()
    await _tell(call, row)
    view = _view(row)
    await call.audit("number.make", "number", view.id, account.id, None, view)
    return Answer(view, version=view.version, location=f"/api/v1/numbers/{view.id}")


async def edit_number(call: Call) -> Answer:
    """Hands it to another account of the subtree, or leads it elsewhere."""
    call.check_match(call.row.version)
    values = changes_of(call.body, _NULLABLE)
    account = call.of
    check_from_above(call, account, dict(call.row._mapping), values, FROM_ABOVE)
    for name, said in OPERATORS.items():
        if values.get(name, call.row._mapping[name]) != call.row._mapping[name] and not call.actor.is_root:
            raise Problem("forbidden", said)
    if values.get("state") == "active" != call.row.state and await _rent(call) not in {"", ACTIVE}:
        raise Problem("forbidden", RENTED)
    if values.get("account_id") not in {None, call.row.account_id}:
        account = await call.find("account", values["account_id"], to_change=True)
        check_open(account)
        await _check_handed_on(call, account)
        values = {"trunk_id": None, "device_id": None, "fallbacks": []} | values
    whole = {name: getattr(call.row, name) for name in ("trunk_id", "device_id", "tariff_id")} | values
    await _check_place(call, whole, account.path)
    await check_tariff(call, whole["tariff_id"], account.path, account.currency, call.row.tariff_id)
    if account.id == call.of.id:
        await tell_moved_thing(call, numbers, values, None)
    if "fallbacks" in values:
        values["places"] = await _changed_places(call, values.pop("fallbacks"), account)
    values["version"] = numbers.c.version + 1
    edited = sa.update(numbers).where(numbers.c.id == call.row.id).values(**values).returning(numbers)
    row = (await call.conn.execute(edited)).one()
    await _tell(call, row)
    view, before = _view(row), _view(call.row)
    if account.id == call.of.id:
        await call.audit("number.edit", "number", view.id, account.id, before, view)
    else:  # neither of the two learns who the other one is
        await call.audit("number.give", "number", view.id, call.of.id, before, None)
        await call.audit("number.receive", "number", view.id, account.id, None, view)
    return Answer(view, version=view.version)


async def _check_handed_on(call: Call, account: Row[Any]) -> None:
    """A number that is rented stays with who rents it; and a commission reseller, who pays nothing for being called,
    gets none but by who sells to it. Raises Problem.
    """
    rent = await _rent(call)
    if rent in {STARTING, ACTIVE, SUSPENDED} or (rent and call.row.state == "suspended"):
        raise Problem("forbidden", RENTED)
    if account.commission:
        await call.need_seller(account.path)


async def _rent(call: Call) -> str:
    """The state of the latest subscription by which the number's account rents it; empty: there is none, or the asker
    speaks for whoever rents it out.
    """
    rent = (subscriptions.c.number_id == call.row.id) & (subscriptions.c.account_id == call.row.account_id)
    query = sa.select(subscriptions.c.state, products.c.account_id)
    query = query.join(products, products.c.id == subscriptions.c.product_id).where(rent)
    row = (await call.conn.execute(query.order_by(subscriptions.c.id.desc()).limit(1))).first()
    if row is None or await call.find_all("account", {row.account_id}, to_change=True):
        return ""
    return str(row.state)


async def remove_number(call: Call) -> Answer:
    """By the operator: the number is gone."""
    call.check_match(call.row.version)
    if not call.actor.is_root:
        raise Problem("forbidden", "only the operator takes numbers out")
    await call.conn.execute(sa.delete(numbers).where(numbers.c.id == call.row.id))
    await enqueue(call.conn, call.node, bodies.number_gone_body(call.row.id), now_ms=call.now_ms)
    before = _view(call.row)
    await call.audit("number.remove", "number", call.row.id, call.row.account_id, before, None)
    return Answer(status=204)


_P = Permission
_ONE = "/numbers/{number_id}"
ENDPOINTS = [
    Endpoint(
        "number.list", "GET", "/numbers", _P.NUMBERS_READ, list_numbers, "List numbers", query=NumberQuery,
        answer=Page[NumberView], lines=lines_of(_LISTING, NumberView, _cells),
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
