"""The API of number translation: rules of an account, for all that it sends or for one trunk."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.problems import invalid
from service.api.values import AccountId, Asked, Text, Told, TrunkId
from service.database.peer_tables import translations
from service.database.tables import trunks
from service.peers.common import changes_of, check_open
from service.peers.translate import Rule, translate

RULES_MAX = 1_000
Symbols = Annotated[str, Field(pattern=r"^[0-9*#+]{0,32}$")]
Length = Annotated[int, Field(ge=1, le=32)]
Strip = Annotated[int, Field(ge=0, le=32)]
Position = Annotated[int, Field(ge=0, le=1_000_000, description="The lowest that fits is applied, and no other")]
Subject = Literal["caller", "called"]
Note = Annotated[Text, Field(max_length=200)]


class TranslationView(Told):
    """A rule."""

    id: int
    account_id: int
    trunk_id: Annotated[int | None, Field(description="null: all that the account sends")]
    subject: Annotated[str, Field(description="caller or called: which number")]
    position: int
    prefix: str
    length_min: int
    length_max: int
    strip: int
    prepend: str
    note: str
    version: int


class TranslationQuery(Paging):
    """Which rules."""

    account_id: AccountId | None = None
    trunk_id: TrunkId | None = None
    subject: Literal["", "caller", "called"] = ""


class NewTranslation(Asked):
    """A rule to make."""

    account_id: AccountId
    trunk_id: TrunkId | None = None
    subject: Subject
    position: Position
    prefix: Symbols = ""
    length_min: Length = 1
    length_max: Length = 32
    strip: Strip = 0
    prepend: Symbols = ""
    note: Note = ""


class TranslationEdit(Asked):
    """What to change; what is left out stays."""

    position: Position | None = None
    prefix: Symbols | None = None
    length_min: Length | None = None
    length_max: Length | None = None
    strip: Strip | None = None
    prepend: Symbols | None = None
    note: Note | None = None


class Trial(Asked):
    """A number to try."""

    account_id: AccountId
    trunk_id: TrunkId | None = None
    subject: Subject
    number: Annotated[str, Field(pattern=r"^[0-9*#+]{1,32}$")]


class Tried(Told):
    """What becomes of a number."""

    number: str
    rule_id: Annotated[int | None, Field(description="Which rule made it so; null: none fits")]


_LISTING = Listing(
    "translation",
    {"position": translations.c.position, "id": translations.c.id},
    {
        "account_id": equals(translations.c.account_id),
        "trunk_id": equals(translations.c.trunk_id),
        "subject": equals(translations.c.subject),
    },
)


async def list_translations(call: Call) -> Answer:
    """A page of them, in the order in which they are looked at."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[TranslationView](items=[TranslationView.model_validate(row) for row in rows], next=following))


async def show_translation(call: Call) -> Answer:
    """One."""
    view = TranslationView.model_validate(call.row)
    return Answer(view, version=view.version)


def _check(values: dict[str, Any]) -> None:
    if values["length_min"] > values["length_max"]:
        raise invalid("/length_max", "it is below length_min: no number has such a length")
    if len(values["prefix"]) > values["length_max"]:
        raise invalid("/prefix", "it is longer than length_max: no number begins so")


async def _check_trunk(call: Call, trunk_id: int | None, account_id: int) -> None:
    if trunk_id is None:
        return
    owner = sa.select(trunks.c.account_id).where(trunks.c.id == trunk_id)
    if (await call.conn.execute(owner)).scalar_one() != account_id:
        raise invalid("/trunk_id", "this trunk is another account's")


async def make_translation(call: Call) -> Answer:
    """At most a thousand an account."""
    body: NewTranslation = call.body
    account = await call.find("account", body.account_id, to_change=True)
    check_open(account)
    values = body.model_dump()
    _check(values)
    await _check_trunk(call, body.trunk_id, account.id)
    counted = sa.select(sa.func.count()).select_from(translations).where(translations.c.account_id == account.id)
    if (await call.conn.execute(counted)).scalar_one() >= RULES_MAX:
        raise invalid("/account_id", f"an account has at most {RULES_MAX} rules")
    row = (await call.conn.execute(sa.insert(translations).values(**values).returning(translations))).one()
    return await _told(call, "translation.make", None, row)


async def _told(call: Call, action: str, before: Row[Any] | None, row: Row[Any]) -> Answer:
    view = TranslationView.model_validate(row)
    told = None if before is None else TranslationView.model_validate(before)
    await call.audit(action, "translation", row.id, row.account_id, told, view)
    return Answer(view, version=view.version, location=f"/api/v1/translations/{row.id}")


async def edit_translation(call: Call) -> Answer:
    """Changes some fields."""
    call.check_match(call.row.version)
    values = changes_of(call.body, set())
    _check(dict(call.row._mapping) | values)
    values["version"] = translations.c.version + 1
    edited = sa.update(translations).where(translations.c.id == call.row.id).values(**values).returning(translations)
    return await _told(call, "translation.edit", call.row, (await call.conn.execute(edited)).one())


async def remove_translation(call: Call) -> Answer:
    """For good."""
    call.check_match(call.row.version)
    await call.conn.execute(sa.delete(translations).where(translations.c.id == call.row.id))
    before = TranslationView.model_validate(call.row)
    await call.audit("translation.remove", "translation", call.row.id, call.row.account_id, before, None)
    return Answer(status=204)


async def try_translation(call: Call) -> Answer:
    """By the trunk's rules and the account's, together in their order. Changes nothing."""
    body: Trial = call.body
    await _check_trunk(call, body.trunk_id, body.account_id)
    columns = translations.c
    of_trunk = (
        columns.trunk_id.is_(None)
        if body.trunk_id is None
        else (columns.trunk_id.is_(None) | (columns.trunk_id == body.trunk_id))
    )
    where = (columns.account_id == body.account_id) & (columns.subject == body.subject) & of_trunk
    rows = list(await call.conn.execute(sa.select(translations).where(where)))
    by_rule = {Rule(*(getattr(row, name) for name in Rule._fields)): row.id for row in reversed(rows)}
    number, rule = translate(by_rule, body.number)
    return Answer(Tried(number=number, rule_id=None if rule is None else by_rule[rule]))


_P = Permission
_ONE = "/translations/{translation_id}"
ENDPOINTS = [
    Endpoint(
        "translation.list", "GET", "/translations", _P.TRUNKS_READ, list_translations, "List translation rules",
        query=TranslationQuery, answer=Page[TranslationView],
    ),
    Endpoint(
        "translation.show", "GET", _ONE, _P.TRUNKS_READ, show_translation, "Show a translation rule",
        answer=TranslationView,
    ),
    Endpoint(
        "translation.make", "POST", "/translations", _P.TRUNKS_CHANGE, make_translation, "Make a translation rule",
        NewTranslation, answer=TranslationView, status=201,
    ),
    Endpoint(
        "translation.edit", "PATCH", _ONE, _P.TRUNKS_CHANGE, edit_translation, "Edit a translation rule",
        TranslationEdit, answer=TranslationView,
    ),
    Endpoint(
        "translation.remove", "DELETE", _ONE, _P.TRUNKS_CHANGE, remove_translation, "Remove a translation rule",
        status=204,
    ),
    Endpoint(
        "translation.try", "POST", "/translations/trial", _P.TRUNKS_READ, try_translation,
        "Try what becomes of a number", Trial, answer=Tried, reads=True,
    ),
]  # fmt: skip
