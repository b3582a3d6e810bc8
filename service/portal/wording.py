"""What pages say, in their reader's language: English in the code, catalogues for the others (gettext's .po)."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection
from pathlib import Path

from babel import Locale
from babel.core import negotiate_locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from service.access.permissions import Permission, meaning
from service.portal.components.labels import worded
from service.portal.plain import ON_PAGES

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


def sentence_in(language: str) -> Say:
    """What turns a sentence of the rooms into another language, before it is filled in; English as pages say it."""
    known = _sentences(language)
    return lambda text: known.get(text, text)


def refusal_in(language: str) -> Say:
    """What turns a refusal of the API into another language: found by what stands around its names and numbers."""
    known, say = _sentences(language), say_in(language)
    rights = {one.value: meaning(one) for one in Permission}

    def refuse(text: str) -> str:
        if text in known or not text:
            return known.get(text, "")
        for pattern, sentence in _patterns(language):
            match = pattern.fullmatch(text)
            if match is not None:
                return sentence.format(*(", ".join(map(called, one.split(", "))) for one in match.groups()))
        return text

    def called(name: str) -> str:
        right = rights.get(name)
        return known.get(name, name) if right is None else say(right)

    return refuse


@functools.cache
def _sentences(language: str) -> dict[str, str]:
    """All that there are words for. In English those that a page says otherwise than the API."""
    if language != ENGLISH:
        return {str(one.id): str(one.string) for one in catalogue(language) if one.id and one.string}
    known = {str(one.id) for other in languages() for one in catalogue(other) if one.id}
    return {text: said for text in known if (said := ON_PAGES.get(text) or worded(text)) != text}


@functools.cache
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Sentences with {0}, {1} in them; those that say most by themselves first."""
    found = []
    for english, other in _sentences(language).items():
        parts = _FILLED.split(english)
        if len(parts) > 1 and sum(map(len, parts)) >= WORDS_MIN:
            pattern = re.compile("(.*?)".join(map(re.escape, parts)), re.DOTALL)
            found.append((sum(map(len, parts)), pattern, other))
    found.sort(key=lambda one: -one[0])
    return [(pattern, sentence) for _, pattern, sentence in found]


_FILLED = re.compile(r"{[0-9]}")
WORDS_MIN = 4
"""Characters that a sentence must have beside what is filled in, to be known by them."""


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


def language_names(others: Collection[str] = ()) -> dict[str, str]:
    """Each language by its own name; `others`: beside those of pages."""
    tags = sorted({*languages(), *others}, key=lambda one: (one != ENGLISH, one))
    return {one: (Locale.parse(one).get_display_name(one) or one).capitalize() for one in tags}
