"""The file beside a report's mail: summed up when it is sent, by the endpoint itself, as its reader may see it then."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ratebook.sheets.write import Column, Sheet, inert, workbook
from service.access.actor import Actor
from service.access.sessions import Sessions
from service.access.standing import roles_of_user, standing_of
from service.api.call import Api, Asking
from service.api.dispatch import Inner
from service.api.lists import PAGE_ROWS_MAX, Page
from service.api.problems import Problem
from service.api.values import moment_text
from service.config import Config
from service.database.access_tables import users
from service.database.engine import looking
from service.database.tables import accounts
from service.messages.letters import Attachment, LetterFault
from service.reports.scheduled.mailing import TEMPLATE
from service.reports.summary_api import ENDPOINTS, SummaryRow

ROWS_MAX = 50_000
SUMMARY = next(one for one in ENDPOINTS if one.name == "report.summary")
TYPES = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
WIDTHS = {"name": 36, "at": 26}
TEXTS = frozenset({"name", "at", "currency"})


class ReportFiles:
    """Of one service."""

    def __init__(self, engine: AsyncEngine, config: Config) -> None:
        self._api = Api(config, engine, Sessions())

    async def files_of(self, mail: Row[Any]) -> tuple[Attachment, ...]:
        """Beside a mail; none, if it is no report. Raises LetterFault."""
        if mail.template != TEMPLATE or "schedule_id" not in mail.fields:
            return ()
        async with looking(self._api.engine) as conn:
            actor = await _reader(conn, mail.fields["user_id"])
            rows = await _rows(Inner(self._api, actor, conn, mail.created_ms), mail.fields)
        return (await asyncio.to_thread(_made, mail.fields, rows, mail.created_ms),)


async def _reader(conn: AsyncConnection, user_id: int) -> Actor:
    """Who reads it, with what they may now."""
    query = sa.select(users, accounts.c.path).join(accounts, accounts.c.id == users.c.account_id)
    user = (await conn.execute(query.where((users.c.id == user_id) & (users.c.state == "active")))).first()
    if user is None:
        raise LetterFault("whoever should read it is gone")
    may = (await standing_of(conn, user.path)).of_user(await roles_of_user(conn, user.id))
    return Actor(user.id, user.email, user.account_id, user.path, may, "")


async def _rows(inner: Inner, fields: Mapping[str, Any]) -> list[SummaryRow]:
    """All of them. Raises LetterFault."""
    period = {"since": moment_text(fields["since_ms"]), "until": moment_text(fields["until_ms"])}
    query = {name: str(value) for name, value in {**fields["query"], **period}.items() if value}
    rows: list[SummaryRow] = []
    while True:
        asking = Asking({}, query=(*query.items(), ("limit", str(PAGE_ROWS_MAX))))
        try:
            page = (await inner.ask(SUMMARY, asking)).body
        except Problem as problem:
            raise LetterFault(f"{problem.title}: {problem.detail}") from problem
        assert isinstance(page, Page)
        rows += page.items
        if page.next is None:
            return rows
        if len(rows) >= ROWS_MAX:
            raise LetterFault(f"more than {ROWS_MAX} rows: sum up by something else")
        query["cursor"] = page.next


def _made(fields: Mapping[str, Any], rows: list[SummaryRow], made_ms: int) -> Attachment:
    has_margin = any(one.margin is not None for one in rows)
    names = [name for name in SummaryRow.model_fields if has_margin or name != "margin"]
    cells = [[_cell(row[name]) for name in names] for row in (one.model_dump(mode="json") for one in rows)]
    file = f"report-{fields['query']['by']}-{fields['since']}.{fields['format']}"
    if fields["format"] == "csv":
        out = io.StringIO()
        csv.writer(out, lineterminator="\r\n").writerows([names, *cells])
        return Attachment(file, TYPES["csv"], out.getvalue().encode())
    columns = [Column(name, WIDTHS.get(name, 14), name not in TEXTS) for name in names]
    sheet = Sheet("Report", fields["report"], f"{fields['since']} to {fields['until']} ({fields['zone']})", columns)
    made_at = datetime.fromtimestamp(made_ms // 1000, UTC)
    return Attachment(file, TYPES["xlsx"], workbook(sheet, cells, made_at))


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text if text.removeprefix("-").replace(".", "", 1).isdecimal() else inert(text)
