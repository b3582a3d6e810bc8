"""From an endpoint's models to options, and from options back to what the API takes."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import click
from pydantic import BaseModel

from service.api.endpoint import Endpoint
from service.api.values import noun_in
from service.cli.names import Names
from service.faults import Fault

NOTHING = "none"
"""What people write for null."""
Schema = dict[str, Any]


class Wanted(NamedTuple):
    """A field of a query or body, as an option."""

    name: str
    place: str
    """`query` or `body`."""
    noun: str
    """What its numbers name; empty: nothing."""
    schema: Schema
    """Of one value."""
    many: bool
    nullable: bool
    required: bool
    help: str
    short: str
    """Of one thing, or of one value of many; `name` itself where another field is called so."""

    @property
    def words(self) -> list[str]:
        """How the option may be written."""
        return ["--" + name.replace("_", "-") for name in dict.fromkeys((self.short, self.name))]

    @property
    def is_secret(self) -> bool:
        """Whether nobody should look over the shoulder."""
        return self.schema.get("format") == "password"


def fields_of(endpoint: Endpoint, *, but: frozenset[str] = frozenset()) -> list[Wanted]:
    """Of the query, then of the body."""
    found = _fields(endpoint.query, "query", but)
    taken = {one.name for one in found}
    return found + (_fields(endpoint.body, "body", frozenset(taken)) if endpoint.body is not None else [])


def _short(name: str, noun: str, *, many: bool) -> str:
    if noun:
        return name.removesuffix("s").removesuffix("_id")
    return name.removesuffix("s") if many else name


def _fields(model: type[BaseModel], place: str, but: frozenset[str]) -> list[Wanted]:
    schema = model.model_json_schema(mode="validation")
    found = []
    for name, given in schema.get("properties", {}).items():
        if name in but:
            continue
        one, nullable = _plain(given, schema)
        many = one.get("type") == "array" and _plain(one["items"], schema)[0].get("type") != "object"
        value = _plain(one["items"], schema)[0] if many else one
        field = model.model_fields[name]
        noun = noun_in(field.annotation, field.metadata)
        required = name in schema.get("required", ())
        told = _help(given | one, required=required, nullable=nullable and _takes_nothing(value))
        short = _short(name, noun, many=many)
        short = name if short in schema["properties"] else short
        found.append(Wanted(name, place, noun, value, many, nullable, required, told, short))
    return found


def _plain(given: Schema, whole: Schema) -> tuple[Schema, bool]:
    """A value's schema without references and without null; whether it may be null."""
    nullable = False
    while "$ref" in given or "anyOf" in given:
        if "$ref" in given:
            given = whole["$defs"][given["$ref"].rpartition("/")[2]]
            continue
        choices = [one for one in given["anyOf"] if one.get("type") != "null"]
        nullable = nullable or len(choices) < len(given["anyOf"])
        given = choices[0] if len(choices) == 1 else {}
    return given, nullable


def _takes_nothing(schema: Schema) -> bool:
    """Whether `none` can't be a value by itself."""
    return schema.get("type") != "string" or "pattern" in schema or "format" in schema or "enum" in schema


def _help(schema: Schema, *, required: bool, nullable: bool) -> str:
    said = [schema.get("description", "")]
    if schema.get("examples"):
        said.append(f"such as {schema['examples'][0]}")
    if nullable:
        said.append(f"`{NOTHING}`: nothing")
    if required:
        said.append("(needed)")
    return "; ".join(part for part in said if part).replace("; (", " (")


def option(field: Wanted) -> click.Option:
    """The option of a field."""
    kind = field.schema.get("type")
    if kind == "boolean":
        word = field.words[0]
        return click.Option([f"{word}/--no-{word[2:]}", field.name], default=None, help=field.help)
    shown: click.ParamType[Any] = click.STRING
    choices = [str(one) for one in field.schema.get("enum", ()) if one != ""]
    if choices:
        shown = click.Choice([*choices, *([NOTHING] if field.nullable and NOTHING not in choices else [])])
    names = [*field.words, field.name]
    return click.Option(names, type=shown, multiple=field.many, help=field.help, metavar=_metavar(field, choices))


def _metavar(field: Wanted, choices: list[str]) -> str | None:
    if field.noun:
        return field.noun.upper()
    if len(choices) > 8:
        return "ONE"
    if choices:
        return None
    if {"contentEncoding", "contentMediaType"} & field.schema.keys():
        return "@FILE"
    return {"integer": "NUMBER", "object": "JSON", "array": "JSON"}.get(field.schema.get("type", ""), "TEXT")


async def value_of(field: Wanted, given: Any, names: Names) -> Any:
    """What the API takes. Raises Fault."""
    if field.many:
        return [await _one(field, text, names) for text in given]
    return await _one(field, given, names)


async def _one(field: Wanted, given: Any, names: Names) -> Any:
    if isinstance(given, bool):
        return given
    if given == NOTHING and field.nullable and (field.noun or _takes_nothing(field.schema)):
        return None
    if field.noun:
        return await names.number(field.noun, given)
    if field.schema.get("contentEncoding") == "base64" and given.startswith("@"):
        return _file(given[1:], field.words[0])
    if "contentMediaType" in field.schema:
        return _said(given, field.words[0])
    kind = field.schema.get("type")
    if kind in {"integer", "number"}:
        return _number(field, given)
    if kind in {"object", "array"} or kind is None:
        return json_of(given, field.words[0])
    return given


def _number(field: Wanted, given: str) -> Any:
    try:
        return json.loads(given) if field.schema["type"] == "number" else int(given)
    except ValueError:
        raise Fault(f"{field.words[0]}: {given!r}: a whole number was expected") from None


def _file(path: str, word: str) -> str:
    """Its bytes as the API takes them. Raises Fault."""
    try:
        return base64.b64encode(Path(path).read_bytes()).decode()
    except OSError as fault:
        raise Fault(f"{word}: {path} can't be read: {fault.strerror}") from fault


def json_of(given: str, word: str) -> Any:
    """A JSON text; `@file` is the file's, `-` standard input's. Raises Fault."""
    text = _said(given, word)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise Fault(f"{word}: this is no JSON: {fault}") from fault


def _said(given: str, word: str) -> str:
    """A text, a file's, or standard input's. Raises Fault."""
    try:
        if given == "-":
            return sys.stdin.read()
        return Path(given[1:]).read_text(encoding="utf-8") if given.startswith("@") else given
    except (OSError, ValueError) as fault:  # ValueError: no text, or a name that no file can have
        raise Fault(f"{word}: {given.removeprefix('@')} can't be read: {fault}") from fault


def as_query(value: Any) -> str:
    """A value behind the question mark."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def pointed(fields: list[Wanted], pointer: str) -> str:
    """The option that a JSON pointer leads to; the pointer itself if none does."""
    name, _, rest = pointer.removeprefix("/").partition("/")
    known = {field.name: field for field in fields}
    if name not in known:
        return pointer.removeprefix("/")
    return known[name].words[0] + (f" ({rest})" if rest else "")
