"""The API of high-risk ranges: the operator's list, closed for new accounts until whoever stands above opens it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, contains, page_of
from service.api.problems import Problem, invalid
from service.api.values import Asked, Moment, Number, Ref, Text, Told
from service.api.versions import version_of
from service.database.fraud_tables import risk_choices, risk_ranges
from service.database.tables import accounts
from service.fraud.common import Label
from service.fraud.storage import tell_precautions, tell_ranges
from service.peers.common import changes_of

ROOT = 1
PREFIXES_MAX = 5_000
"""Of all ranges together: a call looks through none of them, a process keeps them all."""
Prefix = Annotated[str, Field(pattern=r"^[0-9]{1,15}$", examples=["88213"])]
Prefixes = Annotated[list[Prefix], Field(min_length=1, max_length=1_000, description="Digits of E.164, without +")]
RangeId = Annotated[Number, Ref("range")]


class RangeView(Told):
    """Numbers that cost dearly where they are called by whom nobody knows."""

    id: int
    name: str
    prefixes: list[str]
    open_through: Annotated[
        int, Field(description="Accounts up to this number had it open when it was made; 0: it was closed for all")
    ]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    version: int


class RangeQuery(Paging):
    """Which ranges."""

    name: Text = ""


class NewRange(Asked):
    """A range to list."""

    name: Label
    prefixes: Prefixes
    open_for_existing: Annotated[bool, Field(description="Accounts that are there already keep it open")] = False


class RangeEdit(Asked):
    """What to change; what is left out stays."""

    name: Label | None = None
    prefixes: Prefixes | None = None


class Choices(Asked):
    """All ranges about which an account says something; about others it says nothing."""

    opened: Annotated[list[RangeId], Field(max_length=1_000, default_factory=list)]
    closed: Annotated[
        list[RangeId],
        Field(max_length=1_000, default_factory=list, description="Though it was open when it was made"),
    ]


class ChoicesView(Told):
    """What an account says about ranges. It may call what it and everybody above it have open."""

    opened: list[int]
    closed: list[int]


_LISTING = Listing(
    "range",
    {"name": risk_ranges.c.name, "id": risk_ranges.c.id},
    {"name": contains(risk_ranges.c.name)},
)


async def list_ranges(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[RangeView](items=[RangeView.model_validate(row) for row in rows], next=following))


async def show_range(call: Call) -> Answer:
    """One."""
    view = RangeView.model_validate(call.row)
    return Answer(view, version=view.version)


def _check_operator(call: Call) -> None:
    if not call.actor.is_root:
        raise Problem("forbidden", "high-risk ranges are the operator's: open them for accounts below")


async def _check_name(call: Call, name: str, but: int = 0) -> None:
    """Raises Problem."""
    others = sa.select(risk_ranges.c.id).where((risk_ranges.c.name == name) & (risk_ranges.c.id != but))
    if (await call.conn.execute(others)).first() is not None:
        raise invalid("/name", "there is a range of this name already")


async def _check(call: Call, fresh: Row[Any]) -> None:
    """Prefixes are there once. Raises Problem."""
    rows = (await call.conn.execute(sa.select(risk_ranges).where(risk_ranges.c.id != fresh.id))).all()
    taken = {prefix: row.name for row in rows for prefix in row.prefixes}
    for index, prefix in enumerate(fresh.prefixes):
        if prefix in taken or prefix in fresh.prefixes[:index]:
            raise invalid(f"/prefixes/{index}", f"it stands in {taken.get(prefix, fresh.name)!r} already")
    if len(taken) + len(fresh.prefixes) > PREFIXES_MAX:
        raise invalid("/prefixes", f"all ranges together have {PREFIXES_MAX} prefixes at most")


async def make_range(call: Call) -> Answer:
    """Closed for all from the next call on, unless existing accounts keep it open."""
    _check_operator(call)
    body: NewRange = call.body
    await _check_name(call, body.name)
    last = (await call.conn.execute(sa.select(sa.func.max(accounts.c.id)))).scalar_one()
    through = last if body.open_for_existing else 0
    values = {"name": body.name, "prefixes": body.prefixes, "open_through": through, "created_ms": call.now_ms}
    row = (await call.conn.execute(sa.insert(risk_ranges).values(**values).returning(risk_ranges))).one()
    await call.check_last(partial(_check, call, row))
    return await _told(call, "range.make", None, row)


async def _told(call: Call, action: str, before: Row[Any] | None, row: Row[Any]) -> Answer:
    await tell_ranges(call.conn, call.node, call.now_ms)
    view = RangeView.model_validate(row)
    told = None if before is None else RangeView.model_validate(before)
    await call.audit(action, "range", row.id, ROOT, told, view)
    return Answer(view, version=view.version)


async def edit_range(call: Call) -> Answer:
    """Other prefixes, or another name; who has it open keeps it."""
    _check_operator(call)
    call.check_match(call.row.version)
    values = changes_of(call.body, set())
    await _check_name(call, values.get("name", call.row.name), call.row.id)
    values["version"] = risk_ranges.c.version + 1
    edited = sa.update(risk_ranges).where(risk_ranges.c.id == call.row.id).values(**values).returning(risk_ranges)
    row = (await call.conn.execute(edited)).one()
    await call.check_last(partial(_check, call, row))
    return await _told(call, "range.edit", call.row, row)


async def remove_range(call: Call) -> Answer:
    """Its numbers are ordinary ones again."""
    _check_operator(call)
    call.check_match(call.row.version)
    await call.conn.execute(sa.delete(risk_choices).where(risk_choices.c.range_id == call.row.id))
    await call.conn.execute(sa.delete(risk_ranges).where(risk_ranges.c.id == call.row.id))
    await tell_ranges(call.conn, call.node, call.now_ms)
    await call.audit("range.remove", "range", call.row.id, ROOT, RangeView.model_validate(call.row), None)
    return Answer(status=204)


async def _choices(call: Call, account_id: int) -> ChoicesView:
    query = sa.select(risk_choices).where(risk_choices.c.account_id == account_id).order_by(risk_choices.c.range_id)
    rows = (await call.conn.execute(query)).all()
    return ChoicesView(opened=_ids(rows, is_open=True), closed=_ids(rows, is_open=False))


def _ids(rows: Iterable[Row[Any]], *, is_open: bool) -> list[int]:
    return [row.range_id for row in rows if row.open == is_open]


async def show_choices(call: Call) -> Answer:
    """Of an account."""
    view = await _choices(call, call.row.id)
    return Answer(view, version=version_of(view.model_dump()))


async def set_choices(call: Call) -> Answer:
    """By whom the account owes what it calls, or who stands above that one; for the next call."""
    body: Choices = call.body
    both = set(body.opened) & set(body.closed)
    if both:
        raise invalid("/closed", f"range {min(both)} is opened too")
    before = await _choices(call, call.row.id)
    call.check_unchanged(before.model_dump())
    await call.conn.execute(sa.delete(risk_choices).where(risk_choices.c.account_id == call.row.id))
    wanted = dict.fromkeys(body.closed, False) | dict.fromkeys(body.opened, True)
    rows = [{"account_id": call.row.id, "range_id": number, "open": open_} for number, open_ in wanted.items()]
    if rows:
        await call.conn.execute(sa.insert(risk_choices), rows)
    await tell_precautions(call.conn, call.node, call.row.id, call.now_ms)
    after = await _choices(call, call.row.id)
    await call.audit("range.choose", "account", call.row.id, call.row.id, before, after)
    return Answer(after, version=version_of(after.model_dump()))


_P = Permission
_ONE, _CHOSEN = "/ranges/{range_id}", "/accounts/{account_id}/ranges"
ENDPOINTS = [
    Endpoint(
        "range.list", "GET", "/ranges", _P.FRAUD_READ, list_ranges, "List high-risk ranges", query=RangeQuery,
        answer=Page[RangeView],
    ),
    Endpoint("range.show", "GET", _ONE, _P.FRAUD_READ, show_range, "Show a high-risk range", answer=RangeView),
    Endpoint(
        "range.make", "POST", "/ranges", _P.FRAUD_CHANGE, make_range, "List a high-risk range", NewRange,
        answer=RangeView, status=201,
    ),
    Endpoint("range.edit", "PATCH", _ONE, _P.FRAUD_CHANGE, edit_range, "Edit a high-risk range", RangeEdit,
             answer=RangeView),
    Endpoint("range.remove", "DELETE", _ONE, _P.FRAUD_CHANGE, remove_range, "Remove a high-risk range", status=204),
    Endpoint("range.chosen", "GET", _CHOSEN, _P.FRAUD_READ, show_choices, "Show the ranges that an account has open",
             answer=ChoicesView),
    Endpoint("range.choose", "PUT", _CHOSEN, _P.FRAUD_CHANGE, set_choices, "Open and close ranges for an account",
             Choices, answer=ChoicesView, below=True, of_seller=True),
]  # fmt: skip
