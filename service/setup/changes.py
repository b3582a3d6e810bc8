"""What an apply changes, as people read it. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from service.setup.kinds import HASHED, Kind, field_of, text_of

NEW, CHANGED, REMOVED = "+", "~", "-"


class FieldChange(NamedTuple):
    """One field, as people read it."""

    name: str
    old: str
    """Empty: the thing is new."""
    new: str


class Change(NamedTuple):
    """One thing that is made, changed or removed."""

    what: str
    """+, ~ or -."""
    noun: str
    name: str
    fields: tuple[FieldChange, ...] = ()

    def __str__(self) -> str:
        arrow = {NEW: "{0.name} {0.new}", CHANGED: "{0.name} {0.old} -> {0.new}"}.get(self.what, "")
        told = ", ".join(arrow.format(field) for field in self.fields)
        return f"{self.what} {self.noun} {self.name}" + (f": {told}" if told else "")


class Secret(NamedTuple):
    """What is shown once, when something is made."""

    noun: str
    name: str
    what: str
    """link, password or secret."""
    value: str


def shown(kind: Kind, name: str, value: Any) -> str:
    """A value of a field, names already in place of numbers."""
    if name == HASHED:
        return "(not shown)" if value else "none"
    if value is None:
        return "any" if name in {"channels", "cps", "port", "exposure_limit"} else "none"
    value = text_of(kind, name, value)
    if value is None:
        return "always"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | set | frozenset):
        return " ".join(str(one) for one in value) or "none"
    text = str(value)
    return "none" if not text else text if len(text) <= 60 and text.isprintable() else f"({len(text)} characters)"


def title(name: str) -> str:
    """What a field is called, to people."""
    return field_of(name).replace("_", " ")
