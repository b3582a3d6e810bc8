"""The API of limits: what the calls of an account or trunk may come to in an hour or a day."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lines import Expression
from service.api.listed import lines_of
from service.api.lists import Listing, Page, Paging, contains, equals, page_of
from service.api.problems import invalid
from service.api.values import AccountId, Asked, Micros, Moment, Money, Text, Told, TrunkId
from service.database.fraud_tables import call_limits
from service.fraud.common import ACTION_MEANING, Action, Label, check_setter, check_trunk
from service.fraud.storage import tell_met, tell_precautions
from service.fraud.words import MINUTE_MS
from service.peers.common import changes_of, check_open, check_room
from service.tariffs.grouping import unknown_group

LIMITS_MAX = 50
AMOUNT_MAX_MICROS = 10**9 * 10**6
Measure = Literal["spend", "minutes", "calls", "destinations", "first_call"]
MEANING = (
    "spend: what the account is charged; minutes: of answered calls; calls: begun; destinations: that were never "
    "called before; first_call: seconds of the first call to one"
)
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Period = Annotated[Literal["hour", "day"], Field(description="By the clock of UTC; a first call has none")]


class LimitView(Told):
    """A limit."""

    id: int
    account_id: Annotated[int, Field(description="It counts this account's calls and those of the accounts below")]
    trunk_id: Annotated[int | None, Field(description="By this trunk alone; null: whichever way they come")]
    name: str
    measure: Annotated[str, Field(description=MEANING)]
    group: Annotated[str, Field(validation_alias="destinations", description="Destination group; empty: all numbers")]
    period: Annotated[str, Field(description="hour, day, or call: of a first call")]
    spend: Annotated[Money | None, Field(description="In the account's currency; null: it measures something else")]
    count: Annotated[int | None, Field(description="Minutes, calls, destinations, seconds; null: it measures money")]
    action: Annotated[str, Field(description=ACTION_MEANING)]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    version: int


class LimitQuery(Paging):
    """Which limits."""

    account_id: AccountId | None = None
    name: Text = ""
    measure: Literal["", "spend", "minutes", "calls", "destinations", "first_call"] = ""


class NewLimit(Asked):
    """A limit to set."""

    account_id: AccountId
    trunk_id: TrunkId | None = None
    name: Label
    measure: Annotated[Measure, Field(description=MEANING)]
    spend: Annotated[Micros | None, Field(description="How much, if it measures what is spent")] = None
    count: Annotated[Count | None, Field(description="How many minutes, calls, destinations or seconds")] = None
    period: Period = "hour"
    group: Annotated[Text, Field(max_length=100, description="Destination group; empty: all numbers")] = ""
    action: Annotated[Action, Field(description=ACTION_MEANING)] = "block"


class LimitEdit(Asked):
    """What to change; what is left out stays."""

    name: Label | None = None
    spend: Micros | None = None
    count: Count | None = None
    action: Action | None = None


_LISTING = Listing(
    "limit",
    {"name": call_limits.c.name, "id": call_limits.c.id},
    {
        "account_id": equals(call_limits.c.account_id),
        "name": contains(call_limits.c.name),
        "measure": equals(call_limits.c.measure),
    },
)


def _view(row: Row[Any]) -> LimitView:
    is_money = row.measure == "spend"
    count = row.amount // MINUTE_MS if row.measure == "minutes" else row.amount
    sizes = {"spend": row.amount if is_money else None, "count": None if is_money else count}
    return LimitView.model_validate({**row._mapping, **sizes})


def _cells(_: Call) -> dict[str, Expression]:
    measure, amount = call_limits.c.measure, call_limits.c.amount
    count = sa.case((measure == "minutes", amount.op("/")(MINUTE_MS)), else_=amount)
    return {"spend": sa.case((measure == "spend", amount)), "count": sa.case((measure != "spend", count))}


async def list_limits(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[LimitView](items=[_view(row) for row in rows], next=following))


async def show_limit(call: Call) -> Answer:
    """One."""
    view = _view(call.row)
    return Answer(view, version=view.version)


def _amount(measure: str, body: NewLimit | LimitEdit) -> int:
    """In the measure's unit. Raises Problem."""
    wanted, other = ("spend", "count") if measure == "spend" else ("count", "spend")
    if getattr(body, other) is not None:
        raise invalid(f"/{other}", f"a limit of {measure} has a {wanted}")
    given: int | None = getattr(body, wanted)
    if given is None:
        raise invalid(f"/{wanted}", f"how much {measure} was expected")
    if not 0 <= given <= AMOUNT_MAX_MICROS:
        raise invalid(f"/{wanted}", "it lies between 0 and 1000000000")
    if measure == "first_call" and given < 1:
        raise invalid("/count", "a second at least")
    return given * MINUTE_MS if measure == "minutes" else given


async def make_limit(call: Call) -> Answer:
    """It holds for the next call, and for the next grant of running ones."""
    body: NewLimit = call.body
    account = await call.find("account", body.account_id, to_change=True)
    check_open(account)
    await check_trunk(call, account, body.trunk_id)
    await check_room(call, call_limits, account.id, LIMITS_MAX)
    unknown = await unknown_group(call.conn, [body.group] if body.group else [])
    if unknown is not None:
        raise invalid("/group", unknown.problem)
    is_first = body.measure == "first_call"
    if is_first and body.action != "block":
        raise invalid("/action", "a first call is ended where it is too long: block was expected")
    values = body.model_dump(exclude={"spend", "count", "group", "period"})
    values |= {"destinations": body.group, "period": "call" if is_first else body.period}
    values |= {"amount": _amount(body.measure, body), "set_by": call.actor.account_id, "created_ms": call.now_ms}
    row = (await call.conn.execute(sa.insert(call_limits).values(**values).returning(call_limits))).one()
    await tell_met(call.conn, call.node, row, call.now_ms)
    return await _told(call, "limit.make", None, row)


async def _told(call: Call, action: str, before: Row[Any] | None, row: Row[Any]) -> Answer:
    await tell_precautions(call.conn, call.node, row.account_id, call.now_ms)
    view = _view(row)
    told = None if before is None else _view(before)
    await call.audit(action, "limit", row.id, row.account_id, told, view)
    return Answer(view, version=view.version, location=f"/api/v1/limits/{row.id}")


async def edit_limit(call: Call) -> Answer:
    """What was counted so far stays; its alarm is given anew if the amount is another one."""
    body: LimitEdit = call.body
    call.check_match(call.row.version)
    await check_setter(call)
    values = changes_of(body, set())
    if values.get("action") not in {None, "block"} and call.row.measure == "first_call":
        raise invalid("/action", "a first call is ended where it is too long: block was expected")
    if values.keys() & {"spend", "count"}:
        values["amount"] = _amount(call.row.measure, body)
    values = {name: value for name, value in values.items() if name not in {"spend", "count"}}
    values["version"] = call_limits.c.version + 1
    edited = sa.update(call_limits).where(call_limits.c.id == call.row.id).values(**values).returning(call_limits)
    return await _told(call, "limit.edit", call.row, (await call.conn.execute(edited)).one())


async def remove_limit(call: Call) -> Answer:
    """What it has suspended stays so until it is lifted."""
    call.check_match(call.row.version)
    await check_setter(call)
    await call.conn.execute(sa.delete(call_limits).where(call_limits.c.id == call.row.id))
    await tell_precautions(call.conn, call.node, call.row.account_id, call.now_ms)
    await call.audit("limit.remove", "limit", call.row.id, call.row.account_id, _view(call.row), None)
    return Answer(status=204)


_P = Permission
_ONE = "/limits/{limit_id}"
ENDPOINTS = [
    Endpoint(
        "limit.list", "GET", "/limits", _P.FRAUD_READ, list_limits, "List limits of calls", query=LimitQuery,
        answer=Page[LimitView], lines=lines_of(_LISTING, LimitView, _cells),
    ),
    Endpoint("limit.show", "GET", _ONE, _P.FRAUD_READ, show_limit, "Show a limit of calls", answer=LimitView),
    Endpoint(
        "limit.make", "POST", "/limits", _P.FRAUD_CHANGE, make_limit, "Limit calls", NewLimit, answer=LimitView,
        status=201,
    ),
    Endpoint(
        "limit.edit", "PATCH", _ONE, _P.FRAUD_CHANGE, edit_limit, "Edit a limit of calls", LimitEdit, answer=LimitView
    ),
    Endpoint("limit.remove", "DELETE", _ONE, _P.FRAUD_CHANGE, remove_limit, "Remove a limit of calls", status=204),
]  # fmt: skip
