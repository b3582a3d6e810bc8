"""What pages say, in their reader's language: English in the code, catalogues for the others (gettext's .po)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from babel import Locale
from babel.core import negotiate_locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

FOLDER = Path(__file__).with_name("languages")
ENGLISH = "en"
Say = Callable[[str], str]


@functools.cache
def languages() -> list[str]:
    """Those that there are words in."""
    return [ENGLISH, *sorted(path.stem for path in FOLDER.glob("*.po"))]


@functools.cache
def catalogue(language: str) -> Catalog:
    """A language's words. English needs none."""
    if language == ENGLISH:
        return Catalog(locale=ENGLISH)
    with (FOLDER / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def say_in(language: str) -> Say:
    """What turns an English sentence of the code into another language; where a word is missing it stays English."""
    words = catalogue(language)

    def say(text: str) -> str:
        found = words.get(text)
        return str(found.string) if found is not None and found.string else text

    return say


def language_for(tag: str) -> str:
    """The language with words for somebody's tag: pt-BR is read in pt, and in English if there is none."""
    wanted = tag.partition("-")[0].lower()
    return wanted if wanted in languages() else ENGLISH


def language_asked(accept: str) -> str:
    """The best of an Accept-Language header, for who isn't signed in."""
    weighed = []
    for part in accept[:500].split(","):
        tag, _, rest = part.strip().partition(";")
        weighed.append((_weight(rest), tag.strip().replace("-", "_")))
    tags = [tag for weight, tag in sorted(weighed, key=lambda one: -one[0]) if weight]
    return negotiate_locale(tags, languages()) or ENGLISH


def _weight(text: str) -> int:
    """In thousandths."""
    value = text.strip().removeprefix("q=")
    if not text.strip():
        return 1000
    try:
        return round(float(value) * 1000)
    except (ValueError, OverflowError):  # no number, and one that is none: inf
        return 0


def language_names() -> dict[str, str]:
    """Each language by its own name."""
    return {one: (Locale.parse(one).get_display_name(one) or one).capitalize() for one in languages()}
