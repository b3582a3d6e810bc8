"""What the doctor says: a sentence and what is filled in, so that it can be told in any language. Pure.

The sentence itself is its own key: English stands here, catalogues have the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple


class Sentence(NamedTuple):
    """English, with {0}, {1} for what is filled in."""

    text: str
    values: tuple[Any, ...] = ()
    """Numbers, names that stay as they are, and sentences, which are told too."""

    def __str__(self) -> str:
        """In English."""
        return self.told(lambda text: text)

    def told(self, say: Callable[[str], str]) -> str:
        """By whoever knows the words of a language."""
        filled = (one.told(say) if isinstance(one, Sentence) else one for one in self.values)
        return say(self.text).format(*filled)

    def filled(self, *values: object) -> Sentence:
        """The same one about these."""
        return sentence(self.text, *values)

    def to_record(self) -> list[Any]:
        """As JSON keeps it: the text, then what is filled in; a list among that is a sentence."""
        return [self.text, *(one.to_record() if isinstance(one, Sentence) else one for one in self.values)]

    @classmethod
    def from_record(cls, record: Sequence[Any]) -> Sentence:
        """The way back."""
        text, *values = record
        return cls(text, tuple(cls.from_record(one) if isinstance(one, list) else one for one in values))


def sentence(text: str, *values: object) -> Sentence:
    """Of values as databases give them: sums that are whole numbers, and None for nothing."""
    return Sentence(text, tuple(_plain(one) for one in values))


def _plain(value: object) -> object:
    if value is None:
        return Sentence("nothing")
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    return value if isinstance(value, int | str | Sentence) else str(value)


def joined(sentences: Sequence[Sentence], between: str) -> Sentence:
    """One after the other."""
    return Sentence(between.join(f"{{{number}}}" for number in range(len(sentences))), tuple(sentences))
