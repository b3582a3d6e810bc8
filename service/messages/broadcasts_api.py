"""The API of broadcasts: written, counted and tried out, then sent, held and ended."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.lists import Listing, Page, contains, equals, page_of
from service.api.problems import FieldError, Problem
from service.database.access_tables import mails
from service.database.message_tables import broadcasts
from service.messages.broadcasting import MAY, TEMPLATE, chosen_of, move, stopped_among
from service.messages.composing import common_values
from service.messages.mails_api import MAILS, mail_view
from service.messages.sellers import seller_of
from service.messages.trying import first_person, mail_to_oneself
from service.messages.views import (
    BroadcastCount,
    BroadcastEdit,
    BroadcastQuery,
    BroadcastView,
    MailQuery,
    MailView,
    NewBroadcast,
    OfAccount,
    Sample,
    Start,
)
from service.peers.common import changes_of, check_open
from service.sellers.brand import check_sells
from service.sellers.mail import Mail, template_of
from service.sellers.templates import fill, fill_subject, message_problem

SAMPLE_ROWS = 10
_LISTING = Listing(
    "broadcast",
    {"-id": broadcasts.c.id, "name": broadcasts.c.name},
    {
        "account_id": equals(broadcasts.c.account_id),
        "name": contains(broadcasts.c.name),
        "state": equals(broadcasts.c.state),
    },
)
_RECIPIENTS = MAILS._replace(where=lambda call: mails.c.broadcast_id == call.row.id)


async def list_broadcasts(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[BroadcastView](items=[BroadcastView.model_validate(row) for row in rows], next=following))


async def show_broadcast(call: Call) -> Answer:
    """One, and how far it is."""
    return await _shown(call, call.row)


async def _shown(call: Call, row: Row[Any]) -> Answer:
    view = BroadcastView.model_validate(row)
    of = sa.select(mails.c.state, sa.func.count().label("mails")).where(mails.c.broadcast_id == row.id)
    states: dict[str, int] = {one.state: one.mails for one in await call.conn.execute(of.group_by(mails.c.state))}
    count = await _count(call, row) if row.state in {"draft", "scheduled"} else sum(states.values())
    return Answer(BroadcastCount(broadcast=view, recipients=count, mails=states), version=view.version)


async def _count(call: Call, row: Row[Any]) -> int:
    people = (await chosen_of(call.conn, row)).people().order_by(None).subquery()
    return int((await call.conn.execute(sa.select(sa.func.count()).select_from(people))).scalar_one())


def _check_texts(subject: str, text: str) -> None:
    """Raises Problem."""
    found = {"/subject": message_problem(subject), "/text": message_problem(text)}
    errors = [FieldError("body", pointer, problem) for pointer, problem in found.items() if problem is not None]
    if errors:
        raise Problem("invalid", errors=errors)


async def make_broadcast(call: Call) -> Answer:
    """A draft: nothing is sent yet."""
    body: NewBroadcast = call.body
    account = await call.find("account", body.account_id, to_change=True)
    check_sells(account)
    check_open(account)
    _check_texts(body.subject, body.text)
    values = {**body.model_dump(), "actor": call.actor.name, "created_ms": call.now_ms}
    made = await call.conn.execute(sa.insert(broadcasts).values(**values).returning(broadcasts))
    row = made.one()
    await call.audit("broadcast.make", "broadcast", row.id, account.id, None, BroadcastView.model_validate(row))
    return (await _shown(call, row))._replace(location=f"/api/v1/broadcasts/{row.id}")


async def edit_broadcast(call: Call) -> Answer:
    """While it is a draft."""
    call.check_match(call.row.version)
    _check_state(call, "start", "be edited")
    values = changes_of(call.body, set())
    if "audience" in values:
        values["audience"] = values["audience"].model_dump()
    whole = dict(call.row._mapping) | values
    _check_texts(whole["subject"], whole["text"])
    edited = sa.update(broadcasts).where(broadcasts.c.id == call.row.id)
    edited = edited.values(**values, version=broadcasts.c.version + 1)
    return await _changed(call, "edit", (await call.conn.execute(edited.returning(broadcasts))).one())


async def _changed(call: Call, verb: str, row: Row[Any]) -> Answer:
    before, after = BroadcastView.model_validate(call.row), BroadcastView.model_validate(row)
    await call.audit(f"broadcast.{verb}", "broadcast", row.id, row.account_id, before, after)
    return await _shown(call, row)


def _check_state(call: Call, deed: str, words: str) -> None:
    """Raises Problem."""
    if call.row.state not in MAY[deed]:
        raise Problem("conflict", f"it is {call.row.state}, and can't {words} any more")


async def _check_active(call: Call) -> None:
    """Raises Problem."""
    if await stopped_among(call.conn, [call.of.path]):
        raise Problem("conflict", "who sends it, or stands above, is suspended: it can be sent when that is over")


async def sample_broadcast(call: Call) -> Answer:
    """How many would get it now, and some of them."""
    people = (await chosen_of(call.conn, call.row)).people().limit(SAMPLE_ROWS)
    sample = [row.email for row in await call.conn.execute(people)]
    return Answer(Sample(recipients=await _count(call, call.row), sample=sample))


async def preview_broadcast(call: Call) -> Answer:
    """As an account's people would read it."""
    body: OfAccount = call.body
    account = await call.find("account", body.account_id)
    if account.id == call.of.id or not account.path.startswith(call.of.path):
        raise Problem("conflict", "it goes to accounts below its sender: name one of them")
    seller = await seller_of(call.conn, call.api.config, account)
    person = await first_person(call.conn, account.id)
    values = common_values(account, seller, person)
    values |= {"subject": fill_subject(call.row.subject, values), "message": fill(call.row.text, values)}
    values["unsubscribe"] = f"{seller.sender.portal}/unsubscribe/…"
    subject, text = await template_of(call.conn, seller.path, TEMPLATE, person.language)
    return Answer(Mail(subject=fill_subject(subject, values), text=fill(text, values)))


async def try_broadcast(call: Call) -> Answer:
    """One mail to whoever asks, in the name that customers will read."""
    view = await mail_to_oneself(call, TEMPLATE, {"trial_of": call.row.id, "seller_id": call.of.id})
    await call.audit("broadcast.try", "broadcast", call.row.id, call.of.id, None, {"recipient": view.recipient})
    return Answer(view)


async def start_broadcast(call: Call) -> Answer:
    """Now, or at its moment."""
    call.check_match(call.row.version)
    return await _moved(call, "start", "be started", call.body.at or call.now_ms)


async def pause_broadcast(call: Call) -> Answer:
    """Those that are just being handed over still go."""
    return await _moved(call, "pause", "be paused")


async def resume_broadcast(call: Call) -> Answer:
    """At the pace it had."""
    return await _moved(call, "resume", "be resumed")


async def cancel_broadcast(call: Call) -> Answer:
    """What was not sent yet never is."""
    return await _moved(call, "cancel", "be cancelled")


async def _moved(call: Call, deed: str, words: str, start_ms: int = 0) -> Answer:
    """Raises Problem."""
    _check_state(call, deed, words)
    if deed in {"start", "resume"}:
        await _check_active(call)
    return await _changed(call, deed, await move(call.conn, call.row, deed, call.now_ms, start_ms))


async def list_recipients(call: Call) -> Answer:
    """A page of its mails."""
    rows, following = await page_of(call, _RECIPIENTS)
    return Answer(Page[MailView](items=[mail_view(row) for row in rows], next=following))


_P = Permission
_ALL, _ONE = "/broadcasts", "/broadcasts/{broadcast_id}"
ENDPOINTS: list[Endpoint] = [
    Endpoint(
        "broadcast.list", "GET", _ALL, _P.MESSAGES_READ, list_broadcasts, "List broadcasts", query=BroadcastQuery,
        answer=Page[BroadcastView],
    ),
    Endpoint(
        "broadcast.show", "GET", _ONE, _P.MESSAGES_READ, show_broadcast, "Show a broadcast", answer=BroadcastCount
    ),
    Endpoint(
        "broadcast.make", "POST", _ALL, _P.MESSAGES_CHANGE, make_broadcast, "Write a broadcast", NewBroadcast,
        answer=BroadcastCount, status=201,
    ),
    Endpoint(
        "broadcast.edit", "PATCH", _ONE, _P.MESSAGES_CHANGE, edit_broadcast, "Edit a draft", BroadcastEdit,
        answer=BroadcastCount,
    ),
    Endpoint(
        "broadcast.sample", "GET", f"{_ONE}/sample", _P.MESSAGES_READ, sample_broadcast, "Count who would get it",
        answer=Sample,
    ),
    Endpoint(
        "broadcast.preview", "POST", f"{_ONE}/preview", _P.MESSAGES_READ, preview_broadcast, "Preview a broadcast",
        OfAccount, answer=Mail, reads=True,
    ),
    Endpoint(
        "broadcast.try", "POST", f"{_ONE}/trial", _P.MESSAGES_CHANGE, try_broadcast, "Mail a broadcast to oneself",
        answer=MailView, key=Key.NONE,
    ),
    Endpoint(
        "broadcast.start", "POST", f"{_ONE}/start", _P.MESSAGES_CHANGE, start_broadcast, "Send a broadcast", Start,
        answer=BroadcastCount,
    ),
    Endpoint(
        "broadcast.pause", "POST", f"{_ONE}/pause", _P.MESSAGES_CHANGE, pause_broadcast, "Pause a broadcast",
        answer=BroadcastCount,
    ),
    Endpoint(
        "broadcast.resume", "POST", f"{_ONE}/resume", _P.MESSAGES_CHANGE, resume_broadcast, "Resume a broadcast",
        answer=BroadcastCount,
    ),
    Endpoint(
        "broadcast.cancel", "POST", f"{_ONE}/cancel", _P.MESSAGES_CHANGE, cancel_broadcast, "Cancel a broadcast",
        answer=BroadcastCount,
    ),
    Endpoint(
        "broadcast.recipients", "GET", f"{_ONE}/recipients", _P.MESSAGES_READ, list_recipients,
        "List a broadcast's mails", query=MailQuery, answer=Page[MailView],
    ),
]  # fmt: skip
