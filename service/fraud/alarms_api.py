"""The API of alarms: what was crossed, and what it has suspended lifted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lines import Expression
from service.api.listed import lines_of
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.problems import Problem
from service.api.values import AccountId, Asked, Moment, Text, Told
from service.database.fraud_tables import alarms
from service.fraud.alarms import lift
from service.fraud.common import ACTION_MEANING


class AlarmView(Told):
    """A crossing."""

    id: int
    account_id: int
    trunk_id: Annotated[int | None, Field(description="null: it is about the account, or a gateway")]
    gateway_id: int | None
    limit_id: Annotated[int | None, Field(description="What was crossed, even if it is gone; null: a pattern")]
    pattern_id: int | None
    rule: Annotated[str, Field(description="In words", examples=["more than 50.00 EUR an hour"])]
    seen: Annotated[str, Field(description="What there was", examples=["50.00 EUR"])]
    action: Annotated[str, Field(description=ACTION_MEANING)]
    raised_at: Annotated[Moment, Field(validation_alias="raised_ms")]
    until: Annotated[Moment, Field(validation_alias="until_ms", description="null: until somebody lifts it")]
    lifted_at: Annotated[Moment, Field(validation_alias="lifted_ms", description="null: nobody has")]
    lifted_by: str


class AlarmQuery(Paging):
    """Which alarms."""

    account_id: AccountId | None = None
    action: Literal["", "warn", "block", "suspend"] = ""
    standing: Annotated[bool | None, Field(description="Suspensions that nobody has lifted, or all others")] = None


class Lifting(Asked):
    """Why; for the audit."""

    reason: Text = ""


def _standing(wanted: Any) -> sa.ColumnElement[bool]:
    stands = (alarms.c.lifted_ms == 0) & (alarms.c.action == "suspend")
    return stands if wanted else ~stands


_LISTING = Listing(
    "alarm",
    {"-id": alarms.c.id, "raised": alarms.c.raised_ms},
    {
        "account_id": equals(alarms.c.account_id),
        "action": equals(alarms.c.action),
        "standing": _standing,
    },
)


_OPTIONAL = ("trunk_id", "gateway_id", "limit_id", "pattern_id")


def _cells(_: Call) -> dict[str, Expression]:
    return {name: sa.func.nullif(alarms.c[name], 0) for name in _OPTIONAL}


def _view(row: object) -> AlarmView:
    view = AlarmView.model_validate(row)
    empty = {name: None for name in _OPTIONAL if not getattr(view, name)}
    return view.model_copy(update=empty)


async def list_alarms(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[AlarmView](items=[_view(row) for row in rows], next=following))


async def show_alarm(call: Call) -> Answer:
    """One."""
    return Answer(_view(call.row))


async def lift_alarm(call: Call) -> Answer:
    """What it has suspended goes on, its limit counts from nothing: by whom the account owes, or who stands above."""
    if call.row.lifted_ms:
        raise Problem("conflict", "it was lifted already")
    if call.row.action == "warn" or (call.row.action == "block" and call.row.limit_id):
        raise Problem("conflict", "it has suspended nothing")
    before = _view(call.row)
    await lift(call.conn, call.node, call.row, call.actor, call.now_ms)
    row = await call.find("alarm", call.row.id)
    view = _view(row)
    told = {**view.model_dump(mode="json"), "reason": call.body.reason}
    await call.audit("alarm.lift", "alarm", row.id, row.account_id, before, told)
    return Answer(view)


_P = Permission
_ONE = "/alarms/{alarm_id}"
ENDPOINTS = [
    Endpoint(
        "alarm.list", "GET", "/alarms", _P.FRAUD_READ, list_alarms, "List alarms", query=AlarmQuery,
        answer=Page[AlarmView], lines=lines_of(_LISTING, AlarmView, _cells),
    ),
    Endpoint("alarm.show", "GET", _ONE, _P.FRAUD_READ, show_alarm, "Show an alarm", answer=AlarmView),
    Endpoint(
        "alarm.lift", "POST", f"{_ONE}/lifting", _P.FRAUD_CHANGE, lift_alarm, "Lift what an alarm has suspended",
        Lifting, answer=AlarmView, below=True, of_seller=True,
    ),
]  # fmt: skip
