"""The API of tariffs: what a seller sells by, written as YAML and decks, checked as a whole, published by switching."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import AfterValidator, ConfigDict, Field
from sqlalchemy import Row

from ratebook.model import Tariff
from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.lists import Listing, Page, Paging, contains, equals, page_of
from service.api.problems import FieldError, Problem, invalid
from service.api.values import YAML, AccountId, Asked, Moment, Text, Told, When
from service.database.engine import looking, reading
from service.database.tables import accounts, tariff_sources, tariff_versions, tariffs
from service.peers.common import check_open
from service.sellers.brand import check_sells
from service.tariffs.checks import check_exchange
from service.tariffs.content import Content
from service.tariffs.looking import Draft, warnings_of_draft
from service.tariffs.notices import short_notice
from service.tariffs.pending import put_waiting
from service.tariffs.rates import Release, published_rates, write_rates
from service.tariffs.sources import Read, read_source
from service.tariffs.switching import Occasion, switch

SOURCE_BYTES_MAX = 8 << 20
DECKS_MAX = 20
BUYING = "buying"
"""In `include:` and `derive:`, the tariff that the seller pays by."""
FAULTS_SHOWN_MAX = 200
_DECK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _deck_names(decks: dict[str, str]) -> dict[str, str]:
    for name in decks:
        if not _DECK.fullmatch(name):
            raise ValueError(f"{name!r} is no file name: letters, digits and ._- were expected")
    return decks


Source = Annotated[
    str, Field(min_length=1, max_length=SOURCE_BYTES_MAX, description="The tariff's YAML", json_schema_extra=YAML)
]
Decks = Annotated[
    dict[str, Annotated[str, Field(max_length=SOURCE_BYTES_MAX)]],
    Field(max_length=DECKS_MAX, default_factory=dict, description="CSV texts by the file names that the YAML gives"),
    AfterValidator(_deck_names),
]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$")]


class TariffView(Told):
    """What accounts pay by."""

    id: int
    account_id: Annotated[int | None, Field(description="Who sells by it; null: somebody above you")]
    name: str
    currency: str
    published: Annotated[str | None, Field(description="The version in force; null: none yet")]
    rates: Annotated[int, Field(description="Of that version")]
    version: Annotated[int, Field(description="Of the draft; 0: it stands in the operator's ratebook, or isn't yours")]


class TariffText(TariffView):
    """A tariff with its draft."""

    source: Annotated[str | None, Field(description="null: it isn't yours, or stands in the operator's ratebook")]
    decks: dict[str, str]


class TariffQuery(Paging):
    """Which tariffs."""

    account_id: Annotated[AccountId | None, Field(description="Of this seller alone")] = None
    name: Text = ""


class Written(Asked):
    """A text that is kept as it was written: its faults name lines and columns."""

    model_config = ConfigDict(str_strip_whitespace=False)


class NewTariff(Written):
    """A tariff to write."""

    account_id: Annotated[AccountId, Field(description="The seller")]
    name: Name
    source: Source
    decks: Decks


class TariffEdit(Written):
    """The draft as a whole; what is in force stays until it is published."""

    source: Source
    decks: Decks


class Publishing(Asked):
    """For the history."""

    note: Text = ""
    at: Annotated[When | None, Field(description="When it comes into force; null: at once")] = None


class VersionView(Told):
    """A version that was in force."""

    version: str
    published_at: Annotated[Moment, Field(validation_alias="published_ms")]
    published_by: str
    note: str
    rates: int
    changes: Annotated[dict[str, int], Field(description="Prefixes by what became of them, from the version before")]


class Checked(Told):
    """A text without faults."""

    warnings: Annotated[list[str], Field(description="What is allowed and rarely meant, each with its place")]


class PublishedText(TariffText):
    """A tariff that has come into force, or will."""

    due_at: Annotated[Moment | None, Field(description="When it will; null: it has")] = None

    warnings: Annotated[list[str], Field(description="What is allowed and rarely meant, each with its place")]


def _version(text: str) -> str:
    if re.fullmatch(r"[0-9a-f]{16}", text) is None:
        raise ValueError("a version such as 43b81a5ad334c2e7, as the history tells it, was expected")
    return text


class Reversion(Asked):
    """To a version that was in force."""

    version: Annotated[str, AfterValidator(_version), Field(max_length=64, description="As the history tells it")]
    note: Text = ""


class VersionQuery(Paging):
    """Which versions."""

    sort: Literal["", "id", "-id"] = ""


_RATES = (
    sa.select(tariff_versions.c.rates)
    .where((tariff_versions.c.tariff_id == tariffs.c.id) & (tariff_versions.c.version == tariffs.c.version))
    .order_by(tariff_versions.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_SELECT = sa.select(
    tariffs, _RATES.label("rates"), tariff_sources.c.version.label("draft"), tariff_sources.c.source,
    tariff_sources.c.decks,
).join(tariff_sources, tariff_sources.c.tariff_id == tariffs.c.id, isouter=True)  # fmt: skip
_LISTING = Listing(
    "tariff",
    {"name": tariffs.c.name, "id": tariffs.c.id},
    {"account_id": equals(tariffs.c.owner_id), "name": contains(tariffs.c.name)},
    _SELECT,
)
_VERSIONS = Listing(
    "tariff-version",
    {"-id": tariff_versions.c.id},
    {},
    None,
    lambda call: tariff_versions.c.tariff_id == call.row.id,
)


def _values(row: Row[Any], *, is_own: bool) -> dict[str, Any]:
    return {
        "id": row.id,
        "account_id": row.owner_id if is_own else None,
        "name": row.name,
        "currency": row.currency,
        "published": row.version,
        "rates": row.rates or 0,
        "version": (row.draft or 0) if is_own else 0,
    }


async def own_sellers(call: Call, rows: list[Row[Any]]) -> set[int]:
    """The sellers among these tariffs' that stand in the asker's subtree."""
    return set(await call.find_all("account", {row.owner_id for row in rows}))


async def list_tariffs(call: Call) -> Answer:
    """Those of the subtree's sellers, and the one that the own account buys by."""
    rows, following = await page_of(call, _LISTING)
    own = await own_sellers(call, rows)
    items = [TariffView.model_validate(_values(row, is_own=row.owner_id in own)) for row in rows]
    return Answer(Page[TariffView](items=items, next=following))


async def _text(call: Call, tariff_id: int) -> TariffText:
    row = (await call.conn.execute(_SELECT.where(tariffs.c.id == tariff_id))).one()
    is_own = row.owner_id in await own_sellers(call, [row])
    text = {"source": row.source if is_own else None, "decks": (row.decks or {}) if is_own else {}}
    return TariffText.model_validate(_values(row, is_own=is_own) | text)


async def show_tariff(call: Call) -> Answer:
    """One, with its draft."""
    view = await _text(call, call.row.id)
    return Answer(view, version=view.version)


async def read_text(call: Call, owner_id: int, name: str, source: str, decks: dict[str, str]) -> Read:
    """In a thread, and outside every transaction: a large one takes seconds. Raises Problem with each fault's place."""
    size = len(source) + sum(map(len, decks.values()))
    if size > SOURCE_BYTES_MAX:
        raise invalid("/decks", f"{size} characters in all: at most {SOURCE_BYTES_MAX}")
    read = await asyncio.to_thread(read_source, name, source, decks)
    if read.lacking:
        elsewhere = await _elsewhere(call, owner_id, name, read.lacking)
        read = await asyncio.to_thread(read_source, name, source, decks, elsewhere)
    if read.problems:
        errors = [_error(problem.place.file, str(problem)) for problem in read.problems[:FAULTS_SHOWN_MAX]]
        many = len(read.problems)
        raise Problem("invalid", f"{many} fault{'s' if many > 1 else ''} in the tariff", errors=errors)
    return read


async def _elsewhere(call: Call, owner_id: int, name: str, wanted: frozenset[str]) -> dict[str, Tariff]:
    """What a seller's tariff may take from: what the seller buys by, and its own ones, as they are published."""
    own = sa.select(tariffs).where((tariffs.c.owner_id == owner_id) & tariffs.c.name.in_(wanted - {name}))
    paid = sa.select(accounts.c.tariff_id).where(accounts.c.id == owner_id).scalar_subquery()
    async with looking(call.api.engine) as conn:
        found = {row.name: row for row in await conn.execute(own)}
        row = (await conn.execute(sa.select(tariffs).where(tariffs.c.id == paid))).first()
    if row is not None and BUYING in wanted:
        found[BUYING] = row
    given = {}
    for key, row in found.items():
        rates = None if row.version is None else await published_rates(call.api.config, row.version)
        if rates is not None:
            given[key] = Tariff(key, row.currency, "UTC", tuple(rates))
    return given


async def _check_currency(call: Call, read: Read, seller: str) -> str:
    """The tariff's, which can be exchanged for the seller's. Raises Problem."""
    currency = seller if read.tariff is None else read.tariff.currency
    said = f"the tariff is in {currency}, its seller's account in {seller}"
    await check_exchange(call, currency, seller, pointer="/source", said=said)
    return currency


def _error(file: str, text: str) -> FieldError:
    deck = file.partition("/")[2]
    return FieldError("body", f"/decks/{deck}" if deck else "/source", text)


async def make_tariff(call: Call) -> Answer:
    """A draft; nobody pays by it until it is published."""
    body: NewTariff = call.body
    async with reading(call.api.engine) as call.conn:
        seller = await call.find("account", body.account_id, to_change=True)
    read = await read_text(call, seller.id, body.name, body.source, body.decks)
    async with call.writing():
        account = await call.find("account", body.account_id, to_change=True)
        check_open(account)
        check_sells(account)
        currency = await _check_currency(call, read, account.currency)
        same = sa.select(tariffs.c.id).where((tariffs.c.owner_id == account.id) & (tariffs.c.name == body.name))
        if (await call.conn.execute(same)).first() is not None:
            raise invalid("/name", "the seller has a tariff of this name already")
        values = {"name": body.name, "owner_id": account.id, "currency": currency}
        number = (await call.conn.execute(sa.insert(tariffs).values(**values).returning(tariffs.c.id))).scalar_one()
        draft = {"source": body.source, "decks": body.decks, "changed_ms": call.now_ms}
        await call.conn.execute(sa.insert(tariff_sources).values(tariff_id=number, **draft))
        view = await _text(call, number)
        await call.audit("tariff.make", "tariff", number, account.id, None, _told(view))
    return Answer(view, version=view.version, location=f"/api/v1/tariffs/{number}")


def _told(view: TariffText) -> Mapping[str, Any]:
    """For the audit: which decks there are, not what they say."""
    return view.model_dump(mode="json", exclude={"decks"}) | {"decks": sorted(view.decks)}


async def draft_of(call: Call) -> Row[Any]:
    """Raises Problem for a tariff that stands in the operator's ratebook."""
    query = sa.select(tariff_sources).where(tariff_sources.c.tariff_id == call.row.id)
    row = (await call.conn.execute(query)).first()
    if row is None:
        raise Problem("conflict", "this tariff stands in the operator's ratebook: it is edited there")
    return row


async def edit_tariff(call: Call) -> Answer:
    """The draft; what is in force stays."""
    body: TariffEdit = call.body
    read = await read_text(call, call.row.owner_id, call.row.name, body.source, body.decks)
    if read.tariff is not None and read.tariff.currency != call.row.currency:
        said = f"the tariff was written in {call.row.currency}, and accounts hold that by it: write another one"
        raise invalid("/source", said)
    async with call.writing():
        draft = await draft_of(call)
        call.check_match(draft.version)
        before = await _text(call, call.row.id)
        values = {"source": body.source, "decks": body.decks, "changed_ms": call.now_ms, "version": draft.version + 1}
        where = tariff_sources.c.tariff_id == call.row.id
        await call.conn.execute(sa.update(tariff_sources).where(where).values(**values))
        view = await _text(call, call.row.id)
        await call.audit("tariff.edit", "tariff", call.row.id, call.row.owner_id, _told(before), _told(view))
    return Answer(view, version=view.version)


async def check_tariff(call: Call) -> Answer:
    """Reads it as a whole, and holds it against what is published and what it costs; nothing is kept."""
    body: NewTariff = call.body
    account = await call.find("account", body.account_id)
    read = await read_text(call, account.id, body.name, body.source, body.decks)
    await _check_currency(call, read, account.currency)
    same = (tariffs.c.owner_id == account.id) & (tariffs.c.name == body.name)
    before = (await call.conn.execute(sa.select(tariffs.c.version).where(same))).scalar()
    compiled = await asyncio.to_thread(lambda: read.compiled)
    (release,) = await write_rates(call.api.config, [(compiled, before)], call.now_ms // 1000, only_look=True)
    return Answer(Checked(warnings=await _warnings(call, account.id, read, body, release)))


async def _warnings(call: Call, owner_id: int, read: Read, text: NewTariff | Row[Any], release: Release) -> list[str]:
    """Of a tariff without faults."""
    assert read.tariff is not None
    draft = Draft(owner_id, read.tariff, text.source, text.decks, release.jumps)
    found = await warnings_of_draft(call.api.config, call.api.engine, draft, call.now_ms // 1000)
    return [str(one) for one in [*read.warnings, *found]]


async def written_draft(call: Call, row: Row[Any]) -> Tariff | None:
    """What a tariff's draft says; None: the tariff stands in the operator's ratebook. Raises Problem for its faults."""
    async with looking(call.api.engine) as conn:
        query = sa.select(tariff_sources).where(tariff_sources.c.tariff_id == row.id)
        draft = (await conn.execute(query)).first()
    return None if draft is None else (await read_text(call, row.owner_id, row.name, draft.source, draft.decks)).tariff


async def publish_tariff(call: Call) -> Answer:
    """The draft comes into force: for new calls within a second; running ones keep what they began with."""
    body: Publishing = call.body
    if body.at is not None and body.at <= call.now_ms:
        raise invalid("/at", "this moment is over: leave it out to publish at once")
    async with reading(call.api.engine) as call.conn:
        draft = await draft_of(call)
    call.check_match(draft.version)
    try:
        read = await read_text(call, call.row.owner_id, call.row.name, draft.source, draft.decks)
    except Problem as fault:
        said = "the draft was sound when it was written, and is not any more (what it takes from has changed): edit it"
        raise Problem("conflict", said, errors=fault.errors) from None
    compiled = await asyncio.to_thread(lambda: read.compiled)
    takes_ms = body.at or call.now_ms
    (release,) = await write_rates(call.api.config, [(compiled, call.row.version)], takes_ms // 1000)
    warnings = await _warnings(call, call.row.owner_id, read, draft, release)
    async with call.writing() as conn:
        if (await draft_of(call)).version != draft.version:
            raise Problem("changed", "the draft was edited meanwhile: look at it, and publish again")
        row = (await conn.execute(sa.select(tariffs).where(tariffs.c.id == call.row.id))).one()
        warnings += await short_notice(conn, row.owner_id, {row.name: release}, takes_ms, call.now_ms)
        by = Occasion(call.node, call.actor.name, body.note, call.now_ms)
        if body.at is None:
            await switch(conn, row, release, by)
        else:
            await put_waiting(conn, row.owner_id, Content({row.name: release}, {}, None, None), by, body.at)
        view = await _text(call, row.id)
        told = {"version": release.version, "rates": release.rates, "note": body.note, "at_ms": body.at}
        await call.audit("tariff.publish", "tariff", row.id, row.owner_id, None, told)
    return Answer(PublishedText(**view.model_dump(), warnings=warnings, due_at=body.at), version=view.version)


async def revert_tariff(call: Call) -> Answer:
    """A version of before comes into force again; the draft, or the ratebook's folder, says what it said."""
    body: Reversion = call.body
    rates = await published_rates(call.api.config, body.version)
    async with call.writing() as conn:
        same = (tariff_versions.c.tariff_id == call.row.id) & (tariff_versions.c.version == body.version)
        old = (await conn.execute(sa.select(tariff_versions).where(same).limit(1))).first()
        if old is None:
            raise invalid("/version", "this tariff never had that version")
        if rates is None:
            raise Problem("conflict", "the rates of that version are gone: publish what it said")
        row = (await conn.execute(sa.select(tariffs).where(tariffs.c.id == call.row.id))).one()
        release = Release(old.version, old.digest, row.currency, old.rates, {}, [], call.now_ms // 1000)
        note = body.note or f"back to the version of {body.version}"
        await switch(conn, row, release, Occasion(call.node, call.actor.name, note, call.now_ms))
        view = await _text(call, row.id)
        told = {"version": view.published, "rates": view.rates, "note": note}
        await call.audit("tariff.revert", "tariff", row.id, row.owner_id, {"version": call.row.version}, told)
    return Answer(view, version=view.version)


async def list_versions(call: Call) -> Answer:
    """A page of them, the latest first."""
    if not await own_sellers(call, [call.row]):
        raise Problem("not-found")
    rows, following = await page_of(call, _VERSIONS)
    items = [VersionView.model_validate(row) for row in rows]
    return Answer(Page[VersionView](items=items, next=following))


_P = Permission
_ONE = "/tariffs/{tariff_id}"
_BYTES = SOURCE_BYTES_MAX * 2
ENDPOINTS = [
    Endpoint(
        "tariff.list", "GET", "/tariffs", _P.TARIFFS_READ, list_tariffs, "List tariffs", query=TariffQuery,
        answer=Page[TariffView],
    ),
    Endpoint("tariff.show", "GET", _ONE, _P.TARIFFS_READ, show_tariff, "Show a tariff", answer=TariffText),
    Endpoint(
        "tariff.make", "POST", "/tariffs", _P.TARIFFS_CHANGE, make_tariff, "Write a tariff", NewTariff,
        answer=TariffText, status=201, body_bytes_max=_BYTES, key=Key.NONE, own_transaction=True,
    ),
    Endpoint(
        "tariff.edit", "PUT", _ONE, _P.TARIFFS_CHANGE, edit_tariff, "Write a tariff anew", TariffEdit,
        answer=TariffText, body_bytes_max=_BYTES, key=Key.NONE, own_transaction=True,
    ),
    Endpoint(
        "tariff.check-text", "POST", "/tariffs/check", _P.TARIFFS_READ, check_tariff, "Check a tariff's text",
        NewTariff, answer=Checked, reads=True, body_bytes_max=_BYTES,
    ),
    Endpoint(
        "tariff.bring-into-force", "POST", f"{_ONE}/publication", _P.TARIFFS_PUBLISH, publish_tariff,
        "Publish a tariff", Publishing, answer=PublishedText, key=Key.NONE, own_transaction=True,
    ),
    Endpoint(
        "tariff.revert", "POST", f"{_ONE}/reversion", _P.TARIFFS_PUBLISH, revert_tariff,
        "Put back a version of before", Reversion, answer=TariffText, key=Key.NONE, own_transaction=True,
    ),
    Endpoint(
        "tariff.history", "GET", f"{_ONE}/versions", _P.TARIFFS_READ, list_versions, "List a tariff's versions",
        query=VersionQuery, answer=Page[VersionView],
    ),
]  # fmt: skip
