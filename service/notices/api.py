"""The API of notices of rates that change: looked at before, sent earlier, called off, and what came of each mail."""

from __future__ import annotations

from collections import Counter
from typing import Any

import sqlalchemy as sa

from ratebook.notice import Notice
from ratebook.sheets.notice import increments_text, rate_text
from service.access.permissions import Permission
from service.access.readers import readers_of
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, equals, page_of
from service.api.problems import Problem
from service.database.access_tables import mails
from service.database.engine import looking
from service.database.notice_tables import rate_notices
from service.database.tables import accounts, tariffs
from service.messages.composing import Person, common_values, values_of
from service.messages.concerned import Concerned
from service.messages.mails_api import MAILS, mail_view
from service.messages.sellers import seller_of
from service.messages.views import MailQuery, MailView
from service.notices.gathering import TEMPLATE, said
from service.notices.payers import concerned_of, told_by
from service.notices.telling import Changes, RatesGone, told_of
from service.notices.views import (
    CHANGES_SHOWN_MAX,
    ChangedRate,
    ChangedRates,
    NamedThing,
    NoticeCount,
    NoticeQuery,
    NoticeSample,
    NoticeView,
    Payer,
    ToAccount,
)
from service.sellers.mail import Mail, template_of
from service.sellers.reading import read_in
from service.sellers.templates import fill, fill_subject
from service.tariffs.notices import UNSENT, stop

SAMPLE_ROWS = 10
_C = rate_notices.c
_SELECT = sa.select(rate_notices, tariffs.c.name.label("tariff")).join(tariffs, tariffs.c.id == _C.tariff_id)
_LISTING = Listing(
    "rate-notice",
    {"-id": _C.id, "due": _C.due_ms},
    {"account_id": equals(_C.account_id), "tariff_id": equals(_C.tariff_id), "state": equals(_C.state)},
    _SELECT,
)
_RECIPIENTS = MAILS._replace(where=lambda call: mails.c.notice_id == call.row.id)


async def list_notices(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[NoticeView](items=[NoticeView.model_validate(row) for row in rows], next=following))


async def show_notice(call: Call) -> Answer:
    """One, and how far it is."""
    row = (await call.conn.execute(_SELECT.where(_C.id == call.row.id))).one()
    of = sa.select(mails.c.state, sa.func.count().label("mails")).where(mails.c.notice_id == row.id)
    states: dict[str, int] = {one.state: one.mails for one in await call.conn.execute(of.group_by(mails.c.state))}
    view = NoticeView.model_validate(row)
    return Answer(NoticeCount(notice=view, payers=await _count(call), mails=states), version=view.version)


async def _count(call: Call) -> int:
    found = told_by(call.row).order_by(None).subquery()
    return int((await call.conn.execute(sa.select(sa.func.count()).select_from(found))).scalar_one())


async def sample_notice(call: Call) -> Answer:
    """How many accounts would be told now, and some of them with their readers."""
    ids = list((await call.conn.execute(told_by(call.row).limit(SAMPLE_ROWS))).scalars())
    people = await readers_of(call.conn, ids, Permission.TARIFFS_READ)
    names = await call.find_all("account", ids)
    concerned = await concerned_of(call.conn, call.row, ids)
    sample = [
        Payer(
            account_id=number, account=names[number].name, recipients=[user.email for user in people[number]],
            **_concerned_fields(concerned.get(number, Concerned())),
        )
        for number in ids
    ]  # fmt: skip
    return Answer(NoticeSample(payers=await _count(call), sample=sample))


def _concerned_fields(told: Concerned) -> dict[str, Any]:
    return {"things": [NamedThing(noun=one.noun, name=one.name) for one in told.things], "further": told.further}


async def show_changes(call: Call) -> Answer:
    """What stands in the file, as far as it is known now."""
    tariff = (await call.conn.execute(sa.select(tariffs).where(tariffs.c.id == call.row.tariff_id))).one()
    found = await _changes(call)
    return Answer(
        ChangedRates(
            currency=tariff.currency,
            total=len(found),
            counts=dict(sorted(Counter(one.direction.value for one in found).items())),
            items=[_changed(one) for one in found[:CHANGES_SHOWN_MAX]],
        )
    )


async def _changes(call: Call) -> list[Notice]:
    """Raises Problem: nobody can tell any more."""
    async with looking(call.api.engine) as conn:
        told = await told_of(conn, call.row)
    try:
        return await Changes(call.api.config).of(told)
    except RatesGone as fault:
        raise Problem("conflict", str(fault)) from fault


def _changed(one: Notice) -> ChangedRate:
    return ChangedRate(
        prefix=one.prefix, destination=one.destination, direction=one.direction.value, before=rate_text(one.before),
        after=rate_text(one.after), increments_before=increments_text(one.before),
        increments_after=increments_text(one.after), effective_at=one.from_s * 1000,
        until=None if one.until_s is None else one.until_s * 1000, band=one.band,
    )  # fmt: skip


async def preview_notice(call: Call) -> Answer:
    """As an account's people would read it."""
    body: ToAccount = call.body
    account = await call.find("account", body.account_id)
    is_payer = told_by(call.row).where(accounts.c.id == account.id)
    if (await call.conn.execute(is_payer)).first() is None:
        raise Problem("conflict", "its prices don't change, or it wants no notice: name an account of the sample")
    found = await _changes(call)
    effective_ms = min((one.from_s * 1000 for one in found), default=call.row.effective_ms)
    tariff = (await call.conn.execute(sa.select(tariffs.c.name).where(tariffs.c.id == call.row.tariff_id))).scalar_one()
    reader = await _reader(call, account.id)
    seller = await seller_of(call.conn, call.api.config, account)
    values = common_values(account, seller, reader)
    concerned = (await concerned_of(call.conn, call.row, [account.id])).get(account.id, Concerned())
    told = said(tariff, len(found), effective_ms, reader.timezone) | concerned.fields()
    values |= read_in(values_of(TEMPLATE, told, values, call.now_ms, reader), reader.language)
    subject, text = await template_of(call.conn, seller.path, TEMPLATE, reader.language)
    return Answer(Mail(subject=fill_subject(subject, values), text=fill(text, values)))


async def _reader(call: Call, account_id: int) -> Person:
    """The first one of an account; nobody: somebody without a name."""
    found = (await readers_of(call.conn, [account_id], Permission.TARIFFS_READ))[account_id]
    return Person(found[0].name, found[0].email, found[0].language, found[0].timezone) if found else Person("", "")


async def start_notice(call: Call) -> Answer:
    """Now, ahead of its moment."""
    call.check_match(call.row.version)
    if call.row.state != "waiting":
        raise Problem("conflict", f"it is {call.row.state}: only what waits can be sent earlier")
    moved = sa.update(rate_notices).where(_C.id == call.row.id)
    await call.conn.execute(moved.values(due_ms=call.now_ms, version=_C.version + 1))
    return await _done(call, "start")


async def cancel_notice(call: Call) -> Answer:
    """Whoever was not told yet never is; the rates change all the same."""
    if call.row.state not in UNSENT:
        raise Problem("conflict", f"it is {call.row.state}: there is nobody left to tell")
    await stop(call.conn, _C.id == call.row.id, f"by {call.actor.name}", call.now_ms)
    return await _done(call, "cancel")


async def _done(call: Call, verb: str) -> Answer:
    answer = await show_notice(call)
    row = call.row
    told = {"state": row.state, "due_ms": row.due_ms}
    await call.audit(f"rate-notice.{verb}", "rate-notice", row.id, row.account_id, told, answer.body)
    return answer


async def list_recipients(call: Call) -> Answer:
    """A page of its mails."""
    rows, following = await page_of(call, _RECIPIENTS)
    return Answer(Page[MailView](items=[mail_view(row) for row in rows], next=following))


_P = Permission
_ALL, _ONE = "/rate-notices", "/rate-notices/{rate_notice_id}"
ENDPOINTS: list[Endpoint] = [
    Endpoint(
        "rate-notice.list", "GET", _ALL, _P.MESSAGES_READ, list_notices, "List notices of rates that change",
        query=NoticeQuery, answer=Page[NoticeView],
    ),
    Endpoint(
        "rate-notice.show", "GET", _ONE, _P.MESSAGES_READ, show_notice, "Show a notice", answer=NoticeCount
    ),
    Endpoint(
        "rate-notice.sample", "GET", f"{_ONE}/sample", _P.MESSAGES_READ, sample_notice, "Count who would be told",
        answer=NoticeSample,
    ),
    Endpoint(
        "rate-notice.changes", "GET", f"{_ONE}/changes", _P.TARIFFS_READ, show_changes, "Show what a notice tells of",
        answer=ChangedRates,
    ),
    Endpoint(
        "rate-notice.preview", "POST", f"{_ONE}/preview", _P.MESSAGES_READ, preview_notice, "Preview a notice",
        ToAccount, answer=Mail, reads=True,
    ),
    Endpoint(
        "rate-notice.start", "POST", f"{_ONE}/start", _P.MESSAGES_CHANGE, start_notice, "Send a notice now",
        answer=NoticeCount,
    ),
    Endpoint(
        "rate-notice.cancel", "POST", f"{_ONE}/cancel", _P.MESSAGES_CHANGE, cancel_notice, "Call a notice off",
        answer=NoticeCount,
    ),
    Endpoint(
        "rate-notice.recipients", "GET", f"{_ONE}/recipients", _P.MESSAGES_READ, list_recipients,
        "List a notice's mails", query=MailQuery, answer=Page[MailView],
    ),
]  # fmt: skip
