"""From rows of the queue to letters: the seller's template in the recipient's language, filled from the row."""

from __future__ import annotations

import re
import zlib
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access.sessions import LINK_MS
from service.config import Config
from service.database.access_tables import users
from service.database.delivery_tables import cdr_files
from service.database.message_tables import broadcasts
from service.database.tables import accounts
from service.doctor.sentences import Sentence
from service.messages.audience import still_want
from service.messages.concerned import concerned_by
from service.messages.letters import Attachment, Letter, LetterFault
from service.messages.sellers import Seller, seller_named, sender_of
from service.portal.wording import language_for, say_in, sentence_in
from service.sellers.mail import LANGUAGE, template_of
from service.sellers.reading import read_in
from service.sellers.templates import COMMON, KINDS, fill, fill_subject

CSV = "text/csv"
_LEADS_ON = re.compile(r"(?<=[.:\\\u2024\u3002\uff0e\uff1a\uff61])(?=\S)")
"""Within addresses of pages, mailboxes and servers, with the dots that browsers take for theirs (UTS 46)."""


class Person(NamedTuple):
    """Who reads it."""

    name: str
    email: str
    language: str = LANGUAGE
    timezone: str = "UTC"


class LeftOut(LetterFault):
    """Whoever should get it does not want it, or is gone."""


class Composer:
    """Of one batch: what several of its mails need is looked up once."""

    def __init__(self, conn: AsyncConnection, config: Config) -> None:
        self._conn = conn
        self._config = config
        self._accounts: dict[int, Row[Any]] = {}
        self._users: dict[int, Row[Any]] = {}
        self._broadcasts: dict[int, Row[Any]] = {}
        self._wanting: set[int] = set()
        self._sellers: dict[int, Seller] = {}
        self._templates: dict[tuple[str, str, str], tuple[str, str]] = {}

    async def load(self, rows: Sequence[Row[Any]]) -> None:
        """Accounts, users and broadcasts of the rows."""
        known = users.c.id.in_({row.fields.get("user_id", 0) for row in rows})
        self._users = {row.id: row for row in await self._conn.execute(sa.select(users).where(known))}
        said = broadcasts.c.id.in_({row.broadcast_id or row.fields.get("trial_of", 0) for row in rows})
        self._broadcasts = {row.id: row for row in await self._conn.execute(sa.select(broadcasts).where(said))}
        named = {one for row in rows for one in (row.account_id, row.fields.get("seller_id", 0))}
        found = accounts.c.id.in_(named | {row.account_id for row in self._broadcasts.values()})
        self._accounts = {row.id: row for row in await self._conn.execute(sa.select(accounts).where(found))}
        if self._broadcasts:
            self._wanting = {row.id for row in await self._conn.execute(still_want({*self._users}))}

    async def seller(self, row: Row[Any]) -> Seller:
        """In whose name a mail is: its account's seller's; what is tried has the name that customers would read."""
        account = self._accounts[row.account_id]
        number = row.fields.get("seller_id") or account.parent_id or account.id
        if number not in self._sellers:
            self._sellers[number] = await seller_named(self._conn, self._config, number)
        return self._sellers[number]

    async def letter(self, row: Row[Any]) -> Letter:
        """One. Raises LetterFault: it can't be one."""
        if row.broadcast_id and row.fields.get("user_id") not in self._wanting:
            raise LeftOut("they want none any more, or can't sign in any more")
        if row.broadcast_id and not self._is_writers(row):
            raise LeftOut("the account was moved away from who writes it")
        if row.template not in KINDS:
            raise LetterFault(f"there is no template {row.template!r}")
        if "drafted" in row.fields:
            return await self._trial(row)
        seller = await self.seller(row)
        user = self._users.get(row.fields.get("user_id", 0))
        person = Person("", row.recipient, row.fields.get("language", LANGUAGE))
        if user is not None:
            person = Person(user.name, user.email, user.language, user.timezone)
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

    def _is_writers(self, row: Row[Any]) -> bool:
        """Whether a broadcast's account still stands below who writes it: else another seller's name would be on it."""
        writer = self._accounts[self._broadcasts[row.broadcast_id].account_id]
        return bool(self._accounts[row.account_id].path.startswith(writer.path))

    async def _trial(self, row: Row[Any]) -> Letter:
        """Of a template that somebody mails to themselves: its text as they saw it, in the name that it is for."""
        said = row.fields["drafted"]
        return Letter(
            sender=await sender_of(self._conn, self._config, self._accounts[row.fields["seller_id"]]),
            recipient=row.recipient,
            subject=said["subject"],
            text=said["text"],
            message_id=row.message_id,
            created_ms=row.created_ms,
            language=said["language"],
        )

    async def _template(self, path: str, kind: str, language: str) -> tuple[str, str]:
        key = path, kind, language
        if key not in self._templates:
            self._templates[key] = await template_of(self._conn, path, kind, language)
        return self._templates[key]

    def _values(self, row: Row[Any], seller: Seller, person: Person) -> dict[str, str]:
        """What may stand in its template."""
        values = common_values(self._accounts[row.account_id], seller, person)
        own = values_of(row.template, row.fields, values, row.created_ms, person)
        values |= read_in(own, person.language)
        number = row.broadcast_id or row.fields.get("trial_of")
        if number:
            said = self._broadcasts[number]
            values |= {"subject": fill_subject(said.subject, values), "message": fill(said.text, values)}
            key = row.fields.get("key", "")
            values["unsubscribe"] = f"{seller.sender.portal}/unsubscribe/{row.id}-{key}" if key else ""
        return values

    async def _attachments(self, row: Row[Any]) -> tuple[Attachment, ...]:
        fields = row.fields
        if "file_id" not in fields:
            return ()
        kept = sa.select(cdr_files.c.content).where(cdr_files.c.id == fields["file_id"])
        content = (await self._conn.execute(kept)).scalar()
        if content is None:
            raise LetterFault(f"{fields['name']} is not kept any more")
        return (Attachment(fields["name"], CSV, zlib.decompress(content)),)


def common_values(account: Row[Any], seller: Seller, person: Person) -> dict[str, str]:
    """What every mail can say."""
    return {
        "company": seller.sender.company,
        "company_address": seller.sender.company_address,
        "account": account.name,
        "name": called(person) or account.name,
        "email": person.email,
        "portal": seller.sender.portal,
    }


def called(person: Person) -> str:
    """A name as mails say it: whoever may invite people writes it, and programs make links of what looks like one. So
    what would lead on stands behind a blank; somebody's own address stays.
    """
    return person.name if person.name == person.email else _LEADS_ON.sub(" ", person.name)


def values_of(
    kind: str, fields: Mapping[str, Any], common: Mapping[str, str], created_ms: int, person: Person
) -> dict[str, str]:
    """What a mail's fields say, as its template has it; `common`: what every mail can say."""
    own = KINDS[kind].placeholders.keys() - COMMON
    values = {name: str(value) for name, value in fields.items() if name in own}
    if "link" in fields:
        values["link"] = f"{common['portal']}/password?link={fields['link']}"
        purpose = "reset" if kind == "reset" else "invitation"
        values["expires"] = moment_text(created_ms + LINK_MS[purpose], person.timezone)
    if "file_id" in fields:
        values["file"] = str(fields["name"])
    if "concerned" in own:
        say = say_in(language_for(person.language))
        values["concerned"] = concerned_by(fields).text(say, common["account"])
    if isinstance(fields.get("faults"), list):
        values["faults"] = faults_text(fields["faults"], person.language)
    return values


def faults_text(faults: Iterable[tuple[str, Sequence[Any]]], language: str) -> str:
    """What the doctor found, a line a check: its name, and what it says as `Sentence.to_record` gives it."""
    say = sentence_in(language_for(language))
    return "\n".join(f"{say(name)}: {Sentence.from_record(said).told(say)}" for name, said in faults)


def moment_text(wall_ms: int, zone: str) -> str:
    """A minute, as its reader's clock shows it."""
    return f"{datetime.fromtimestamp(wall_ms // 1000, zoneinfo.ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}"
