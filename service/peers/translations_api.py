"""The API of number translation: rules of an account, for all that it sends, one trunk, or one gateway of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from kemi.store.patterns import PATTERN_MAX
from kemi.store.translate import Rule, Translations, bound_of, covers, faults_of, is_number, translate
from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.problems import invalid
from service.api.values import AccountId, Asked, GatewayId, Text, Told, TrunkId
from service.commands import bodies
from service.commands.outbox import enqueue
from service.database.peer_tables import translations
from service.database.tables import gateways, trunks
from service.peers.common import changes_of, check_open

RULES_MAX = 1_000
Symbols = Annotated[str, Field(pattern=r"^[0-9*#+]{0,32}$")]
Length = Annotated[int, Field(ge=1, le=32)]
Strip = Annotated[int, Field(ge=0, le=32)]
Position = Annotated[int, Field(ge=0, le=1_000_000, description="The lowest that fits is applied, and no other")]
Pattern = Annotated[
    Text,
    Field(
        max_length=PATTERN_MAX,
        description="A regular expression of the whole number, in place of strip and prepend; docs/numbers.md",
        examples=["0([1-9][0-9]{8})"],
    ),
]
Replacement = Annotated[
    str,
    Field(pattern=r"^([0-9*#+]|\\[1-9]){0,64}$", description="What fits becomes this", examples=["44\\1"]),
]
Subject = Literal["caller", "called"]
Note = Annotated[Text, Field(max_length=200)]


class TranslationView(Told):
    """A rule."""

    id: int
    account_id: int
    trunk_id: Annotated[int | None, Field(description="null: all that the account sends")]
    gateway_id: Annotated[int | None, Field(description="Of what this gateway gets; null: of what comes in")]
    subject: Annotated[str, Field(description="caller or called: which number")]
    position: int
    prefix: str
    length_min: int
    length_max: int
    strip: int
    prepend: str
    pattern: str
    replacement: str
    note: str
    version: int


class TranslationQuery(Paging):
    """Which rules."""

    account_id: AccountId | None = None
    trunk_id: TrunkId | None = None
    gateway_id: GatewayId | None = None
    subject: Literal["", "caller", "called"] = ""


class NewTranslation(Asked):
    """A rule to make."""

    account_id: AccountId
    trunk_id: TrunkId | None = None
    gateway_id: GatewayId | None = None
    subject: Subject
    position: Position
    prefix: Symbols = ""
    length_min: Length = 1
    length_max: Length = 32
    strip: Strip = 0
    prepend: Symbols = ""
    pattern: Pattern = ""
    replacement: Replacement = ""
    note: Note = ""


class TranslationEdit(Asked):
    """What to change; what is left out stays."""

    position: Position | None = None
    prefix: Symbols | None = None
    length_min: Length | None = None
    length_max: Length | None = None
    strip: Strip | None = None
    prepend: Symbols | None = None
    pattern: Pattern | None = None
    replacement: Replacement | None = None
    note: Note | None = None


class Trial(Asked):
    """A number to try."""

    account_id: AccountId
    trunk_id: TrunkId | None = None
    gateway_id: GatewayId | None = None
    subject: Subject
    number: Annotated[str, Field(pattern=r"^[0-9*#+]{1,32}$")]


class Tried(Told):
    """What becomes of a number."""

    number: str
    rule_id: Annotated[int | None, Field(description="Which rule made it so; null: none fits")]
    is_number: Annotated[bool, Field(description="false: calls with it are refused, it is no telephone number")]


_LISTING = Listing(
    "translation",
    {"position": translations.c.position, "id": translations.c.id},
    {
        "account_id": equals(translations.c.account_id),
        "trunk_id": equals(translations.c.trunk_id),
        "gateway_id": equals(translations.c.gateway_id),
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


def _rule(row: Row[Any] | Mapping[str, Any]) -> Rule:
    values = row if isinstance(row, Mapping) else row._mapping
    return Rule(*(values.get(name, 0) for name in Rule._fields))


def _check(call: Call, values: Mapping[str, Any]) -> None:
    """The rule by itself. Raises Problem."""
    if values["gateway_id"] is not None:
        call.need(Permission.GATEWAYS_CHANGE)
    for field, text in faults_of(_rule(values)):
        raise invalid(f"/{field}", text)


async def _check_beside(call: Call, values: Mapping[str, Any], but: int = 0) -> None:
    """No rule of its kind makes it useless, and it makes none useless. Raises Problem."""
    columns = translations.c
    where = (columns.account_id == values["account_id"]) & (columns.subject == values["subject"]) & (columns.id != but)
    where &= columns.gateway_id.is_not_distinct_from(values["gateway_id"])
    rule, trunk = _rule(values), values["trunk_id"]
    for row in await call.conn.execute(sa.select(translations).where(where)):
        other = _rule(row)
        if other.position < rule.position and row.trunk_id in {None, trunk} and covers(other, rule):
            text = f"it would never apply: rule {row.id}, at {row.position}, takes all these numbers before"
            raise invalid("/position", text)
        if rule.position < other.position and trunk in {None, row.trunk_id} and covers(rule, other):
            text = f"rule {row.id}, at {row.position}, would never apply: this one takes all its numbers before"
            raise invalid("/position", text)


async def _check_place(call: Call, body: NewTranslation | Trial) -> None:
    """Trunk and gateway are the account's. Raises Problem."""
    if body.trunk_id is not None and body.gateway_id is not None:
        raise invalid("/gateway_id", "a rule is of a trunk or of a gateway")
    for field, number, table in (("trunk", body.trunk_id, trunks), ("gateway", body.gateway_id, gateways)):
        if number is not None:
            owner = (await call.conn.execute(sa.select(table.c.account_id).where(table.c.id == number))).scalar_one()
            if owner != body.account_id:
                raise invalid(f"/{field}_id", f"this {field} is another account's")


async def make_translation(call: Call) -> Answer:
    """At most a thousand an account."""
    body: NewTranslation = call.body
    account = await call.find("account", body.account_id, to_change=True)
    check_open(account)
    values = body.model_dump()
    _check(call, values)
    await _check_place(call, body)
    await _check_beside(call, values)
    counted = sa.select(sa.func.count()).select_from(translations).where(translations.c.account_id == account.id)
    if (await call.conn.execute(counted)).scalar_one() >= RULES_MAX:
        raise invalid("/account_id", f"an account has at most {RULES_MAX} rules")
    row = (await call.conn.execute(sa.insert(translations).values(**values).returning(translations))).one()
    return await _told(call, "translation.make", None, row)


async def _told(call: Call, action: str, before: Row[Any] | None, row: Row[Any]) -> Answer:
    await enqueue(call.conn, call.node, bodies.translation_body(row), now_ms=call.now_ms)
    view = TranslationView.model_validate(row)
    told = None if before is None else TranslationView.model_validate(before)
    await call.audit(action, "translation", row.id, row.account_id, told, view)
    return Answer(view, version=view.version, location=f"/api/v1/translations/{row.id}")


async def edit_translation(call: Call) -> Answer:
    """Changes some fields."""
    call.check_match(call.row.version)
    values = changes_of(call.body, set())
    whole = dict(call.row._mapping) | values
    _check(call, whole)
    await _check_beside(call, whole, call.row.id)
    values["version"] = translations.c.version + 1
    edited = sa.update(translations).where(translations.c.id == call.row.id).values(**values).returning(translations)
    return await _told(call, "translation.edit", call.row, (await call.conn.execute(edited)).one())


async def remove_translation(call: Call) -> Answer:
    """For good."""
    call.check_match(call.row.version)
    if call.row.gateway_id is not None:
        call.need(Permission.GATEWAYS_CHANGE)
    await call.conn.execute(sa.delete(translations).where(translations.c.id == call.row.id))
    gone = bodies.translation_gone_body(call.row.account_id, call.row.id)
    await enqueue(call.conn, call.node, gone, now_ms=call.now_ms)
    before = TranslationView.model_validate(call.row)
    await call.audit("translation.remove", "translation", call.row.id, call.row.account_id, before, None)
    return Answer(status=204)


async def try_translation(call: Call) -> Answer:
    """By the trunk's rules and the account's, together in their order, as a call has them. Changes nothing."""
    body: Trial = call.body
    await _check_place(call, body)
    rows = list(await call.conn.execute(sa.select(translations).where(translations.c.account_id == body.account_id)))
    rules = Translations(bound_of(bodies.translation_body(row)) for row in rows)
    chosen = (
        rules.of_trunk(body.trunk_id or 0, body.subject)
        if body.gateway_id is None
        else rules.of_gateway(body.gateway_id, body.subject)
    )
    number, rule = translate(chosen, body.number)
    rule_id = None if rule is None else rule.id
    return Answer(Tried(number=number, rule_id=rule_id, is_number=is_number(number)))


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
