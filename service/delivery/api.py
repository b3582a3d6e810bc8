"""The API of deliveries of call records, and of the files that they made."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.lists import Listing, Page, equals, page_of
from service.api.problems import Problem, invalid
from service.database.delivery_tables import cdr_deliveries, cdr_files
from service.database.tables import cdrs
from service.delivery.columns import CUSTOMER, PROVIDER, SEPARATORS, columns_of
from service.delivery.periods import next_cut_ms
from service.delivery.rules import columns_problem, period_problem, side_problem, target_problem
from service.delivery.servers import fingerprint, host_key_of, server_of
from service.delivery.views import (
    DeliveryEdit,
    DeliveryMade,
    DeliveryQuery,
    DeliveryView,
    FileContent,
    FileQuery,
    FileView,
    NewDelivery,
)
from service.peers.common import changes_of, check_open, check_room
from service.webhooks.signing import new_secret

DELIVERIES_MAX = 20


_LISTING = Listing(
    "delivery",
    {"id": cdr_deliveries.c.id, "name": cdr_deliveries.c.name},
    {"account_id": equals(cdr_deliveries.c.account_id), "name": equals(cdr_deliveries.c.name)},
)
_SHOWN = sa.select(*(column for column in cdr_files.c if column is not cdr_files.c.content))
_FILES = Listing(
    "file",
    {"-id": cdr_files.c.id},
    {"state": equals(cdr_files.c.state)},
    _SHOWN,
    lambda call: cdr_files.c.delivery_id == call.row.id,
)
_WORDS = {char: word for word, char in SEPARATORS.items()}


def view_of(row: Row[Any]) -> DeliveryView:
    """Without what is secret; of servers' keys their fingerprints."""
    told = {"host_key": fingerprint(row.host_key), "fingerprint": fingerprint(row.shown_key)}
    return DeliveryView.model_validate({**row._mapping, **told, "separator": _WORDS[row.separator]})


def _file_view(row: Row[Any]) -> FileView:
    return FileView.model_validate({**row._mapping, "next_at": row.next_ms if row.state == "waiting" else None})


async def list_deliveries(call: Call) -> Answer:
    """A page of them."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[DeliveryView](items=[view_of(row) for row in rows], next=following))


async def show_delivery(call: Call) -> Answer:
    """One."""
    view = view_of(call.row)
    return Answer(view, version=view.version)


async def make_delivery(call: Call) -> Answer:
    """To a folder of this machine only by the operator's people."""
    body: NewDelivery = call.body
    account = await call.find("account", body.account_id, to_change=True)
    check_open(account)
    side = body.side or (PROVIDER if account.kind == PROVIDER else CUSTOMER)
    _refuse(
        "/account_id" if body.side is None else "/side", side_problem(side, account.kind, provides=account.provides)
    )
    values = body.model_dump() | {"side": side, "columns": body.columns or columns_of(side)}
    _check_target(call, body.way, body.target)
    _check_form(values)
    values |= _secrets(body)
    await check_room(call, cdr_deliveries, account.id, DELIVERIES_MAX)
    latest = (await call.conn.execute(sa.select(sa.func.coalesce(sa.func.max(cdrs.c.id), 0)))).scalar_one()
    values |= {"separator": SEPARATORS[body.separator], "position": latest}
    values |= {"due_ms": next_cut_ms(body.period, body.zone, call.now_ms), "created_ms": call.now_ms}
    made = await call.conn.execute(sa.insert(cdr_deliveries).values(**values).returning(cdr_deliveries))
    view = view_of(made.one())
    await call.audit("delivery.make", "delivery", view.id, account.id, None, view)
    secret = values["secret"] if body.way == "webhook" else None
    return Answer(DeliveryMade(delivery=view, secret=secret), location=f"/api/v1/deliveries/{view.id}")


def _secrets(body: NewDelivery) -> dict[str, str]:
    """By which the two sides know each other. Raises Problem."""
    if body.way != "sftp":
        _refuse("/password", "only by SFTP" if body.password else None)
        _refuse("/host_key", "only by SFTP" if body.host_key else None)
        return {"secret": new_secret() if body.way == "webhook" else ""}
    from service.delivery.sftp import new_key_pair  # noqa: PLC0415 -- a third of a second, for whoever delivers so

    pair = new_key_pair()
    host_key = read_host_key("/host_key", body.host_key) if body.host_key else ""
    return {"secret": pair.private, "public_key": pair.public, "host_key": host_key}


def read_host_key(pointer: str, text: str) -> str:
    """A key that was typed. Raises Problem."""
    try:
        return host_key_of(text)
    except ValueError as fault:
        raise invalid(pointer, str(fault)) from fault


def _check_target(call: Call, way: str, target: str) -> None:
    """Raises Problem."""
    if way == "folder" and not call.actor.is_root:
        raise Problem("forbidden", "the operator's people choose folders: name a webhook or a mail address")
    _refuse("/target", target_problem(way, target, private=call.api.config.webhooks.private_addresses))


def _check_form(values: Mapping[str, Any]) -> None:
    """What must fit together. Raises Problem."""
    _refuse("/columns", columns_problem(values["side"], values["columns"]))
    _refuse("/every_calls", period_problem(values["period"], values["every_calls"]))


def _refuse(pointer: str, problem: str | None) -> None:
    if problem is not None:
        raise invalid(pointer, problem)


async def edit_delivery(call: Call) -> Answer:
    """Changes some fields."""
    call.check_match(call.row.version)
    values = changes_of(call.body, set())
    if values.get("period", "calls") != "calls":
        values.setdefault("every_calls", 0)
    whole = dict(call.row._mapping) | values
    if "target" in values:
        _check_target(call, whole["way"], whole["target"])
    if "password" in values:
        _refuse("/password", "only by SFTP" if whole["way"] != "sftp" else None)
    _check_form(whole)
    if "separator" in values:
        values["separator"] = SEPARATORS[values["separator"]]
    if whole["way"] == "sftp" and values.keys() & {"target", "password"}:
        values = _forgotten(call, whole["target"]) | values
        await try_now(call)
    if values.keys() & {"period", "zone"}:
        values["due_ms"] = next_cut_ms(whole["period"], whole["zone"], call.now_ms)
    edited = sa.update(cdr_deliveries).where(cdr_deliveries.c.id == call.row.id)
    made = edited.values(**values, version=cdr_deliveries.c.version + 1).returning(cdr_deliveries)
    view = view_of((await call.conn.execute(made)).one())
    await call.audit("delivery.edit", "delivery", view.id, view.account_id, view_of(call.row), view)
    return Answer(view, version=view.version)


def _forgotten(call: Call, target: str) -> dict[str, str]:
    """Nobody learns a password by naming another server for it; nor is a key of one server another one's."""
    before, now = (server_of(one, private=True) for one in (call.row.target, target))
    found = {} if before[:3] == now[:3] else {"password": ""}
    return found if before[1:3] == now[1:3] else found | {"host_key": "", "shown_key": ""}


async def try_now(call: Call) -> None:
    """What waits need not wait any longer: the cause may be mended."""
    waiting = (cdr_files.c.delivery_id == call.row.id) & (cdr_files.c.state == "waiting")
    await call.conn.execute(sa.update(cdr_files).where(waiting).values(next_ms=call.now_ms))


async def remove_delivery(call: Call) -> Answer:
    """With the history of its files; what waits is not sent any more."""
    call.check_match(call.row.version)
    await call.conn.execute(sa.delete(cdr_files).where(cdr_files.c.delivery_id == call.row.id))
    await call.conn.execute(sa.delete(cdr_deliveries).where(cdr_deliveries.c.id == call.row.id))
    await call.audit("delivery.remove", "delivery", call.row.id, call.row.account_id, view_of(call.row), None)
    return Answer(status=204)


async def list_files(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _FILES)
    return Answer(Page[FileView](items=[_file_view(row) for row in rows], next=following))


async def show_file(call: Call) -> Answer:
    """What stands in it."""
    return Answer(FileContent(name=call.row.name, content=zlib.decompress(_content(call.row)).decode()))


def _content(row: Row[Any]) -> bytes:
    if row.content is None:
        raise Problem("conflict", "it was sent long ago, and its content is forgotten")
    content: bytes = row.content
    return content


async def bring_again(call: Call) -> Answer:
    """At once, with the same bytes, whatever came of it before. What is on its way stays so."""
    _content(call.row)
    values = {"state": "waiting", "next_ms": call.now_ms, "attempts": 0, "done_ms": 0}
    again = sa.update(cdr_files).where(cdr_files.c.id == call.row.id).values(**values).returning(cdr_files)
    row = (await call.conn.execute(again)).one()
    await call.audit("delivery.send-again", "file", row.id, call.of.id, None, {"name": row.name})
    return Answer(_file_view(row))


_P = Permission
_ONE = "/deliveries/{delivery_id}"
ENDPOINTS = [
    Endpoint(
        "delivery.list", "GET", "/deliveries", _P.CDRS_READ, list_deliveries, "List deliveries of call records",
        query=DeliveryQuery, answer=Page[DeliveryView],
    ),
    Endpoint("delivery.show", "GET", _ONE, _P.CDRS_READ, show_delivery, "Show a delivery", answer=DeliveryView),
    Endpoint(
        "delivery.make", "POST", "/deliveries", _P.CDRS_DELIVER, make_delivery, "Have call records delivered",
        NewDelivery, answer=DeliveryMade, status=201, key=Key.NONE,
    ),
    Endpoint(
        "delivery.edit", "PATCH", _ONE, _P.CDRS_DELIVER, edit_delivery, "Edit a delivery", DeliveryEdit,
        answer=DeliveryView,
    ),
    Endpoint("delivery.remove", "DELETE", _ONE, _P.CDRS_DELIVER, remove_delivery, "Remove a delivery", status=204),
    Endpoint(
        "delivery.files", "GET", f"{_ONE}/files", _P.CDRS_READ, list_files, "List a delivery's files",
        query=FileQuery, answer=Page[FileView],
    ),
    Endpoint(
        "delivery.show-file", "GET", "/cdr-files/{file_id}", _P.CDRS_READ, show_file, "Show what stands in a file",
        answer=FileContent,
    ),
    Endpoint(
        "delivery.send-again", "POST", "/cdr-files/{file_id}/again", _P.CDRS_DELIVER, bring_again,
        "Send a file again", answer=FileView,
    ),
]  # fmt: skip
