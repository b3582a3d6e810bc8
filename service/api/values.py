"""Kinds of values that requests and answers are made of. Text becomes a value here, and nowhere further in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from ratebook.money import format_micros, parse_micros
from service.zones import zones

ID_MAX = 2**63 - 1
ABOVE = "above"
"""Instead of the name of somebody who stands outside the viewer's subtree."""
TEXT_CHARACTERS_MAX = 1_000
WHEN_MAX_MS = 32_503_680_000_000
"""The year 3000: what lies before can be written down in any zone, and with some days added."""
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
_DIGITS = re.compile(r"[0-9]{1,19}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")


def number_in(text: str) -> int:
    """The number that a text is, however long it is; 0: it is none that a thing or a version can have."""
    number = int(text) if _DIGITS.fullmatch(text) else 0
    return number if number <= ID_MAX else 0


class Asked(BaseModel):
    """What is sent to us: unknown fields are faults. Its validator is made with the first one: a start needs none."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, str_strip_whitespace=True)


class Told(BaseModel):
    """What we send; its validators as those of what is asked."""

    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True, from_attributes=True)


class Ref(NamedTuple):
    """Marks a number that names something: it is looked up within the asker's subtree before anything is done."""

    noun: str


def _plain(text: str) -> str:
    if any(ord(char) < 32 or 127 <= ord(char) < 160 or 0xD800 <= ord(char) < 0xE000 for char in text):
        raise ValueError("text must not hold control characters")
    if not _turns_back(text):
        raise ValueError("text must end each change of direction that it begins: what stands behind it would be turned")
    return text


_ENDS = dict.fromkeys("\u202a\u202b\u202d\u202e", "\u202c") | dict.fromkeys("\u2066\u2067\u2068", "\u2069")
"""By the mark that begins a direction (Unicode Standard Annex 9, "Explicit Directional Formatting Characters")."""


def _turns_back(text: str) -> bool:
    """Whether what stands behind a text is read as if the text weren't there."""
    open_ones: list[str] = []
    for char in text if not text.isascii() else "":
        if char in _ENDS:
            open_ones.append(_ENDS[char])
        elif open_ones and char == open_ones[-1]:
            open_ones.pop()
    return not open_ones


def _amount(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError('write an amount as text, such as "12.50"')  # noqa: TRY004 -- pydantic wants ValueError
    return parse_micros(value) if isinstance(value, str) else value


def moment_text(wall_ms: int | None) -> str | None:
    """UTC, to the millisecond (RFC 3339). None or 0: never."""
    if not wall_ms:
        return None
    whole, rest = divmod(wall_ms, 1000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03}Z"


def parse_moment(value: object) -> object:
    """Milliseconds of an ISO 8601 text with a zone. Raises ValueError."""
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as fault:
        raise ValueError("this is no time: write one such as 2026-11-30T12:00:00Z") from fault
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone, such as 2026-11-30T12:00:00Z")
    return (moment - _EPOCH) // _MILLISECOND


def _in_time(wall_ms: int) -> int:
    if not 0 <= wall_ms < WHEN_MAX_MS:
        raise ValueError("a time lies in the years 1970 to 2999")
    return wall_ms


AMOUNT_SCHEMA = {"type": "string", "pattern": r"^-?\d{1,12}(\.\d{1,6})?$", "examples": ["12.50"]}
YAML = {"contentMediaType": "application/yaml"}
"""More of a field's schema: a text that stands in a file; the command takes `@FILE`, too."""
Text = Annotated[str, Field(max_length=TEXT_CHARACTERS_MAX), AfterValidator(_plain)]
Words = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_plain)]
"""Text that must say something."""
Micros = Annotated[int, BeforeValidator(_amount), WithJsonSchema(AMOUNT_SCHEMA)]
"""An amount that is sent to us: decimal text, micro-units inside."""
Money = Annotated[int, PlainSerializer(format_micros, return_type=str), WithJsonSchema(AMOUNT_SCHEMA)]
"""An amount that we send."""
Moment = Annotated[
    int | None,
    PlainSerializer(moment_text, return_type=str | None),
    WithJsonSchema({"type": ["string", "null"], "format": "date-time", "examples": ["2026-11-30T12:00:00.000Z"]}),
]
"""A time that we send: UTC. None or 0: never."""
When = Annotated[
    int,
    BeforeValidator(parse_moment),
    AfterValidator(_in_time),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-30T12:00:00Z"]}),
]
"""A time that is sent to us."""
Number = Annotated[int, Field(ge=1, le=ID_MAX)]
AccountId = Annotated[Number, Ref("account")]
UserId = Annotated[Number, Ref("user")]
RoleId = Annotated[Number, Ref("role")]
TariffId = Annotated[Number, Ref("tariff")]
PlanId = Annotated[Number, Ref("plan")]
TrunkId = Annotated[Number, Ref("trunk")]
GatewayId = Annotated[Number, Ref("gateway")]
DeviceId = Annotated[Number, Ref("device")]
InvoiceId = Annotated[Number, Ref("invoice")]
ReconciliationId = Annotated[Number, Ref("reconciliation")]
ReratingId = Annotated[Number, Ref("rerating")]
StatementId = Annotated[Number, Ref("statement")]
Limit = Annotated[int, Field(ge=1, le=1_000_000)]
"""Of channels or calls a second."""


class Named(NamedTuple):
    """A number in a request that names something."""

    pointer: str
    noun: str
    id: int


def named_in(value: Any, pointer: str = "", noun: str = "") -> Iterator[Named]:
    """Every number of a request that names something, wherever it stands in it."""
    if isinstance(value, BaseModel):
        for name in sorted(value.model_fields_set):
            field = type(value).model_fields[name]
            yield from named_in(getattr(value, name), f"{pointer}/{name}", noun_in(field.annotation, field.metadata))
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield from named_in(one, f"{pointer}/{index}", noun)
    elif noun and isinstance(value, int) and not isinstance(value, bool):
        yield Named(pointer, noun, value)


def noun_in(annotation: Any, metadata: Any) -> str:
    """What a field's numbers name; empty: nothing. Looks into lists and alternatives."""
    for mark in metadata:
        if isinstance(mark, Ref):
            return mark.noun
    for argument in getattr(annotation, "__args__", ()):
        found = noun_in(argument, getattr(argument, "__metadata__", ()))
        if found:
            return found
    return ""


def zone_of(name: str) -> str:
    """A time zone's name. Raises ValueError."""
    if name not in zones():
        raise ValueError("no time zone: write a name such as Europe/Berlin or UTC")
    return name


def language_of(tag: str) -> str:
    """A language (BCP 47), such as en or pt-BR. Raises ValueError."""
    if not _LANGUAGE.fullmatch(tag):
        raise ValueError("no language: write a tag such as en or pt-BR")
    return tag
