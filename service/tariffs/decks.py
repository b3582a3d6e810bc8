"""Sheets into the decks of a ratebook's folder: looked at, carried out, undone."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ratebook.collector import without_collector
from ratebook.document.tariffs import DECKS_FOLDER, SHEETS_SUFFIX
from ratebook.money import format_nanos
from ratebook.sheets.deck import DeckUnreadable, read_deck_rows, write_deck_rows
from ratebook.sheets.grid import UnreadableSheet, grids_of
from ratebook.sheets.mapping import Mapping
from ratebook.sheets.merge import Merged, merge_sheet
from ratebook.sheets.read import LeftOut, NoTable, Question, SheetReading, read_sheet
from service.faults import Fault
from service.tariffs.replacing import replace_text

UNDO_FOLDER = ".undo"
LOCK = "lock"
UNDO_MAX = 20
"""Kept of each deck."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class SheetUnusable(Fault):
    """Nothing was imported."""


class Import(NamedTuple):
    """A sheet beside the deck that it would change."""

    reading: SheetReading
    merged: Merged
    before: str
    """The deck's text until now."""

    @property
    def after(self) -> str:
        """The deck's text from then on."""
        return write_deck_rows(self.merged.rows)

    @property
    def questions(self) -> list[Question]:
        """What must be answered first."""
        return [*self.reading.questions, *self.merged.questions]

    @property
    def left_out(self) -> list[LeftOut]:
        """Every row that is no rate, and why."""
        return sorted([*self.reading.left_out, *self.merged.left_out])

    @property
    def notices(self) -> list[str]:
        """What somebody should look at."""
        return [*self.reading.notices, *self.merged.notices]

    @property
    def mapping(self) -> Mapping:
        """What is known of the carrier's sheets from now on."""
        columns = {field: found.header for field, found in self.reading.columns.items()}
        return self.reading.mapping._replace(columns=columns)

    def refusal(self, *, strict: bool) -> str:
        """Why it can't be carried out; empty: it can. `strict`: nor where a row with a code is left out."""
        rows = [one for one in self.left_out if not one.reason.startswith(("a text", "the header"))]
        if self.questions:
            return "nothing was imported: the sheet does not tell what is asked"
        if strict and rows:
            return f"nothing was imported: {len(rows)} rows would be left out"
        return "" if self.reading.rates else "nothing was imported: no row is a rate"


def look_at(raw: bytes, deck: str, known: Mapping, today: date) -> Import:
    """A file beside a deck's text; nothing is written. Raises SheetUnusable."""
    try:
        with without_collector():
            reading = read_sheet(grids_of(raw), known)
            merged = merge_sheet(read_deck_rows(deck), reading.rates, reading.mapping, today)
    except (UnreadableSheet, NoTable, DeckUnreadable) as fault:
        raise SheetUnusable(f"{fault}; nothing was imported") from None
    return Import(reading, merged, deck)


def record_of(found: Import, today: date) -> dict[str, Any]:
    """All that is known of it, as JSON."""
    reading = found.reading
    return {
        "sheet": reading.sheet,
        "header_line": reading.header_line,
        "today": today.isoformat(),
        "currency": reading.currency,
        "columns": {
            field.value: {"header": column.header, "confidence": column.confidence}
            for field, column in reading.columns.items()
        },
        "unread": reading.unread,
        "mapping": found.mapping.to_record(),
        "counts": {change.value: count for change, count in found.merged.counts.items()},
        "rates": [
            {
                "line": rate.line, "code": rate.code, "destination": rate.destination,
                "rate": format_nanos(rate.rate_nanos),
                "first_rate": None if rate.first_rate_nanos is None else format_nanos(rate.first_rate_nanos),
                "increments": "/".join(map(str, rate.increments)) if rate.increments else None,
                "connect_fee": None if rate.connect_fee_nanos is None else format_nanos(rate.connect_fee_nanos),
                "effective": rate.effective, "until": rate.until,
                "status": None if rate.status is None else rate.status.value,
            }
            for rate in reading.rates
        ],
        "changes": [
            {
                "change": change.kind.value, "code": change.code, "destination": change.destination,
                "before": None if change.before is None else format_nanos(change.before.rate_nanos),
                "after": None if change.after is None else format_nanos(change.after.rate_nanos),
                "effective": change.effective, "line": change.line,
            }
            for change in found.merged.changes
        ],
        "left_out": [one._asdict() for one in found.left_out],
        "notices": found.notices,
        "questions": [one._asdict() for one in found.questions],
    }  # fmt: skip


class Deck:
    """A deck in a ratebook's folder, with what is known of its carrier's sheets beside it."""

    def __init__(self, ratebook: Path, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise Fault(f"{name!r} is no deck's name: letters, digits and ._- such as carrier-a.csv were expected")
        folder = ratebook / DECKS_FOLDER
        self.path = folder / (name if name.endswith(".csv") else f"{name}.csv")
        self._mapping = self.path.with_suffix(SHEETS_SUFFIX)
        self._undo = folder / UNDO_FOLDER

    def text(self) -> str:
        """What stands in it; empty: it isn't there yet."""
        try:
            return self.path.read_text(encoding="utf-8-sig") if self.path.exists() else ""
        except (UnicodeDecodeError, OSError) as fault:
            raise Fault(f"{self.path} can't be read ({fault}): a deck of ours, in UTF-8, was expected") from None

    def mapping(self) -> Mapping:
        """What is known. Raises Fault for a file that somebody has broken."""
        if not self._mapping.exists():
            return Mapping({})
        try:
            return Mapping.from_record(yaml.safe_load(self._mapping.read_text(encoding="utf-8")) or {})
        except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as fault:
            raise Fault(f"{self._mapping}: {fault}; correct it, or remove it to be asked again") from None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Whoever else changes a deck of the folder waits: of two imports the second one adds to the first.

        Raises Fault: the folder can't be written.
        """
        try:
            self._undo.mkdir(parents=True, exist_ok=True)
            with (self._undo / LOCK).open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as fault:
            raise Fault(f"{fault.filename or self._undo}: {fault.strerror}; nothing was imported") from None

    def write(self, found: Import) -> None:
        """The deck after the import, the mapping, and both as they were before it for `undo`."""
        kept = self._kept()
        number = int(kept[-1].name.split(".")[-2]) + 1 if kept else 1
        before = self._undo / f"{self.path.stem}.{number}.csv"
        if self._mapping.exists():
            replace_text(_mapping_of(before), self._mapping.read_text(encoding="utf-8"))
        before.write_text(found.before, encoding="utf-8")
        for old in kept[: max(0, len(kept) + 1 - UNDO_MAX)]:
            old.unlink()
            _mapping_of(old).unlink(missing_ok=True)
        record: dict[str, Any] = found.mapping.to_record()
        replace_text(self._mapping, yaml.safe_dump(record, sort_keys=False, allow_unicode=True))
        replace_text(self.path, found.after)

    def undo(self) -> int:
        """The deck, and what was known of its sheets, as before the last import that is not undone; how many more
        there are. Raises Fault.
        """
        kept = self._kept()
        if not kept:
            raise Fault(f"no import into {self.path} is there to be undone")
        text = kept[-1].read_text(encoding="utf-8")
        if text:
            replace_text(self.path, text)
        else:
            self.path.unlink(missing_ok=True)
        known = _mapping_of(kept[-1])
        if known.exists():
            known.replace(self._mapping)
        else:
            self._mapping.unlink(missing_ok=True)
        kept[-1].unlink()
        return len(kept) - 1

    def _kept(self) -> list[Path]:
        found = [one for one in self._undo.glob(f"{self.path.stem}.*.csv") if one.name.split(".")[-2].isdecimal()]
        mine = [one for one in found if one.name.rsplit(".", 2)[0] == self.path.stem]
        return sorted(mine, key=lambda one: int(one.name.split(".")[-2]))


def _mapping_of(kept: Path) -> Path:
    """What was known when a deck was kept; absent: nothing."""
    return kept.with_suffix(SHEETS_SUFFIX)
