"""The API of patterns: calls of a trunk, gateway or provider that look like fraud when they have ended."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, contains, equals, page_of
from service.api.problems import invalid
from service.api.values import AccountId, Asked, GatewayId, Moment, Text, Told, TrunkId
from service.database.fraud_tables import call_patterns
from service.database.tables import gateways
from service.fraud.common import Action, Label, check_setter, check_trunk
from service.fraud.patterns import SEQUENTIAL
from service.peers.common import changes_of, check_open, check_room

PATTERNS_MAX = 20
MEANING = (
    "short_calls: answered and ended at once; ring_only: given up after brief ringing; false_answers: answered at once "
    "without ringing; sequential: numbers in a row"
)
ACTION_MEANING = "warn: an alarm; block: and suspended for as long as the window; suspend: until somebody lifts it"
SHORTER_S = {"short_calls": 6, "ring_only": 5, "false_answers": 1}
Kind = Literal["short_calls", "ring_only", "false_answers", "sequential"]
Minutes = Annotated[int, Field(ge=1, le=1_440, description="How far it looks back")]
CallsMin = Annotated[
    int, Field(ge=1, le=100_000, description="Fewer calls say nothing; of sequential: numbers in a row")
]
Percent = Annotated[int, Field(ge=1, le=100, description="Of these calls; of sequential it counts nothing")]
Seconds = Annotated[
    int, Field(ge=1, le=60, description="What is short; left out: 6, of ring_only 5, of false_answers 1")
]


class PatternView(Told):
    """A pattern."""

    id: int
    account_id: int
    trunk_id: Annotated[
        int | None, Field(description="null: of a gateway, or of all that the account calls or carries")
    ]
    gateway_id: int | None
    name: str
    kind: Annotated[str, Field(description=MEANING)]
    minutes: int
    calls_min: int
    percent: int
    seconds: int
    action: Annotated[str, Field(description=ACTION_MEANING)]
    alarmed_at: Annotated[Moment, Field(validation_alias="alarmed_ms", description="null: it is not crossed now")]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    version: int


class PatternQuery(Paging):
    """Which patterns."""

    account_id: AccountId | None = None
    name: Text = ""
    kind: Literal["", "short_calls", "ring_only", "false_answers", "sequential"] = ""


class NewPattern(Asked):
    """A pattern to look for: of a trunk, of a gateway, or of all calls of an account, which a provider carries."""

    account_id: AccountId
    trunk_id: TrunkId | None = None
    gateway_id: GatewayId | None = None
    name: Label
    kind: Annotated[Kind, Field(description=MEANING)]
    minutes: Minutes = 60
    calls_min: CallsMin = 50
    percent: Percent = 50
    seconds: Seconds | None = None
    action: Annotated[Action, Field(description=ACTION_MEANING)] = "warn"


class PatternEdit(Asked):
    """What to change; what is left out stays."""

    name: Label | None = None
    minutes: Minutes | None = None
    calls_min: CallsMin | None = None
    percent: Percent | None = None
    seconds: Seconds | None = None
    action: Action | None = None


_LISTING = Listing(
    "pattern",
    {"name": call_patterns.c.name, "id": call_patterns.c.id},
    {
        "account_id": equals(call_patterns.c.account_id),
        "name": contains(call_patterns.c.name),
        "kind": equals(call_patterns.c.kind),
    },
)


def _view(row: Row[Any]) -> PatternView:
    more = {"minutes": row.window_s // 60, "seconds": row.shorter_ms // 1000}
    return PatternView.model_validate({**row._mapping, **more})


async def list_patterns(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[PatternView](items=[_view(row) for row in rows], next=following))


async def show_pattern(call: Call) -> Answer:
    """One."""
    view = _view(call.row)
    return Answer(view, version=view.version)


async def _check_place(call: Call, account: Row[Any], body: NewPattern) -> None:
    await check_trunk(call, account, body.trunk_id)
    if body.trunk_id is not None and body.gateway_id is not None:
        raise invalid("/gateway_id", "calls come by a trunk or leave by a gateway")
    if body.gateway_id is not None:
        owner = sa.select(gateways.c.account_id).where(gateways.c.id == body.gateway_id)
        if (await call.conn.execute(owner)).scalar() != account.id:
            raise invalid("/gateway_id", "this gateway is another account's")


async def make_pattern(call: Call) -> Answer:
    """It is looked for every few seconds, in calls that have ended."""
    body: NewPattern = call.body
    account = await call.find("account", body.account_id, to_change=True)
    check_open(account)
    await _check_place(call, account, body)
    await check_room(call, call_patterns, account.id, PATTERNS_MAX)
    values = body.model_dump(exclude={"minutes", "seconds"}) | {"window_s": body.minutes * 60}
    seconds = SHORTER_S.get(body.kind, 0) if body.seconds is None else body.seconds
    values |= {"shorter_ms": seconds * 1000, "set_by": call.actor.account_id, "created_ms": call.now_ms}
    if body.kind == SEQUENTIAL:
        values |= {"percent": 0, "shorter_ms": 0}
    row = (await call.conn.execute(sa.insert(call_patterns).values(**values).returning(call_patterns))).one()
    view = _view(row)
    await call.audit("pattern.make", "pattern", row.id, account.id, None, view)
    return Answer(view, version=view.version, location=f"/api/v1/patterns/{row.id}")


async def edit_pattern(call: Call) -> Answer:
    """It is looked at anew."""
    call.check_match(call.row.version)
    await check_setter(call)
    values = changes_of(call.body, set())
    if "minutes" in values:
        values["window_s"] = values.pop("minutes") * 60
    if "seconds" in values:
        values["shorter_ms"] = values.pop("seconds") * 1000
    if call.row.kind == SEQUENTIAL:
        values = {name: value for name, value in values.items() if name not in {"percent", "shorter_ms"}}
    values["version"] = call_patterns.c.version + 1
    edited = sa.update(call_patterns).where(call_patterns.c.id == call.row.id).values(**values)
    row = (await call.conn.execute(edited.returning(call_patterns))).one()
    view = _view(row)
    await call.audit("pattern.edit", "pattern", row.id, row.account_id, _view(call.row), view)
    return Answer(view, version=view.version)


async def remove_pattern(call: Call) -> Answer:
    """What it has suspended stays so until it is lifted."""
    call.check_match(call.row.version)
    await check_setter(call)
    await call.conn.execute(sa.delete(call_patterns).where(call_patterns.c.id == call.row.id))
    await call.audit("pattern.remove", "pattern", call.row.id, call.row.account_id, _view(call.row), None)
    return Answer(status=204)


_P = Permission
_ONE = "/patterns/{pattern_id}"
ENDPOINTS = [
    Endpoint(
        "pattern.list", "GET", "/patterns", _P.FRAUD_READ, list_patterns, "List patterns of fraud", query=PatternQuery,
        answer=Page[PatternView],
    ),
    Endpoint("pattern.show", "GET", _ONE, _P.FRAUD_READ, show_pattern, "Show a pattern of fraud", answer=PatternView),
    Endpoint(
        "pattern.make", "POST", "/patterns", _P.FRAUD_CHANGE, make_pattern, "Look for a pattern of fraud", NewPattern,
        answer=PatternView, status=201,
    ),
    Endpoint(
        "pattern.edit", "PATCH", _ONE, _P.FRAUD_CHANGE, edit_pattern, "Edit a pattern of fraud", PatternEdit,
        answer=PatternView,
    ),
    Endpoint(
        "pattern.remove", "DELETE", _ONE, _P.FRAUD_CHANGE, remove_pattern, "Remove a pattern of fraud", status=204
    ),
]  # fmt: skip
