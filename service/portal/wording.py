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
    """What turns a refusal of the API into another language: found by what stands around its names and numbers.

    Of a fault in a text, `file:3:5: what is wrong: what was expected`, the place stays. What is wrong in a line or an
    entry of somebody's file is told by itself.
    """
    refusals, faults = _Refusals(language), _Faults(language)

    def refuse(text: str) -> str:
        if len(text) > SENTENCE_MAX:
            return text
        place, line = _PLACED.match(text), _LINE.match(text)
        if line is not None:
            return sentence_in(language)(f"{line[1]} {{0}}: {{1}}").format(line[2], refusals.told(text[line.end() :]))
        return refusals.told(text) if place is None else place[0] + faults.told(text[place.end() :])

    return refuse


class _Refusals:
    """What one language has for what the API refuses."""

    def __init__(self, language: str) -> None:
        self._known, self._say = _sentences(language), say_in(language)
        self._patterns = _patterns(language)
        self._rights = {one.value: meaning(one) for one in Permission}

    def told(self, text: str) -> str:
        """What nobody knows stays as it is."""
        return self._whole(text) or self._joined(text) or text

    def _whole(self, text: str) -> str | None:
        """Of one sentence; None: it isn't known."""
        if text in self._known:
            return self._known[text]
        for fixed, pattern, sentence in self._patterns:
            match = pattern.fullmatch(text) if fixed in text else None
            if match is not None:
                return self._own(sentence).format(*map(self._filled, match.groups()))
        return None

    def _joined(self, text: str) -> str | None:
        """Of two with a colon between them, of which one may say nothing but a name and what stands there."""
        ends = [match.start() for match in re.finditer(": ", text)][:COLONS_MAX]
        split = [(self._whole(text[:at]), self._whole(text[at + 2 :]), at) for at in ends]
        known = [one for one in split if one[0] is not None or one[1] is not None]
        if not known:
            return None
        first, last, at = max(known, key=lambda one: (one[0] is not None) + (one[1] is not None))
        return f"{text[:at] if first is None else first}: {text[at + 2 :] if last is None else last}"

    def _filled(self, text: str) -> str:
        """A name, names one after the other, or a sentence within another."""
        whole = self._whole(text) if " " in text and text[0] not in QUOTES else None
        return ", ".join(map(self._called, text.split(", "))) if whole is None else whole

    def _own(self, sentence: str) -> str:
        return sentence

    def _called(self, name: str) -> str:
        right = self._rights.get(name)
        return self._known.get(name, name) if right is None else self._say(right)


class _Faults(_Refusals):
    """What is wrong with a text: its own names are no words, and its numbers have a point in every language."""

    def told(self, text: str) -> str:
        """Behind the place."""
        return self._joined(text) or self._whole(text) or text

    def _own(self, sentence: str) -> str:
        return _COMMA.sub(".", sentence)

    def _called(self, name: str) -> str:
        return name


_PLACED = re.compile(r"[^\s:][^\s]*?:[0-9]+:[0-9]+: ")
_LINE = re.compile(r"(line|entry) ([0-9]+): ")
_COMMA = re.compile(r"(?<=[0-9]),(?=[0-9])")
SENTENCE_MAX = 1_000
"""Characters: what is longer has more of somebody's text in it than of ours, and would be looked through for ever."""
COLONS_MAX = 8
"""Of a fault, where it may be parted into what is wrong and what was expected."""
QUOTES = "'\""
"""What begins with one was written by somebody."""


@functools.cache
def _sentences(language: str) -> dict[str, str]:
    """All that there are words for. In English those that a page says otherwise than the API."""
    if language != ENGLISH:
        return {str(one.id): str(one.string) for one in catalogue(language) if one.id and one.string}
    known = {str(one.id) for other in languages() for one in catalogue(other) if one.id}
    return {text: said for text in known if (said := ON_PAGES.get(text) or worded(text)) != text}


@functools.cache
def _patterns(language: str) -> list[tuple[str, re.Pattern[str], str]]:
    """Sentences with {0}, {1} in them, each behind its longest part; those that say most by themselves first."""
    found = []
    for english, other in _sentences(language).items():
        parts = _FILLED.split(english)
        if len(parts) > 1 and sum(map(len, parts)) >= WORDS_MIN:
            pattern = re.compile("(.*?)".join(map(re.escape, parts)), re.DOTALL)
            found.append((sum(map(len, parts)), max(parts, key=len), pattern, other))
    found.sort(key=lambda one: -one[0])
    return [(fixed, pattern, sentence) for _, fixed, pattern, sentence in found]


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
