"""From the file's texts to what an endpoint's body takes, and what differs between two of them. Pure."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ValidationError

from service.api.cells import NOTHING, value_of
from service.api.dispatch import field_errors
from service.api.problems import FieldError
from service.api.values import parse_moment
from service.setup.kinds import KEPT, MOMENTS, SETS, Kind, field_of, text_of
from service.setup.sheet import Value

NOTHINGS = frozenset({NOTHING, "any", "null", "~", ""})
"""What takes a value away where that can be done."""


class Wrong(Exception):
    """A row can't be done: its fields and what is wrong with each."""

    def __init__(self, *faults: tuple[str, str]) -> None:
        self.faults = faults
        """Empty: it depends on another row, which has its own faults. A field may be empty: it is about the whole."""
        super().__init__(faults)


def value_in(value: Value, schema: dict[str, Any]) -> Any:
    """Of a text, or a list of them, by the schema of its field. What is no such value stays text."""
    kinds = [schema, *schema.get("anyOf", [])]
    types = {kind.get("type") for kind in kinds}
    if "array" in types:
        items = next(kind["items"] for kind in kinds if kind.get("type") == "array")
        texts = value if isinstance(value, list) else [] if value in NOTHINGS else [value]
        return [value_of(one, items) for one in texts]
    if isinstance(value, list):
        return value
    if "null" in types and value in NOTHINGS:
        return None
    return value_of(value, schema)


def is_list(schema: dict[str, Any]) -> bool:
    """Whether a field takes several values."""
    return any(kind.get("type") == "array" for kind in (schema, *schema.get("anyOf", [])))


def properties(kind: Kind) -> dict[str, Any]:
    """Schemas of the body's fields."""
    found: dict[str, Any] = kind.model.model_json_schema()["properties"]
    return found


def in_body(kind: Kind, given: dict[str, Any]) -> dict[str, Any]:
    """Without what stands in the path."""
    return {name: value for name, value in given.items() if name in kind.model.model_fields}


def parsed(kind: Kind, given: dict[str, Any]) -> dict[str, Any]:
    """All fields of the body, those that nobody names too. Raises Wrong with every field that is."""
    try:
        model = kind.model.model_validate_json(json.dumps(in_body(kind, given)), strict=True)
    except ValidationError as faults:
        raise Wrong(*(fault_of(error) for error in field_errors("body", faults))) from faults
    return attributes(model)


def attributes(model: BaseModel) -> dict[str, Any]:
    """A model's fields with their values."""
    return {name: getattr(model, name) for name in type(model).model_fields}


def fault_of(error: FieldError) -> tuple[str, str]:
    """A field as the file calls it, with the item's place in it, and what is wrong."""
    name, slash, item = error.pointer.removeprefix("/").partition("/")
    return field_of(name) + slash + item, error.detail


def differs(name: str, old: Any, new: Any) -> bool:
    """Whether a field must change."""
    if name in KEPT and new is None:
        return False
    if name in SETS:
        return set(old or ()) != set(new or ())
    return bool(old != new)


def as_sent(kind: Kind, given: dict[str, Any], values: dict[str, Any], name: str) -> Any:
    """A field for a body: as it was given, or what is there when nobody speaks."""
    return given[name] if name in given else text_of(kind, name, values[name])


def as_key(given: dict[str, Any]) -> dict[str, Any]:
    """Fields that say which thing is meant, as things have them. Raises Wrong."""
    found = dict(given)
    for name in MOMENTS & given.keys():
        try:
            found[name] = parse_moment(given[name])
        except ValueError as fault:
            raise Wrong((name, str(fault))) from fault
    return found


def default_of(model: type[BaseModel], name: str) -> Any:
    """Of a field that nobody names; Ellipsis: it must be named."""
    field = model.model_fields.get(name)
    if field is None or field.is_required():
        return ...
    return field.get_default(call_default_factory=True)
