"""What a remittance text names: numbers of invoices, the number of an account. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")
SYMBOLS_MIN = 5
"""Of an invoice number that is looked for in texts: a shorter one may be a day, an amount, anything."""
PIECES_MAX = 12
_PIECE = re.compile(r"[A-Z]+|[0-9]+", re.ASCII)
_ACCOUNT = re.compile(r"(?:\b(?:ACCOUNT|ACCT|CUSTOMER|CLIENT)(?: ?(?:NO|NUMBER|NR|ID))?[ .:#]*|#)0*([1-9]\d{0,17})\b")


def squeezed(number: str) -> str:
    """Capitals and digits alone."""
    return "".join(_PIECE.findall(number.upper()))


def invoices_named(text: str, known: Mapping[str, T]) -> list[T]:
    """`known`: by squeezed number. Blanks, hyphens and slashes may be missing or others; more digits beside it
    may not: invoice 2026-1234 is not named by 2026-12345.
    """
    pieces = _PIECE.findall(text.upper())
    found: dict[str, T] = {}
    for first in range(len(pieces)):
        joined = ""
        for piece in pieces[first : first + PIECES_MAX]:
            joined += piece
            if len(joined) >= SYMBOLS_MIN and joined in known:
                found[joined] = known[joined]
    longest = [name for name in found if not any(name != other and name in other for other in found)]
    return [found[name] for name in longest]


def accounts_named(text: str) -> list[int]:
    """Numbers after a word such as account or customer, or after #."""
    return list(dict.fromkeys(int(found) for found in _ACCOUNT.findall(" ".join(text.upper().split()))))
