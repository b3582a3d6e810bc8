"""What is known about a carrier's sheets: their columns, and what their dates, dashes and missing codes mean."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from ratebook.sheets.codes import Dash
from ratebook.sheets.columns import Field
from ratebook.sheets.values import DateOrder


class Kind(StrEnum):
    """What a sheet says about the codes that it does not name."""

    FULL = "full"
    """They are withdrawn: an A to Z list."""
    COUNTRY = "country"
    """Those of the countries that it names are withdrawn."""
    PARTIAL = "partial"
    """They stay."""


class Twice(StrEnum):
    """Which row counts, of two with the same code and date."""

    LAST = "last"
    FIRST = "first"
    STOP = "stop"
    """Neither: nothing is imported."""


class Past(StrEnum):
    """What becomes of a new price whose date is over, for a code that has one."""

    NOW = "now"
    """It holds from the import on: calls that were made are not priced anew."""
    KEEP = "keep"
    STOP = "stop"


class Mapping(NamedTuple):
    """Answers, given once and kept beside the deck. None: not told yet."""

    columns: dict[Field, str]
    """The header's name by what it is; empty: guessed from the header each time."""
    kind: Kind | None = None
    dash: Dash | None = None
    date_order: DateOrder | None = None
    twice: Twice = Twice.LAST
    past: Past = Past.NOW
    notice_days: int | None = None
    """Increases are due so many days ahead, by contract; None: none agreed."""
    currency: str = ""
    """Empty: the sheets don't tell."""
    sheet: str = ""
    """Of a workbook; empty: the one with the longest table."""

    def to_record(self) -> dict[str, Any]:
        """As JSON or YAML; `from_record` reads it back."""
        found: dict[str, Any] = {"columns": {field.value: header for field, header in self.columns.items()}}
        found |= {
            name: value for name, value in self._asdict().items() if name != "columns" and value not in {None, ""}
        }
        return {name: value.value if isinstance(value, StrEnum) else value for name, value in found.items()}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Mapping:
        """Raises KeyError, TypeError or ValueError for what `to_record` didn't make."""
        parsers: dict[str, Any] = {
            "kind": Kind, "dash": Dash, "date_order": DateOrder, "twice": Twice, "past": Past, "notice_days": int,
            "sheet": str, "currency": str,
        }  # fmt: skip
        columns = {Field(name): str(header) for name, header in dict(record.get("columns") or {}).items()}
        more = {name: parsers[name](value) for name, value in record.items() if name != "columns" and value is not None}
        return cls(columns, **more)


NOTHING_KNOWN = Mapping({})
