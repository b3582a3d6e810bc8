"""The paper's fonts: what they can show, and how wide it is. What none can show gets a mark: PDF/A has no holes."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path

from service.billing.paper.opentype import widths_in

FOLDER = Path(__file__).parent / "fonts"
FAMILIES = (
    "Noto Sans",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Noto Sans Armenian",
    "Noto Sans Georgian",
    "Noto Sans Thai",
    "Noto Sans Devanagari",
    "Droid Sans Fallback",
)
"""In the order in which a character is looked for."""
INSTEAD = "\ufffd"
_UNSEEN = re.compile("[\u00ad\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What turns the direction of writing: a name must not turn what stands beside it. And the soft hyphen, which has the
hyphen's glyph: sums below zero would be copied with it in front.
"""


def showable(text: str) -> str:
    """The text as it can be printed."""
    if text.isascii():
        return text
    can = covered()
    return "".join(char if char in can else INSTEAD for char in _UNSEEN.sub("", text))


@cache
def covered() -> frozenset[str]:
    """All characters of all fonts that can be seen, and the line feed."""
    files = sorted(FOLDER.glob("*.ttf"))
    found = set().union(*(widths_in(file.read_bytes()) for file in files))
    return frozenset(char for char in found if unicodedata.category(char) != "Cc") | {"\n"}


def width_of(text: str) -> int | None:
    """Thousandths of an em in the first font, in regular weight; None: other fonts are needed."""
    widths = _first_widths()
    found = [widths.get(char) for char in text]
    return sum(width or 0 for width in found) if None not in found else None


@cache
def _first_widths() -> dict[str, int]:
    return widths_in((FOLDER / "NotoSans-Regular.ttf").read_bytes())
