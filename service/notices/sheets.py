"""The file beside a notice: made when its mail is sent, in the form, the zone and the language of whoever reads it."""

from __future__ import annotations

import asyncio
import io
import re
import zipfile
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ratebook.notice import Notice
from ratebook.sheets.notice import Head, to_csv, to_xlsx
from service.database.access_tables import users
from service.database.engine import looking
from service.database.notice_tables import notice_terms, rate_notices
from service.database.tables import tariffs
from service.messages.concerned import Concerned, concerned_by
from service.messages.letters import Attachment, LetterFault
from service.notices.telling import Changes, RatesGone, Told, told_of
from service.portal.wording import language_for, say_in
from service.sellers.templates import ENGLISH
from service.tariffs.notices import terms_of

KEPT_MAX = 8
"""Files that many readers get alike."""
CSV, ZIP = "text/csv", "application/zip"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
XLSX_LINES_MAX = 50_000
"""More are CSV: a workbook of a continent takes minutes of the processor, and no mailbox takes it."""
PLAIN_BYTES_MAX = 2 << 20
"""A larger CSV is packed."""


class Wanted(NamedTuple):
    """All that makes two files different."""

    told: Told
    tariff: str
    currency: str
    format: str
    zone: str
    language: str
    concerned: Concerned

    @property
    def name(self) -> str:
        """Of the file, without what it ends with: of the day on the reader's clocks, as its mail and its lines say."""
        day = f"{datetime.fromtimestamp(self.told.takes_s, ZoneInfo(self.zone)):%Y-%m-%d}"
        return f"{re.sub('[^A-Za-z0-9._-]', '-', self.tariff)}-{day}"


class Sheets:
    """Of one service."""

    def __init__(self, engine: AsyncEngine, changes: Changes) -> None:
        self._engine = engine
        self._changes = changes
        self._kept: OrderedDict[Wanted, Attachment] = OrderedDict()

    async def files_of(self, mail: Row[Any]) -> tuple[Attachment, ...]:
        """Beside a mail; none, if it is no notice. Raises LetterFault."""
        if mail.notice_id is None:
            return ()
        async with looking(self._engine) as conn:
            wanted = await _wanted(conn, mail)
        if wanted not in self._kept:
            try:
                found = await self._changes.of(wanted.told)
            except RatesGone as fault:
                raise LetterFault(str(fault)) from fault
            self._kept[wanted] = await asyncio.to_thread(_made, wanted, found, mail.created_ms)
            if len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        self._kept.move_to_end(wanted)
        return (self._kept[wanted],)


async def _wanted(conn: AsyncConnection, mail: Row[Any]) -> Wanted:
    columns = (tariffs.c.name, tariffs.c.currency)
    query = sa.select(rate_notices, *columns).join(tariffs, tariffs.c.id == rate_notices.c.tariff_id)
    notice = (await conn.execute(query.where(rate_notices.c.id == mail.notice_id))).one()
    reader = (await conn.execute(sa.select(users).where(users.c.id == mail.fields["user_id"]))).first()
    if reader is None:
        raise LetterFault("whoever should read it is gone")
    own = sa.select(notice_terms.c.gets_format).where(notice_terms.c.account_id == mail.account_id)
    file_format = (await conn.execute(own)).scalar() or (await terms_of(conn, notice.account_id)).format
    told = await told_of(conn, notice)
    language = language_for(reader.language)
    concerned = concerned_by(mail.fields)
    return Wanted(told, notice.name, notice.currency, file_format, reader.timezone, language, concerned)


def _made(wanted: Wanted, found: list[Notice], made_ms: int) -> Attachment:
    say = say_in(wanted.language)
    head = Head(wanted.tariff, wanted.currency, wanted.zone, say, wanted.concerned.text(say))
    if wanted.format == "xlsx" and len(found) <= XLSX_LINES_MAX:
        content = to_xlsx(found, head, datetime.fromtimestamp(made_ms // 1000, UTC))
        return Attachment(f"{wanted.name}.xlsx", XLSX, content)
    content = to_csv(found, head._replace(concerned=wanted.concerned.text(say_in(ENGLISH))))
    name = f"{wanted.name}.csv"
    return Attachment(name, CSV, content) if len(content) <= PLAIN_BYTES_MAX else _packed(name, content)


def _packed(name: str, content: bytes) -> Attachment:
    """The same bytes each time."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return Attachment(f"{name}.zip", ZIP, out.getvalue())
