"""From rows of the queue to letters: the seller's template in the recipient's language, filled from the row."""

from __future__ import annotations

import zlib
import zoneinfo
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access.sessions import LINK_MS
from service.config import Config
from service.database.access_tables import users
from service.database.delivery_tables import cdr_files
from service.database.message_tables import rate_notices
from service.database.tables import accounts
from service.messages.letters import Attachment, Letter, LetterFault
from service.messages.sellers import Seller, seller_of
from service.sellers.mail import LANGUAGE, template_of
from service.sellers.templates import KINDS, fill, fill_subject

CSV = "text/csv"


class Person(NamedTuple):
    """Who reads it."""

    name: str
    email: str
    language: str = LANGUAGE
    timezone: str = "UTC"


class Composer:
    """Of one batch: what several of its mails need is looked up once."""

    def __init__(self, conn: AsyncConnection, config: Config) -> None:
        self._conn = conn
        self._config = config
        self._accounts: dict[int, Row[Any]] = {}
        self._users: dict[int, Row[Any]] = {}
        self._sellers: dict[int, Seller] = {}
        self._templates: dict[tuple[str, str, str], tuple[str, str]] = {}

    async def load(self, rows: Sequence[Row[Any]]) -> None:
        """Accounts and users of the rows."""
        found = accounts.c.id.in_({row.account_id for row in rows})
        self._accounts = {row.id: row for row in await self._conn.execute(sa.select(accounts).where(found))}
        known = users.c.id.in_({row.fields.get("user_id", 0) for row in rows})
        self._users = {row.id: row for row in await self._conn.execute(sa.select(users).where(known))}

    async def seller(self, account_id: int) -> Seller:
        """Of an account that was loaded."""
        account = self._accounts[account_id]
        number = account.parent_id or account.id
        if number not in self._sellers:
            self._sellers[number] = await seller_of(self._conn, self._config, account)
        return self._sellers[number]

    async def letter(self, row: Row[Any]) -> Letter:
        """One. Raises LetterFault: it can't be one."""
        if row.template not in KINDS:
            raise LetterFault(f"there is no template {row.template!r}")
        seller = await self.seller(row.account_id)
        user = self._users.get(row.fields.get("user_id", 0))
        person = (
            Person("", row.recipient, row.fields.get("language", LANGUAGE))
            if user is None
            else Person(user.name, user.email, user.language, user.timezone)
        )
        values = self._values(row, seller, person)
        subject, text = await self._template(seller.path, row.template, person.language)
        try:
            letter = Letter(
                sender=seller.sender,
                recipient=row.recipient,
                subject=fill_subject(subject, values),
                text=fill(text, values),
                message_id=row.message_id,
                created_ms=row.created_ms,
                language=person.language,
                unsubscribe=values.get("unsubscribe", ""),
            )
        except KeyError as fault:
            raise LetterFault(f"the mail has no value for {fault}") from fault
        return letter._replace(attachments=await self._attachments(row))

    async def _template(self, path: str, kind: str, language: str) -> tuple[str, str]:
        key = path, kind, language
        if key not in self._templates:
            self._templates[key] = await template_of(self._conn, path, kind, language)
        return self._templates[key]

    def _values(self, row: Row[Any], seller: Seller, person: Person) -> dict[str, str]:
        """What may stand in its template."""
        account = self._accounts[row.account_id]
        return {
            "company": seller.sender.company,
            "company_address": seller.sender.company_address,
            "account": account.name,
            "name": person.name or account.name,
            "email": person.email,
            "portal": seller.sender.portal,
            **values_of(row.template, row.fields, seller.sender.portal, row.created_ms, person.timezone),
        }

    async def _attachments(self, row: Row[Any]) -> tuple[Attachment, ...]:
        fields = row.fields
        if "file_id" in fields:
            table, number, name = cdr_files, fields["file_id"], fields["name"]
        elif "notice_id" in fields:
            table, number, name = rate_notices, fields["notice_id"], "rates.csv"
        else:
            return ()
        content = (await self._conn.execute(sa.select(table.c.content).where(table.c.id == number))).scalar()
        if content is None:
            raise LetterFault(f"{name} is not kept any more")
        return (Attachment(name, CSV, zlib.decompress(content)),)


def values_of(kind: str, fields: Mapping[str, Any], portal: str, created_ms: int, zone: str) -> dict[str, str]:
    """What a mail's fields say, as its template has it."""
    values = {name: str(value) for name, value in fields.items() if name in KINDS[kind].placeholders}
    if "link" in fields:
        values["link"] = f"{portal}/password?link={fields['link']}"
        purpose = "reset" if kind == "reset" else "invitation"
        values["expires"] = moment_text(created_ms + LINK_MS[purpose], zone)
    if "unsubscribe" in fields:
        values["unsubscribe"] = f"{portal}/unsubscribe/{fields['unsubscribe']}"
    if "effective_ms" in fields:
        values["effective"] = moment_text(fields["effective_ms"], zone)
    if "file_id" in fields:
        values["file"] = str(fields["name"])
    return values


def moment_text(wall_ms: int, zone: str) -> str:
    """A minute, as its reader's clock shows it."""
    return f"{datetime.fromtimestamp(wall_ms // 1000, zoneinfo.ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}"
