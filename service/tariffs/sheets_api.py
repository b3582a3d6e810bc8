"""The API of rate sheets: carriers' files into decks of a draft, looked at, imported, undone; tariffs as CSV."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from pydantic import BeforeValidator, Field, WithJsonSchema
from sqlalchemy import Row

from ratebook.model import Tariff
from ratebook.sheets.columns import Field as Column
from ratebook.sheets.mapping import Mapping
from ratebook.sheets.write import tariff_lines, to_csv
from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.files import encoded
from service.api.problems import Problem, invalid
from service.api.values import Asked, Text, Told
from service.database.engine import reading
from service.database.ratebook_tables import deck_imports
from service.database.tables import tariff_sources
from service.tariffs.api import draft_of, read_text
from service.tariffs.decks import UNDO_MAX, Import, SheetUnusable, look_at, record_of
from service.tariffs.rates import published_rates

FILE_BYTES_MAX = 8 << 20
SHOWN_MAX = 1_000


File = Annotated[
    bytes,
    BeforeValidator(encoded),
    Field(min_length=1, max_length=FILE_BYTES_MAX),
    WithJsonSchema({"type": "string", "contentEncoding": "base64", "description": "CSV, XLSX, XLS; 8 MiB at most"}),
]
DeckName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$", description="As the YAML names it")]


class SheetFile(Asked):
    """A carrier's sheet. What was answered once for a deck is kept, and need not be said again."""

    deck: DeckName
    file: File
    do: Annotated[bool, Field(description="Import it; else it is only looked at")] = False
    strict: Annotated[bool, Field(description="Import nothing if a row with a code is left out")] = False
    columns: Annotated[dict[Column, Text], Field(default_factory=dict, description="The header's name by what it is")]
    kind: Literal["full", "country", "partial"] | None = None
    date_order: Literal["dmy", "mdy"] | None = None
    dash: Literal["range", "pair"] | None = None
    twice: Literal["last", "first", "stop"] | None = None
    past: Literal["now", "keep", "stop"] | None = None
    notice_days: Annotated[int | None, Field(ge=0, le=365)] = None
    currency: Text | None = None
    sheet: Text | None = None

    def answers(self) -> dict[str, Any]:
        """Those that are given."""
        found = self.model_dump(exclude={"deck", "file", "do", "strict", "columns"}, exclude_none=True)
        return found | (
            {"columns": {field.value: name for field, name in self.columns.items()}} if self.columns else {}
        )


class SheetLooked(Told):
    """A sheet beside the deck, as `kambill tariff import --json` tells it; of long lists the first 1,000."""

    sheet: str
    header_line: int
    currency: str
    columns: dict[str, Any]
    unread: Annotated[list[str], Field(description="Columns that are not read")]
    mapping: dict[str, Any]
    counts: dict[str, int]
    changes: list[dict[str, Any]]
    left_out: list[dict[str, Any]]
    notices: list[str]
    questions: list[dict[str, Any]]
    done: bool
    refusal: Annotated[str, Field(description="Why it was not, or would not be, imported; empty: it can be")]


class DeckUndo(Asked):
    """Which deck."""

    deck: DeckName


class DeckUndone(Told):
    """The deck is as it was before its last import."""

    deck: str
    left: Annotated[int, Field(description="Imports that can be undone still")]


class TariffSheet(Told):
    """A tariff for those who buy by it."""

    name: str
    content: Annotated[str, Field(description="CSV, times in UTC")]


async def import_sheet(call: Call) -> Answer:
    """Into the draft; what is in force stays. Raises Problem for a file that is no sheet."""
    body: SheetFile = call.body
    deck = body.deck if body.deck.endswith(".csv") else f"{body.deck}.csv"
    async with reading(call.api.engine) as call.conn:
        draft = await draft_of(call)
        last = (await call.conn.execute(_imports(call.row.id, deck).limit(1))).first()
    call.check_match(draft.version)
    known = Mapping.from_record((last.mapping if last else {}) | body.answers())
    today = datetime.fromtimestamp(call.now_ms / 1000, UTC).astimezone(ZoneInfo(call.api.config.timezone)).date()
    try:
        found = await asyncio.to_thread(look_at, body.file, draft.decks.get(deck, ""), known, today)
    except SheetUnusable as fault:
        raise invalid("/file", str(fault)) from None
    refusal = found.refusal(strict=body.strict)
    if body.do and not refusal:
        await _write(call, draft, deck, found)
    return Answer(await asyncio.to_thread(_looked, found, today, refusal, done=body.do and not refusal))


def _looked(found: Import, today: date, refusal: str, *, done: bool) -> SheetLooked:
    told = record_of(found, today) | {"done": done, "refusal": refusal}
    return SheetLooked(**told | {name: told[name][:SHOWN_MAX] for name in ("changes", "left_out")})


async def _write(call: Call, draft: Row[Any], deck: str, found: Import) -> None:
    """The draft with the deck as it becomes. Raises Problem where the draft would have a fault."""
    decks = draft.decks | {deck: found.after}
    await read_text(call, call.row.owner_id, call.row.name, draft.source, decks)
    async with call.writing() as conn:
        await _replace(call, draft.version, decks)
        values = {"before": found.before, "mapping": found.mapping.to_record(), "made_ms": call.now_ms}
        await conn.execute(sa.insert(deck_imports).values(tariff_id=call.row.id, deck=deck, **values))
        old = _imports(call.row.id, deck).with_only_columns(deck_imports.c.id).offset(UNDO_MAX)
        await conn.execute(
            sa.delete(deck_imports).where(deck_imports.c.id.in_((await conn.execute(old)).scalars().all()))
        )
        counts = {change.value: count for change, count in found.merged.counts.items()}
        told = {"deck": deck, "counts": counts}
        await call.audit("tariff.import", "tariff", call.row.id, call.row.owner_id, None, told)


async def _replace(call: Call, version: int, decks: dict[str, str]) -> None:
    """Raises Problem where somebody else has edited the draft meanwhile."""
    if (await draft_of(call)).version != version:
        raise Problem("changed", "the draft was edited meanwhile: look at it, and import again")
    values = {"decks": decks, "changed_ms": call.now_ms, "version": version + 1}
    await call.conn.execute(sa.update(tariff_sources).where(tariff_sources.c.tariff_id == call.row.id).values(**values))


async def undo_import(call: Call) -> Answer:
    """The draft's deck as it was before the last import that is not undone."""
    body: DeckUndo = call.body
    deck = body.deck if body.deck.endswith(".csv") else f"{body.deck}.csv"
    draft = await draft_of(call)
    call.check_match(draft.version)
    kept = (await call.conn.execute(_imports(call.row.id, deck))).all()
    if not kept:
        raise Problem("conflict", f"no import into {deck} is there to be undone")
    decks = {name: text for name, text in draft.decks.items() if name != deck}
    await _replace(call, draft.version, decks | ({deck: kept[0].before} if kept[0].before else {}))
    await call.conn.execute(sa.delete(deck_imports).where(deck_imports.c.id == kept[0].id))
    await call.audit("tariff.undo-import", "tariff", call.row.id, call.row.owner_id, None, {"deck": deck})
    return Answer(DeckUndone(deck=deck, left=len(kept) - 1))


def _imports(tariff_id: int, deck: str) -> sa.Select[Any]:
    """The latest first."""
    where = (deck_imports.c.tariff_id == tariff_id) & (deck_imports.c.deck == deck)
    return sa.select(deck_imports).where(where).order_by(deck_imports.c.id.desc())


async def export_sheet(call: Call) -> Answer:
    """As it is in force, a customer's own tariff too; where nothing is, the header alone."""
    row = call.row
    rates = row.version and await published_rates(call.api.config, row.version)
    tariff = Tariff(row.name, row.currency, "UTC", tuple(rates or ()))
    content = await asyncio.to_thread(lambda: to_csv(tariff_lines(tariff), tariff.timezone))
    return Answer(TariffSheet(name=f"{row.name}.csv", content=content))


_P = Permission
_ONE = "/tariffs/{tariff_id}"
_BYTES = FILE_BYTES_MAX * 4 // 3 + (64 << 10)
ENDPOINTS = [
    Endpoint(
        "tariff.import", "POST", f"{_ONE}/imports", _P.TARIFFS_CHANGE, import_sheet, "Import a carrier's sheet",
        SheetFile, answer=SheetLooked, body_bytes_max=_BYTES, key=Key.NONE, own_transaction=True,
    ),
    Endpoint(
        "tariff.undo-import", "POST", f"{_ONE}/imports/undo", _P.TARIFFS_CHANGE, undo_import,
        "Undo a deck's last import", DeckUndo, answer=DeckUndone,
    ),
    Endpoint(
        "tariff.export", "GET", f"{_ONE}/sheet", _P.TARIFFS_READ, export_sheet, "A tariff as a sheet",
        answer=TariffSheet,
    ),
]  # fmt: skip
