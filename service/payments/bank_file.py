"""What a bank's file says, line by line, whatever its form. Pure. A file that can't be read as a whole is none."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

FILE_BYTES_MAX = 8 << 20
LINES_MAX = 10_000
TEXT_CHARACTERS_MAX = 1_000
"""Of a payer or a remittance: banks have less."""


class UnreadableFile(Exception):
    """Why, and where."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)


class BankLine(NamedTuple):
    """Money that came or went."""

    booked_on: str
    """A day, as YYYY-MM-DD."""
    amount_micros: int
    """Below zero: it went out."""
    currency: str
    payer: str
    remittance: str
    """What the payer has written, and whatever else names what was paid."""
    reference: str = ""
    """The bank's name for it, if it gives any."""
    odd: str = ""
    """Why a person must look at it; empty: nothing."""


def tidy(text: str) -> str:
    """In one line, without control characters, and not longer than anything that a bank writes."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(plain.split())[:TEXT_CHARACTERS_MAX]


def is_currency(text: str) -> bool:
    """Three capital letters."""
    return re.fullmatch(r"[A-Z]{3}", text, re.ASCII) is not None


def digests(lines: Iterable[BankLine]) -> list[str]:
    """By line. Those alike in one file are told apart by their order, so that the same file again has the same ones."""
    seen: Counter[str] = Counter()
    found = []
    for line in lines:
        said = json.dumps(line[:6], ensure_ascii=False)
        seen[said] += 1
        found.append(hashlib.sha256(f"{said}#{seen[said]}".encode("utf-8", "surrogatepass")).hexdigest())
    return found
