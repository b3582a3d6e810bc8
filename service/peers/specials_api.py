"""The API of emergency and free numbers: the operator says which, for everybody, for one account or for one trunk."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, contains, equals, page_of
from service.api.problems import Problem, invalid
from service.api.values import AccountId, Asked, PlanId, Text, Told, TrunkId
from service.commands import bodies
from service.commands.outbox import enqueue
from service.database.peer_tables import specials
from service.database.tables import trunks
from service.peers.common import changes_of, check_open

PREFIX_MIN = 3
"""Digits of a free prefix: a shorter one would make ordinary numbers free."""
Symbols = Annotated[
    str, Field(pattern=r"^[0-9*#]{2,32}$", description="As it is dialled, or E.164 without +", examples=["112"])
]
Kind = Literal["emergency", "free"]
KIND_MEANING = "emergency: nobody pays or is paid; free: only the provider is paid"
Prefix = Annotated[bool, Field(description="Whether longer numbers count that begin so; of free ones only")]
Note = Annotated[Text, Field(max_length=200)]


class SpecialView(Told):
    """A number that needs no money."""

    id: int
    account_id: Annotated[int, Field(description="For its calls and those of the accounts below")]
    trunk_id: Annotated[int | None, Field(description="For this trunk's calls alone; null: all")]
    number: str
    prefix: Prefix
    kind: Annotated[str, Field(description=KIND_MEANING)]
    plan_id: Annotated[int, Field(description="Its route")]
    note: str
    version: int


class SpecialQuery(Paging):
    """Which numbers."""

    account_id: AccountId | None = None
    number: Annotated[Text, Field(description="It stands somewhere in it")] = ""
    kind: Literal["", "emergency", "free"] = ""


class NewSpecial(Asked):
    """A number to list."""

    account_id: AccountId
    trunk_id: TrunkId | None = None
    number: Symbols
    prefix: Prefix = False
    kind: Annotated[Kind, Field(description=KIND_MEANING)]
    plan_id: PlanId
    note: Note = ""


class SpecialEdit(Asked):
    """What to change; what is left out stays."""

    plan_id: PlanId | None = None
    note: Note | None = None


_LISTING = Listing(
    "special",
    {"number": specials.c.number, "id": specials.c.id},
    {
        "account_id": equals(specials.c.account_id),
        "number": contains(specials.c.number),
        "kind": equals(specials.c.kind),
    },
)


async def list_specials(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[SpecialView](items=[SpecialView.model_validate(row) for row in rows], next=following))


async def show_special(call: Call) -> Answer:
    """One."""
    view = SpecialView.model_validate(call.row)
    return Answer(view, version=view.version)


def _check_operator(call: Call) -> None:
    """What is free for one is paid by somebody above. Raises Problem."""
    if not call.actor.is_root:
        raise Problem("forbidden", "only the operator says which numbers need no money")


async def make_special(call: Call) -> Answer:
    """By the operator; no two of an account and trunk have the same number."""
    _check_operator(call)
    body: NewSpecial = call.body
    account = await call.find("account", body.account_id, to_change=True)
    check_open(account)
    if body.prefix and body.kind != "free":
        raise invalid("/prefix", "an emergency number is one whole number")
    if body.prefix and len(body.number) < PREFIX_MIN:
        raise invalid("/number", f"a prefix has {PREFIX_MIN} digits at least, or ordinary numbers would be free")
    if body.trunk_id is not None:
        owner = (await call.conn.execute(sa.select(trunks.c.account_id).where(trunks.c.id == body.trunk_id))).scalar()
        if owner != account.id:
            raise invalid("/trunk_id", "this trunk is another account's")
    same = (specials.c.account_id == account.id) & (specials.c.number == body.number)
    same &= specials.c.trunk_id.is_not_distinct_from(body.trunk_id)
    if (await call.conn.execute(sa.select(specials.c.id).where(same))).first() is not None:
        raise invalid("/number", "it is listed already")
    made = await call.conn.execute(sa.insert(specials).values(**body.model_dump()).returning(specials))
    return await _told(call, "special.make", None, made.one())


async def _told(call: Call, action: str, before: Row[Any] | None, row: Row[Any]) -> Answer:
    await enqueue(call.conn, call.node, bodies.special_body(row), now_ms=call.now_ms)
    view = SpecialView.model_validate(row)
    told = None if before is None else SpecialView.model_validate(before)
    await call.audit(action, "special", row.id, row.account_id, told, view)
    return Answer(view, version=view.version, location=f"/api/v1/specials/{row.id}")


async def edit_special(call: Call) -> Answer:
    """Another route, or another note."""
    _check_operator(call)
    call.check_match(call.row.version)
    values = changes_of(call.body, set()) | {"version": specials.c.version + 1}
    edited = sa.update(specials).where(specials.c.id == call.row.id).values(**values).returning(specials)
    return await _told(call, "special.edit", call.row, (await call.conn.execute(edited)).one())


async def remove_special(call: Call) -> Answer:
    """Calls to it are ordinary ones again."""
    _check_operator(call)
    call.check_match(call.row.version)
    await call.conn.execute(sa.delete(specials).where(specials.c.id == call.row.id))
    await enqueue(call.conn, call.node, bodies.special_gone_body(call.row.id), now_ms=call.now_ms)
    before = SpecialView.model_validate(call.row)
    await call.audit("special.remove", "special", call.row.id, call.row.account_id, before, None)
    return Answer(status=204)


_P = Permission
_ONE = "/specials/{special_id}"
ENDPOINTS = [
    Endpoint(
        "special.list", "GET", "/specials", _P.ROUTING_READ, list_specials, "List emergency and free numbers",
        query=SpecialQuery, answer=Page[SpecialView],
    ),
    Endpoint(
        "special.show", "GET", _ONE, _P.ROUTING_READ, show_special, "Show an emergency or free number",
        answer=SpecialView,
    ),
    Endpoint(
        "special.make", "POST", "/specials", _P.ROUTING_CHANGE, make_special, "List an emergency or free number",
        NewSpecial, answer=SpecialView, status=201,
    ),
    Endpoint(
        "special.edit", "PATCH", _ONE, _P.ROUTING_CHANGE, edit_special, "Edit an emergency or free number",
        SpecialEdit, answer=SpecialView,
    ),
    Endpoint(
        "special.remove", "DELETE", _ONE, _P.ROUTING_CHANGE, remove_special, "Take one off the list", status=204
    ),
]  # fmt: skip
