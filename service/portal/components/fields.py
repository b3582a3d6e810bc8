"""Fields of forms, from the model of what an endpoint takes: as printed, and what was typed as a body. Pure."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import BaseModel

from ratebook.money import format_micros, parse_micros
from service.api.problems import FieldError
from service.api.values import AMOUNT_SCHEMA, noun_in
from service.portal.components.labels import label_of, worded
from service.portal.formats import Formats

AREA = frozenset({"address", "csv", "reason", "source", "text", "note"})
KNOWN = frozenset({"language", "timezone", "zone", "currency"})
"""Texts that are one of many names: a form offers them, though the API's schema doesn't list them."""
_GROUPED = re.compile(r"-?\d{1,3}(\.\d{3})+(,\d+)?")
_WITH_COMMA = re.compile(r"-?\d+,\d+")


class Choice(NamedTuple):
    """One of several values."""

    value: str
    text: str
    note: str = ""
    """What it is for, where its name says too little."""


class Kind(NamedTuple):
    """What a field takes, by its schema."""

    name: str
    shape: str
    """text, area, password, email, colour, amount, number, check, choice, moment, lines, choices, file; map: a text
    for each of its choices; rows: a line of `parts` for each of several things."""
    noun: str = ""
    """What its numbers name; empty: nothing."""
    is_number: bool = False
    """Whether its value, or each of its values, is a number."""
    can_be_null: bool = False
    is_required: bool = False
    choices: tuple[str, ...] = ()
    hint: str = ""
    default: Any = None
    parts: tuple[Kind, ...] = ()
    """Of rows."""
    is_never_empty: bool = False
    """Of lines: a list of none of them is refused."""
    called: str = ""
    """By which name it has its label; empty: its own."""


class Field(NamedTuple):
    """A field as it is printed."""

    kind: Kind
    label: str
    values: tuple[str, ...]
    """What stands in it: one, or of several those that are chosen."""
    errors: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    now: str = ""
    """What somebody else made of it meanwhile; empty: nothing."""
    is_fixed: bool = False
    """It can be seen, not changed: something else has said what it is."""
    rows: tuple[tuple[Field, ...], ...] = ()
    """Of a field with several lines, their fields."""
    reloads: tuple[str, ...] = ()
    """Places in the page that are had anew once something else is chosen here: what other fields offer hangs on it."""
    unit: str = ""
    """Of an amount: its currency, where that is known."""
    meanings: tuple[Choice, ...] = ()
    """Names that can be written into it, each with what it means."""

    @property
    def value(self) -> str:
        """Of a field with one."""
        return self.values[0] if self.values else ""


@functools.cache
def kinds(model: type[BaseModel]) -> dict[str, Kind]:
    """Of every field of a model that a form can take, in order. `whom.country`: of the thing within it."""
    schema = model.model_json_schema()
    required = schema.get("required", [])
    found: dict[str, Kind] = {}
    for name, field in model.model_fields.items():
        told = _resolved(schema["properties"][name], schema.get("$defs", {}))
        within, is_list = _model_in(field.annotation)
        if within is None:
            kind = _kind(name, told, noun_in(field.annotation, field.metadata), is_required=name in required)
            found |= {} if kind is None else {name: kind}
        elif is_list:
            found[name] = Kind(name, "rows", hint=_hint(told), parts=tuple(kinds(within).values()))
        else:
            found |= {f"{name}.{one.name}": one._replace(name=f"{name}.{one.name}") for one in kinds(within).values()}
    return found


def _model_in(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The model that a field holds, and whether it holds several; null doesn't count."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    for argument in getattr(annotation, "__args__", ()):
        model, is_list = _model_in(argument)
        if model is not None:
            return model, is_list or getattr(annotation, "__origin__", None) is list
    return None, False


def _resolved(told: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """With the names of lists of values replaced by the lists; other things keep theirs."""
    found = dict(told)
    name = str(found.get("$ref", "")).rpartition("/")[2]
    if "enum" in known.get(name, {}):
        return {**known[name], **{key: value for key, value in found.items() if key != "$ref"}}
    if "items" in found:
        found["items"] = _resolved(found["items"], known)
    if "anyOf" in found:
        found["anyOf"] = [_resolved(way, known) for way in found["anyOf"]]
    return found


def _kind(name: str, told: Mapping[str, Any], noun: str, *, is_required: bool) -> Kind | None:
    ways = [way for way in told.get("anyOf", [told]) if way.get("type") != "null"]
    if len(ways) != 1:
        return None
    way: Mapping[str, Any] = ways[0]
    shape = _shape(name, way, noun)
    if shape is None:
        return None
    within = way.get("items", way)
    is_known = shape == "text" and name in KNOWN
    return Kind(
        name=name,
        shape="choice" if is_known else shape,
        noun=noun,
        is_number=within.get("type") == "integer",
        can_be_null=_can_be_null(name, told, has_null=len(ways) != len(told.get("anyOf", [told])), is_known=is_known),
        is_required=is_required,
        choices=tuple(str(one) for one in within.get("propertyNames", within).get("enum", [])),
        hint=_hint(told, name) or _hint(way, name),
        default=told.get("default"),
        is_never_empty=bool(way.get("minItems")),
    )


def _can_be_null(name: str, told: Mapping[str, Any], *, has_null: bool, is_known: bool) -> bool:
    """Whether nothing can be chosen, or said. Languages and zones that are left out stay."""
    return (has_null and name == "currency") or told.get("default") == "" if is_known else has_null


def _hint(told: Mapping[str, Any], name: str = "") -> str:
    """As a form says it: what is null in the API is left empty there, and names are those of its fields. What the label
    says already isn't said again.
    """
    text = str(told.get("description", ""))
    if label_of(name).endswith("(exclusive)"):
        text = text.removeprefix("Exclusive").removeprefix("; ")
        text = text[:1].upper() + text[1:]
    return worded(re.sub(r"\b[Nn]ull:", lambda found: "empty:" if found.start() else "Empty:", text))


def _shape(name: str, way: Mapping[str, Any], noun: str) -> str | None:
    sort = way.get("type")
    if "$ref" in way:
        return None
    if sort == "object":
        return "map" if _is_map(way) else None
    if sort == "array":
        items = way["items"]
        if "$ref" in items or items.get("type") not in {"string", "integer"}:
            return None
        return "choices" if noun or "enum" in items else "lines"
    if "enum" in way or noun:
        return "choice"
    if sort in {"boolean", "integer"}:
        return {"boolean": "check", "integer": "number"}[sort]
    return _text_shape(name, way) if sort == "string" else None


def _is_map(way: Mapping[str, Any]) -> bool:
    """Whether an object has a text for each of the names that it knows."""
    return "enum" in way.get("propertyNames", {}) and way["additionalProperties"].get("type") == "string"


def _text_shape(name: str, way: Mapping[str, Any]) -> str:
    if way.get("contentEncoding") == "base64":
        return "file"
    if way.get("pattern") == AMOUNT_SCHEMA["pattern"]:
        return "amount"
    if way.get("format") in {"password", "date-time"}:
        return "password" if way["format"] == "password" else "moment"
    if name in {"email", "sender_address"}:
        return "email"
    if name.endswith("_colour"):
        return "colour"
    return "area" if name in AREA else "text"


def shown(kind: Kind, value: Any, formats: Formats, currency: str = "") -> tuple[str, ...]:
    """The texts that stand in a field for a value as the API tells it in JSON, or as the model has it by itself.
    `currency`: of amounts; empty: it isn't known.
    """
    if value is None:
        return ()
    if kind.shape == "lines":
        return ("\n".join(str(one) for one in value),)
    if kind.shape == "choices":
        return tuple(str(one) for one in value)
    if kind.shape == "map":
        return tuple(str(value.get(name, "")) for name in kind.choices)
    if kind.shape == "rows":
        return tuple(_shown_part(part, row, formats) for row in value for part in kind.parts)
    if kind.shape == "check":
        return ("yes",) if value else ()
    if kind.shape == "moment":
        at_ms = value if isinstance(value, int) else round(datetime.fromisoformat(value).timestamp() * 1000)
        return (formats.field_moment(at_ms),) if value else ()
    if kind.shape == "amount":
        return (_shown_amount(value, formats, currency),)
    return (str(value),)


def _shown_amount(value: int | str, formats: Formats, currency: str) -> str:
    """Text that is no amount stays."""
    try:
        return formats.field_amount(value if isinstance(value, int) else parse_micros(value), currency)
    except ValueError:
        return str(value)


def _shown_part(part: Kind, row: Mapping[str, Any], formats: Formats) -> str:
    """One text of a thing that has several."""
    return next(iter(shown(part, row.get(part.name), formats, row.get("currency") or "")), "")


def read(kind: Kind, typed: Sequence[str], formats: Formats) -> Any:
    """The JSON value of what was typed; None: nothing. What can't be read stays text, and the form tells what it is."""
    if kind.shape == "check":
        return bool(typed)
    if kind.shape == "map":
        return {name: text.strip() for name, text in zip(kind.choices, typed, strict=True) if text.strip()} or None
    if kind.shape == "choices":
        return _numbered(kind, typed)
    if kind.shape == "rows":
        return [_row(kind.parts, line, formats) for line in batched(typed, len(kind.parts))]
    return _text_value(kind, (typed[0] if typed else "").replace("\r\n", "\n"), formats)


def _text_value(kind: Kind, text: str, formats: Formats) -> Any:
    """Of what stands in one text, which may have lines."""
    if kind.shape == "lines":
        parts = re.split(r"[\s,;]" if kind.is_number else r"[\n;]", text)
        return _numbered(kind, [part.strip() for part in parts if part.strip()])
    value = text if kind.shape == "password" else text.strip()
    if not value:
        return None
    if kind.is_number:
        return _number(value)
    if kind.shape == "amount":
        return amount(value, formats)
    return moment(value, formats) if kind.shape == "moment" else value


def batched(texts: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """Lines of so many texts each."""
    return [tuple(texts[at : at + size]) for at in range(0, len(texts), size)]


def _row(parts: Sequence[Kind], line: Sequence[str], formats: Formats) -> dict[str, Any]:
    """What was said of one thing."""
    found = {part.name: read(part, [text], formats) for part, text in zip(parts, line, strict=True)}
    return {name: value for name, value in found.items() if value is not None}


def _numbered(kind: Kind, texts: Sequence[str]) -> list[int | str]:
    return [_number(one) if kind.is_number else one for one in texts]


def _number(text: str) -> int | str:
    return int(text) if re.fullmatch(r"-?[0-9]{1,19}", text) else text


def amount(text: str, formats: Formats) -> str:
    """As the API wants it. Where a comma stands before decimals, thousands apart by points are not guessed at."""
    if not formats.comma():
        return _plain_amount(text)
    if _GROUPED.fullmatch(text):
        return f"?{text}"  # 1.234 may be a thousand: no amount, so the form asks again
    return _plain_amount(text.replace(",", ".", 1) if _WITH_COMMA.fullmatch(text) else text)


def _plain_amount(text: str) -> str:
    try:
        return format_micros(parse_micros(text))
    except ValueError:
        return text


def moment(text: str, formats: Formats) -> str:
    """What an input of the kind datetime-local sends, with the visitor's zone; other text as it is."""
    try:
        found = datetime.fromisoformat(text)
        zoned = found if found.tzinfo is not None else found.replace(tzinfo=formats.zone)
        return zoned.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):  # no time, or one that UTC has in no year
        return text


def is_moment(value: str) -> bool:
    """Whether what was typed is a time; other text the endpoint refuses."""
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def errors_by_field(errors: Sequence[FieldError], names: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """What is wrong, by the field that it stands beside; and what belongs to no field of the form."""
    beside: dict[str, list[str]] = {}
    above: list[str] = []
    for one in errors:
        name, _, rest = one.pointer.removeprefix("/").partition("/")
        if name not in names and "/" not in rest:
            name, rest = f"{name}.{rest}", ""
        if name in names:
            beside.setdefault(name, []).append(f"{_place(name, rest)}{one.detail}")
        else:
            above.append(f"{one.pointer}: {one.detail}" if one.pointer else one.detail)
    return beside, above


def _place(name: str, rest: str) -> str:
    """Which one of several lines: their numbers begin with 0 in the API, but for those of CSV; with 1 for people."""
    number, _, within = rest.partition("/")
    if not number.isdecimal():
        return f"{number}: " if number else ""
    line = int(number) if name == "csv" else int(number) + 1
    return f"{line}: {within}: " if within else f"{line}: "


def field(
    kind: Kind, label: str, values: tuple[str, ...], errors: Sequence[str] = (), choices: Sequence[Choice] = ()
) -> Field:
    """A field, its choices completed by what stands in it."""
    if kind.shape == "map":
        return Field(kind, label, values, tuple(errors), tuple(choices))
    known = {one.value for one in choices}
    more = [Choice(one, f"#{one}" if kind.noun else one) for one in values if one and one not in known]
    listed = (*choices, *more) if kind.shape in {"choice", "choices"} else ()
    return Field(kind, label, values, tuple(errors), listed)
