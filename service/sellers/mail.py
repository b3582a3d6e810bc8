"""The API of mail templates. Whoever has none of a kind and language sends that of the nearest seller above."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import AfterValidator, Field
from sqlalchemy import Row
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.problems import FieldError, Problem, not_found
from service.api.values import Asked, Told, language_of
from service.database.engine import is_sqlite
from service.database.paths import path_ids
from service.database.seller_tables import mail_templates
from service.database.tables import accounts
from service.sellers.brand import check_sells
from service.sellers.templates import ENGLISH, KINDS, built_in, built_in_languages, text_problem

LANGUAGE = ENGLISH
"""Of who has said nothing."""
TEXT_CHARACTERS_MAX = 20_000


def plain_lines(text: str) -> str:
    """Text of several lines. Raises ValueError."""
    if any((ord(char) < 32 and char not in "\n\t") or ord(char) == 127 for char in text):
        raise ValueError("text must not hold control characters")
    return text


class Template(Asked):
    """A mail's text, with placeholders such as {{ name }}."""

    subject: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
    text: Annotated[str, Field(min_length=1, max_length=TEXT_CHARACTERS_MAX), AfterValidator(plain_lines)]


class TemplateView(Told):
    """A mail's text."""

    kind: str
    language: str
    subject: str
    text: str
    placeholders: Annotated[list[str], Field(description="What may stand in it")]
    origin: Annotated[str, Field(description="own, above (a seller's above) or built-in")]
    version: Annotated[int, Field(description="0: not the account's own")]


class Templates(Told):
    """All of them."""

    items: list[TemplateView]


class Mail(Told):
    """A mail, filled in."""

    subject: str
    text: str


async def template_of(conn: AsyncConnection, path: str, kind: str, language: str) -> tuple[str, str]:
    """Subject and text that an account's mails of a kind have: in the language, or without its region, or in English;
    in each the nearest seller's, else what the program brings along.
    """
    rows = [row for row in await _standing(conn, path) if row.kind == kind]
    for wanted in (language, language.partition("-")[0]):
        own = [row for row in rows if row.language == wanted]
        if own:
            nearest = max(own, key=lambda one: int(one.depth))
            return nearest.subject, nearest.text
        found = built_in(kind, wanted)
        if found is not None:
            return found
    return await template_of(conn, path, kind, LANGUAGE)


async def _standing(conn: AsyncConnection, path: str) -> list[Row[Any]]:
    """What the accounts of a path have, with the depth of each."""
    query = sa.select(mail_templates, accounts.c.depth).join(accounts, accounts.c.id == mail_templates.c.account_id)
    return list(await conn.execute(query.where(mail_templates.c.account_id.in_(path_ids(path)))))


def _views(call: Call, rows: Iterable[Row[Any]]) -> dict[tuple[str, str], TemplateView]:
    """By kind and language: what the account's mails look like."""
    found = {
        (kind, language): _view(kind, language, *said, "built-in", 0)
        for kind in KINDS
        for language in built_in_languages()
        if (said := built_in(kind, language)) is not None
    }
    for row in sorted(rows, key=lambda one: one.depth):
        own = row.account_id == call.row.id
        origin, version = ("own", row.version) if own else ("above", 0)
        found[row.kind, row.language] = _view(row.kind, row.language, row.subject, row.text, origin, version)
    return found


def _view(kind: str, language: str, subject: str, text: str, origin: str, version: int) -> TemplateView:
    return TemplateView(
        kind=kind,
        language=language,
        subject=subject,
        text=text,
        placeholders=sorted(KINDS[kind].placeholders),
        origin=origin,
        version=version,
    )


def named(call: Call) -> tuple[str, str]:
    """Kind and language of the path. Raises Problem: not-found."""
    kind, language = call.asking.parameters["kind"], call.asking.parameters["language"]
    try:
        language_of(language)
    except ValueError:
        raise not_found() from None
    if kind not in KINDS:
        raise not_found()
    return kind, language


async def list_templates(call: Call) -> Answer:
    """Each as the account's mails have it."""
    found = _views(call, await _standing(call.conn, call.row.path))
    return Answer(Templates(items=[found[key] for key in sorted(found)]))


async def show_template(call: Call) -> Answer:
    """One."""
    view = await _shown(call)
    return Answer(view, version=view.version)


async def _shown(call: Call) -> TemplateView:
    key = named(call)
    found = _views(call, await _standing(call.conn, call.row.path))
    if key not in found:
        raise not_found()
    return found[key]


def check_texts(kind: str, body: Template) -> None:
    """Raises Problem."""
    problems = ((name, text_problem(kind, getattr(body, name))) for name in ("subject", "text"))
    errors = [FieldError("body", f"/{name}", problem) for name, problem in problems if problem is not None]
    if errors:
        raise Problem("invalid", errors=errors)


async def edit_template(call: Call) -> Answer:
    """For the account's mails, and those of sellers below that have none of their own."""
    body: Template = call.body
    kind, language = named(call)
    check_sells(call.row)
    check_texts(kind, body)
    before = await _own(call, kind, language)
    call.check_match(0 if before is None else before.version)
    insert: Any = sqlite.insert(mail_templates) if is_sqlite(call.conn) else postgresql.insert(mail_templates)
    upsert = insert.values(account_id=call.row.id, kind=kind, language=language, **body.model_dump())
    changed = {**body.model_dump(), "version": mail_templates.c.version + 1}
    await call.conn.execute(
        upsert.on_conflict_do_update(index_elements=["account_id", "kind", "language"], set_=changed)
    )
    return await _changed(call, "mail-template.edit", before)


async def _own(call: Call, kind: str, language: str) -> Row[Any] | None:
    columns = mail_templates.c
    where = (columns.account_id == call.row.id) & (columns.kind == kind) & (columns.language == language)
    return (await call.conn.execute(sa.select(mail_templates).where(where))).first()


async def _changed(call: Call, action: str, before: Row[Any] | None) -> Answer:
    kind, language = named(call)
    row = await _own(call, kind, language)
    told = [None if one is None else {name: one._mapping[name] for name in _TOLD} for one in (before, row)]
    await call.audit(action, "mail-template", call.row.id, call.row.id, *told)
    if row is None:
        return Answer(status=204)
    view = await _shown(call)
    return Answer(view, version=view.version)


_TOLD = ("kind", "language", "subject", "text")


async def remove_template(call: Call) -> Answer:
    """The mails look like those of the seller above again."""
    kind, language = named(call)
    before = await _own(call, kind, language)
    if before is None:
        raise not_found()
    call.check_match(before.version)
    await call.conn.execute(sa.delete(mail_templates).where(mail_templates.c.id == before.id))
    return await _changed(call, "mail-template.remove", before)


_P = Permission
_ALL = "/accounts/{account_id}/mail-templates"
_ONE = _ALL + "/{kind}/{language}"
ENDPOINTS = [
    Endpoint(
        "mail-template.list", "GET", _ALL, _P.MESSAGES_READ, list_templates, "List mail templates", answer=Templates
    ),
    Endpoint(
        "mail-template.show", "GET", _ONE, _P.MESSAGES_READ, show_template, "Show a mail template",
        answer=TemplateView,
    ),
    Endpoint(
        "mail-template.edit", "PUT", _ONE, _P.MESSAGES_CHANGE, edit_template, "Set a mail template", Template,
        answer=TemplateView,
    ),
    Endpoint(
        "mail-template.remove", "DELETE", _ONE, _P.MESSAGES_CHANGE, remove_template, "Remove a mail template",
        status=204,
    ),
]  # fmt: skip
