"""The API of reports by mail: what is summed up, how often, for whom."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, contains, equals, page_of
from service.api.problems import invalid
from service.database.access_tables import users
from service.database.portal_tables import report_schedules
from service.peers.common import changes_of, check_open
from service.reports.scheduled.periods import next_due_ms
from service.reports.scheduled.views import NewSchedule, ScheduleEdit, ScheduleQuery, ScheduleView

_C = report_schedules.c
_LISTING = Listing(
    "report-schedule",
    {"name": _C.name, "due": _C.due_ms},
    {"account_id": equals(_C.account_id), "name": contains(_C.name), "state": equals(_C.state)},
)
_ASKED = ("by", "account_id", "currency")


async def list_schedules(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[ScheduleView](items=[ScheduleView.model_validate(row) for row in rows], next=following))


async def show_schedule(call: Call) -> Answer:
    """One."""
    return _shown(call.row)


def _shown(row: Row[Any]) -> Answer:
    view = ScheduleView.model_validate(row)
    return Answer(view, version=view.version)


async def make_schedule(call: Call) -> Answer:
    """The first one is of the period that ends next."""
    body: NewSchedule = call.body
    account = await call.find("account", body.for_account_id or call.actor.account_id, to_change=True)
    check_open(account)
    if body.account_id is not None:
        of = await call.find("account", body.account_id)
        if not of.path.startswith(account.path):
            raise invalid("/account_id", "this account does not stand below the one that gets the report")
    await _check_recipients(call, account.id, body.recipients)
    query = {name: getattr(body, name) for name in _ASKED}
    values = {**body.model_dump(exclude={*_ASKED, "for_account_id"}), "query": query, "account_id": account.id}
    values |= {"due_ms": next_due_ms(body.period, body.hour, body.zone, call.now_ms), "actor": call.actor.name}
    insert = sa.insert(report_schedules).values(**values, created_ms=call.now_ms)
    row = (await call.conn.execute(insert.returning(report_schedules))).one()
    await call.audit(
        "report-schedule.make", "report-schedule", row.id, account.id, None, ScheduleView.model_validate(row)
    )
    return _shown(row)._replace(location=f"/api/v1/report-schedules/{row.id}")


async def _check_recipients(call: Call, account_id: int, numbers: list[int]) -> None:
    """Raises Problem."""
    own = sa.select(users.c.id).where((users.c.account_id == account_id) & users.c.id.in_(numbers))
    strangers = {*numbers} - {*(await call.conn.execute(own)).scalars()}
    if strangers:
        raise invalid("/recipients", f"user {min(strangers)} is nobody of the account that gets the report")


async def edit_schedule(call: Call) -> Answer:
    """From the next one on. What was paused goes on with the period that ends next."""
    body: ScheduleEdit = call.body
    call.check_match(call.row.version)
    if body.recipients is not None:
        await _check_recipients(call, call.of.id, body.recipients)
    values = changes_of(body, set())
    whole = {**call.row._mapping, **values}
    if {"period", "hour", "zone"} & values.keys() or (call.row.state, whole["state"]) == ("paused", "active"):
        values["due_ms"] = next_due_ms(whole["period"], whole["hour"], whole["zone"], call.now_ms)
    edited = sa.update(report_schedules).where(_C.id == call.row.id).values(**values, version=_C.version + 1)
    row = (await call.conn.execute(edited.returning(report_schedules))).one()
    before, after = ScheduleView.model_validate(call.row), ScheduleView.model_validate(row)
    await call.audit("report-schedule.edit", "report-schedule", row.id, row.account_id, before, after)
    return _shown(row)


async def remove_schedule(call: Call) -> Answer:
    """What was mailed is."""
    await call.conn.execute(sa.delete(report_schedules).where(_C.id == call.row.id))
    before = ScheduleView.model_validate(call.row)
    await call.audit("report-schedule.remove", "report-schedule", call.row.id, call.row.account_id, before, None)
    return Answer(status=204)


_P = Permission
_ALL, _ONE = "/report-schedules", "/report-schedules/{report_schedule_id}"
ENDPOINTS = [
    Endpoint(
        "report-schedule.list", "GET", _ALL, _P.CDRS_READ, list_schedules, "List reports by mail",
        query=ScheduleQuery, answer=Page[ScheduleView],
    ),
    Endpoint(
        "report-schedule.show", "GET", _ONE, _P.CDRS_READ, show_schedule, "Show a report by mail", answer=ScheduleView
    ),
    Endpoint(
        "report-schedule.make", "POST", _ALL, _P.CDRS_DELIVER, make_schedule, "Have a report mailed", NewSchedule,
        answer=ScheduleView, status=201,
    ),
    Endpoint(
        "report-schedule.edit", "PATCH", _ONE, _P.CDRS_DELIVER, edit_schedule, "Edit, pause or resume a report by mail",
        ScheduleEdit, answer=ScheduleView,
    ),
    Endpoint(
        "report-schedule.remove", "DELETE", _ONE, _P.CDRS_DELIVER, remove_schedule, "Remove a report by mail",
        status=204,
    ),
]  # fmt: skip
