"""What must change so that what stands is what a file wants. Pure. What a file leaves out stays."""

from __future__ import annotations

from typing import Any, NamedTuple

from ratebook.money import format_micros
from service.setup.document import Item, Setup
from service.setup.standing import Standing

ACCOUNT, GATEWAY, PLAN, TRUNK = "account", "gateway", "plan", "trunk"


class FieldChange(NamedTuple):
    """One field, as people read it."""

    name: str
    old: str
    """Empty: the thing is new."""
    new: str


class Change(NamedTuple):
    """One thing to make or to change."""

    kind: str
    name: str
    is_new: bool
    fields: tuple[FieldChange, ...]
    spec: Any

    def __str__(self) -> str:
        if self.is_new:
            told = ", ".join(f"{field.name} {field.new}" for field in self.fields)
            return f"+ {self.kind} {self.name}: {told}"
        told = ", ".join(f"{field.name} {field.old} -> {field.new}" for field in self.fields)
        return f"~ {self.kind} {self.name}: {told}"


class Difference(NamedTuple):
    """All that must change, in the order in which it can be done."""

    currency: FieldChange | None
    """Of the root."""
    changes: tuple[Change, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return self.currency is None and not self.changes

    def lines(self) -> list[str]:
        """One line a change, as people read it."""
        root = [] if self.currency is None else [f"~ currency {self.currency.old} -> {self.currency.new}"]
        return root + [str(change) for change in self.changes]


def difference(standing: Standing, setup: Setup) -> Difference:
    """Accounts (parents first), gateways, plans, trunks."""
    currency = None
    if setup.currency is not None and setup.currency != standing.currency:
        currency = FieldChange("currency", standing.currency, setup.currency)
    changes = [
        *_changes(ACCOUNT, standing.accounts, parents_first(setup.accounts)),
        *_changes(GATEWAY, standing.gateways, setup.gateways),
        *_changes(PLAN, standing.plans, setup.plans),
        *_changes(TRUNK, standing.trunks, setup.trunks),
    ]
    return Difference(currency, tuple(changes))


def parents_first(items: dict[str, Item]) -> dict[str, Item]:
    """The accounts so that each comes after its parent. They must hold no circle (`circles`)."""
    ordered: dict[str, Item] = {}
    for name in items:
        ancestry = []
        step: str | None = name
        while step in items and step not in ordered:
            ancestry.append(step)
            step = items[step].spec.parent
        ordered.update((one, items[one]) for one in reversed(ancestry))
    return ordered


def _changes(kind: str, before: dict[str, Any], wanted: dict[str, Item]) -> list[Change]:
    found = []
    for name, item in wanted.items():
        old = before.get(name)
        fields = _new_fields(item.spec) if old is None else _changed_fields(old, item.spec)
        if old is None or fields:
            found.append(Change(kind, name, old is None, fields, item.spec))
    return found


def _new_fields(spec: Any) -> tuple[FieldChange, ...]:
    """The fields that say more than the default does."""
    defaults = type(spec)._field_defaults
    shown = ((name, value) for name, value in spec._asdict().items() if name != "name")
    return tuple(
        FieldChange(_title(name), "", _shown(name, value))
        for name, value in shown
        if name not in defaults or defaults[name] != value
    )


def _changed_fields(old: Any, new: Any) -> tuple[FieldChange, ...]:
    pairs = zip(old._fields, old, new, strict=True)
    return tuple(FieldChange(_title(name), _shown(name, a), _shown(name, b)) for name, a, b in pairs if a != b)


def _title(name: str) -> str:
    return name.removesuffix("_micros").removesuffix("_max").replace("_", " ")


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "any" if name in {"channels", "cps"} else "none"
    if name.endswith("_micros"):
        return format_micros(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "port" and value == 0:
        return "any"
    if name in {"routes", "failover_codes"}:
        return f"({len(value)})"
    if isinstance(value, (tuple, frozenset)):
        return " ".join(str(one) for one in sorted(value))
    return str(value) or "none"
