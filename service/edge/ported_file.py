"""Files of ported numbers: CSV of a number and its routing number, or the prefix of its new network.

They have millions of rows, so that nothing here keeps them all.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ratebook.compiled.layout import VERSION_BYTES
from service.faults import Fault

FAULTS_MAX = 20
"""Told of one file: the rest is of the same kind."""
NUMBER = re.compile(r"[1-9][0-9]{4,14}")
ROUTING = re.compile(r"[0-9]{2,20}")
TITLES = ("number", "routing")


class FileFaulty(Fault):
    """Nothing of the file is taken. Its text is one line a fault."""


class Ported(NamedTuple):
    """A number that has moved."""

    number: str
    routing: str


class Checked(NamedTuple):
    """A file without a fault."""

    version: bytes
    """By its content: the same rows in the same order have the same one."""
    numbers: int


def check_file(path: Path, prefix: str) -> Checked:
    """Reads the whole file once. `prefix`: what every number must begin with. Raises FileFaulty, all faults at once."""
    digest = hashlib.sha256(prefix.encode())
    numbers = 0
    faults: list[str] = []
    try:
        for line, row in _rows(path):
            found = _read(row, prefix)
            if isinstance(found, Ported):
                numbers += 1
                digest.update(f"{found.number} {found.routing}\n".encode())
            else:
                faults.append(f"{path.name}:{line}: {found}")
            if len(faults) >= FAULTS_MAX:
                break
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise FileFaulty(f"{path.name}: can't be read: {fault}: put a CSV file in UTF-8 there") from fault
    if not faults and not numbers:
        faults.append(f"{path.name}: no numbers in it: rows of number and routing number were expected")
    if faults:
        raise FileFaulty("\n".join(faults))
    return Checked(digest.digest()[:VERSION_BYTES], numbers)


def read_file(path: Path, prefix: str) -> Iterator[Ported]:
    """The rows of a file that was checked; what has become faulty since is left out, and the count tells."""
    for _, row in _rows(path):
        found = _read(row, prefix)
        if isinstance(found, Ported):
            yield found


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows with their lines, without titles, comments and blank ones."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        file.seek(0)
        reader = csv.reader(file, delimiter=";" if ";" in first else ",")
        for row in reader:
            if not any(row) or row[0].startswith("#"):
                continue
            if tuple(cell.strip().lower() for cell in row[:2]) != TITLES:
                yield reader.line_num, row


def _read(row: list[str], prefix: str) -> Ported | str:
    """A row's meaning, or what is wrong with it."""
    if len(row) < 2:
        return "a number and its routing number were expected, with a comma or semicolon between"
    number, routing = (cell.strip().removeprefix("+") for cell in row[:2])
    if not NUMBER.fullmatch(number):
        return f"{row[0]!r} is no number: E.164 digits were expected"
    if not number.startswith(prefix):
        return f"{number} does not begin with {prefix}, as all of this list must"
    if not ROUTING.fullmatch(routing):
        return f"{row[1]!r} is no routing number: 2 to 20 digits were expected"
    return Ported(number, routing)
