"""CSV of a bank by a mapping of its columns: nothing is guessed but separator and letters. Pure."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import islice
from typing import NamedTuple

from ratebook.money import parse_micros
from service.payments.bank_file import LINES_MAX, BankLine, UnreadableFile, is_currency, tidy

LINE_CHARACTERS_MAX = 1 << 14
HEADER_LINES_MAX = 30
"""Of what banks write above the table."""
CREDIT = frozenset({"C", "CR", "CRDT", "CREDIT", "H", "HABEN", "+"})
DEBIT = frozenset({"D", "DR", "DBIT", "DEBIT", "S", "SOLL", "-"})
_DATES = {
    "ymd": r"(?P<y>\d{4})[-./]?(?P<m>\d{2})[-./]?(?P<d>\d{2})",
    "dmy": r"(?P<d>\d{1,2})[-./](?P<m>\d{1,2})[-./](?P<y>\d{2}|\d{4})",
    "mdy": r"(?P<m>\d{1,2})[-./](?P<d>\d{1,2})[-./](?P<y>\d{2}|\d{4})",
}
_GROUPED = re.compile(r"\d{1,3}(?P<mark>[.,' ])\d{3}(?:(?P=mark)\d{3})*", re.ASCII)


class Layout(NamedTuple):
    """How a bank's table is read."""

    columns: Mapping[str, str]
    """The header's names: booked, amount, remittance; currency, payer, sign, reference if there are such."""
    date_order: str = "ymd"
    decimal_mark: str = "."
    currency: str = ""
    """Where no column says it."""


def read_csv(raw: bytes, how: Layout) -> list[BankLine]:
    """Raises UnreadableFile."""
    rows = _rows(_decoded(raw), how)
    header = _header(rows, how)
    at = {field: header.index(name) for field, name in how.columns.items()}
    found: list[BankLine] = []
    for number, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            raise UnreadableFile(f"{len(row)} cells, and there are {len(header)} columns", number)
        if len(found) == LINES_MAX:
            raise UnreadableFile(f"more than {LINES_MAX} lines: take fewer days at once")
        found.append(_line({field: row[place].strip() for field, place in at.items()}, how, number))
    return found


def _header(rows: Iterator[tuple[int, list[str]]], how: Layout) -> list[str]:
    """Of the table; what stands above it is read over."""
    names = how.columns.values()
    for _, row in islice(rows, HEADER_LINES_MAX):
        header = [cell.strip() for cell in row]
        if set(names) <= set(header):
            doubled = [name for name in names if header.count(name) > 1]
            if doubled:
                raise UnreadableFile(f"the column {doubled[0]!r} stands there twice")
            return header
    raise UnreadableFile(f"no line names all of the columns {', '.join(map(repr, names))}")


def _decoded(raw: bytes) -> str:
    """UTF-8, UTF-16 with its mark, or Windows-1252, which many banks write."""
    for encoding in ["utf-16"] if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else ["utf-8-sig", "cp1252"]:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            raise UnreadableFile("it has zero bytes: this is no CSV", text.count("\n", 0, text.index("\0")) + 1)
        return text
    raise UnreadableFile("letters that are neither UTF-8 nor Windows-1252: save it as UTF-8")


def _rows(text: str, how: Layout) -> Iterator[tuple[int, list[str]]]:
    """With the line that each ends at."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_CHARACTERS_MAX:
            raise UnreadableFile(f"{len(line)} characters: {LINE_CHARACTERS_MAX} at most", number)
    reader = csv.reader(lines, delimiter=_delimiter(lines, how), strict=True)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as fault:
        raise UnreadableFile(f"this is no CSV ({fault})", reader.line_num) from None


def _delimiter(lines: list[str], how: Layout) -> str:
    """The one by which a line has all of the columns' names."""
    for line in lines[:HEADER_LINES_MAX]:
        for mark in ";,\t|":
            try:
                cells = {cell.strip() for cell in next(csv.reader([line], delimiter=mark), [])}
            except csv.Error:
                continue
            if set(how.columns.values()) <= cells:
                return mark
    return ";"


def _line(cells: Mapping[str, str], how: Layout, number: int) -> BankLine:
    try:
        return BankLine(
            booked_on=parse_day(cells["booked"], how.date_order),
            amount_micros=_signed(parse_amount(cells["amount"], how.decimal_mark), cells.get("sign")),
            currency=_currency(cells.get("currency", "").upper() or how.currency),
            payer=tidy(cells.get("payer", "")),
            remittance=tidy(cells["remittance"]),
            reference=tidy(cells.get("reference", "")),
        )
    except ValueError as fault:
        raise UnreadableFile(str(fault), number) from None


def _currency(text: str) -> str:
    if not is_currency(text):
        raise ValueError(f"{text[:10]!r} is no currency such as EUR")
    return text


def _signed(micros: int, sign: str | None) -> int:
    if sign is None:
        return micros
    if sign.upper() in CREDIT:
        return micros
    if sign.upper() in DEBIT:
        return -abs(micros)
    raise ValueError(f"{sign[:20]!r} says neither credit nor debit")


def parse_day(text: str, order: str) -> str:
    """As YYYY-MM-DD. Raises ValueError."""
    match = re.fullmatch(_DATES[order], text, re.ASCII)
    if match is None:
        raise ValueError(f"{text[:30]!r} is no date with {order} in this order")
    year = int(match["y"])
    try:
        return date(year + 2000 if year < 100 else year, int(match["m"]), int(match["d"])).isoformat()
    except ValueError:
        raise ValueError(f"there is no day {text[:30]!r}") from None


def parse_amount(text: str, decimal_mark: str) -> int:
    """Micro-units of an amount as banks print it: +, - before or behind, thousands apart. Raises ValueError."""
    plain = text.replace("\u00a0", " ").replace("\u202f", " ").replace("\u2019", "'").replace("\u2212", "-").strip()
    sign = "-" if plain.startswith("-") or plain.endswith("-") else ""
    body = plain[1:] if plain[:1] in {"+", "-"} else plain[:-1] if plain[-1:] in {"+", "-"} else plain
    whole, mark, part = body.strip().partition(decimal_mark)
    grouped = _GROUPED.fullmatch(whole)
    if grouped and grouped["mark"] != decimal_mark:
        whole = whole.replace(grouped["mark"], "")
    try:
        if not whole.isdecimal():
            raise ValueError  # noqa: TRY301 -- told below
        return parse_micros(f"{sign}{whole}{'.' if mark else ''}{part}")
    except ValueError:
        raise ValueError(f"{text[:30]!r} is no amount with {decimal_mark!r} before its decimals") from None
