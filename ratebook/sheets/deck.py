"""A deck as rows that can be changed and written again. What an importer does not know of, it keeps."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from ratebook.money import format_nanos, parse_nanos
from ratebook.sheets.values import iso_of

OURS = ("prefix", "destination", "rate", "first_rate", "increments", "connect_fee", "effective", "until", "blocked")
ALWAYS = ""
"""Sorts before every date."""


class DeckUnreadable(Exception):
    """The deck is not one that an import may change; the text says why."""


class DeckRow(NamedTuple):
    """A row."""

    prefix: str
    destination: str
    rate_nanos: int
    first_rate_nanos: int | None = None
    increments: tuple[int, int] | None = None
    connect_fee_nanos: int | None = None
    effective: str | None = None
    """ISO date, or date and time, in the tariff's zone; None: always was."""
    until: str | None = None
    """Exclusive."""
    blocked: bool = False
    more: tuple[tuple[str, str], ...] = ()
    """Other columns and their texts."""

    @property
    def begins(self) -> str:
        """For sorting."""
        return self.effective or ALWAYS

    @property
    def price(self) -> tuple[int, int | None, tuple[int, int] | None, int | None, bool]:
        """What it costs by: two rows of one price differ in nothing that matters."""
        return self.rate_nanos, self.first_rate_nanos, self.increments, self.connect_fee_nanos, self.blocked

    def holds(self, moment: str) -> bool:
        """Whether it is in effect at an ISO date or date and time."""
        return self.begins <= moment and (self.until is None or moment < self.until)


def read_deck_rows(text: str) -> list[DeckRow]:
    """The rows of a deck's text; none of an empty one. Raises DeckUnreadable."""
    if not text.strip():
        return []
    first = text.splitlines()[0]
    reader = csv.DictReader(
        io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",", strict=True
    )
    try:
        reader.fieldnames = [name.strip().lower().replace(" ", "_") for name in reader.fieldnames or []]
        if not {"prefix", "rate"} <= set(reader.fieldnames):
            raise DeckUnreadable("the deck has no columns prefix and rate: import into one of its own")
        return [_row(row) for row in reader if any(row.values())]
    except (csv.Error, ValueError, TypeError, AttributeError) as fault:
        raise DeckUnreadable(f"line {reader.line_num} of the deck: {fault}") from None


def _row(row: dict[str, str]) -> DeckRow:
    def price(name: str) -> int | None:
        text = (row.get(name) or "").strip()
        return parse_nanos(text) if text else None

    first, _, following = (row.get("increments") or "").strip().partition("/")
    return DeckRow(
        prefix=row["prefix"].strip(),
        destination=(row.get("destination") or "").strip(),
        rate_nanos=price("rate") or 0,
        first_rate_nanos=price("first_rate"),
        increments=(int(first), int(following or first)) if first else None,
        connect_fee_nanos=price("connect_fee"),
        effective=_moment(row.get("effective") or ""),
        until=_moment(row.get("until") or ""),
        blocked=(row.get("blocked") or "").strip().lower() in {"yes", "true", "1", "y"},
        more=tuple((name, text) for name, text in row.items() if name not in OURS and text),
    )


@lru_cache(maxsize=1024)
def _moment(text: str) -> str | None:
    """In one form, whoever wrote it: moments are compared as texts. One with an offset of its own stays."""
    text = text.strip()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text or None
    return text if found.tzinfo else iso_of(found)


def write_deck_rows(rows: Iterable[DeckRow]) -> str:
    """The text of a deck, by prefix and date; columns that no row has are left out."""
    ordered = sorted(rows, key=lambda row: (row.prefix, row.begins))
    cells = [_cells(row) for row in ordered]
    more = dict.fromkeys(name for row in ordered for name, _ in row.more)
    used = ["prefix", "destination", "rate", *(name for name in OURS[3:] if any(row[name] for row in cells)), *more]
    out = io.StringIO()
    writer = csv.DictWriter(out, used, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(cells)
    return out.getvalue()


def _cells(row: DeckRow) -> dict[str, str]:
    return {
        "prefix": row.prefix,
        "destination": row.destination,
        "rate": "" if row.blocked and not row.rate_nanos else format_nanos(row.rate_nanos),
        "first_rate": "" if row.first_rate_nanos is None else format_nanos(row.first_rate_nanos),
        "increments": "/".join(map(str, row.increments)) if row.increments else "",
        "connect_fee": "" if row.connect_fee_nanos is None else format_nanos(row.connect_fee_nanos),
        "effective": row.effective or "",
        "until": row.until or "",
        "blocked": "yes" if row.blocked else "",
    } | dict(row.more)
