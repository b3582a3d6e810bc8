"""The file that `kambill apply` takes: its sections and rows. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import yaml

from ratebook.document import parse_plans
from ratebook.routing import Plan
from service.accounts.rules import ROOT_NAME
from service.setup.kinds import ACCOUNTS, GATEWAYS, KINDS, REMOVED, Kind, field_of
from service.setup.sheet import Place, Row, Sheet, place_of
from service.setup.typed import default_of

PROVIDERS, PLANS = "providers", "plans"
SECTIONS = (
    "currency", "accounts", PROVIDERS, "roles", "users", "gateways", PLANS, "trunks", "devices", "numbers",
    "translations", "specials", "brands", "numberings", "credit_note_numberings", "receipt_numberings", "parties",
    "taxes", "account_taxes", "terms", "commission_rules",
    "commission_terms", "mail_templates", "webhooks", "products", "ranges", "range_choices", "limits", "filters",
    "patterns",
)  # fmt: skip

SINGLE = frozenset({"name", "account", "parent", "state", "default_role", "username", "plan"})
"""Fields of whatever kind that `Row.text` is asked for."""


class Setup(NamedTuple):
    """What a file says."""

    currency: str
    """Of the root; empty: not said."""
    currency_place: Place
    rows: dict[str, list[Row]]
    """By section; providers are among the accounts."""
    plans: dict[str, tuple[Plan, Place]]
    broken: set[tuple[str, str]]
    """Nouns and names of rows that can't be read as one."""

    def named(self, section: str) -> dict[str, Row]:
        """Rows by their names."""
        return {row.text("name"): row for row in self.rows[section]}

    def gateways(self) -> dict[str, Row]:
        """As `provider/name`."""
        return {f"{row.text('account')}/{row.text('name')}": row for row in self.rows["gateways"]}


def read_setup(content: str) -> tuple[Setup, Sheet]:
    """What a text says, and the sheet with its problems."""
    sheet = Sheet()
    setup = Setup("", Place(1, 1), defaultdict(list), {}, set())
    root = sheet.compose(content)
    if root is None:
        return setup, sheet
    sections = {name: value for name, _, value in sheet.pairs(root, SECTIONS)}
    if "currency" in sections:
        node = sections["currency"]
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        if not (len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()):
            sheet.problem(place_of(node), f"currency: {text!r}: three capital letters such as EUR were expected")
        setup = setup._replace(currency=text, currency_place=place_of(node))
    for kind in KINDS:
        for node in sheet.items(sections[kind.section]) if kind.section in sections else ():
            _add(sheet, setup, kind, node)
    for node in sheet.items(sections[PROVIDERS]) if PROVIDERS in sections else ():
        _add_provider(sheet, setup, node)
    if PLANS in sections:
        _add_plans(sheet, setup, sections[PLANS])
    return setup, sheet


def required_of(kind: Kind) -> tuple[str, ...]:
    """What a row of a kind must say."""
    if kind is ACCOUNTS:
        return ("name", "kind")
    told = (name for name in kind.key if name in kind.path_fields or default_of(kind.model, name) is ...)
    needed = dict.fromkeys(["account_id", *told])
    return tuple(field_of(name) for name in needed if name in kind.fields)


def _add(sheet: Sheet, setup: Setup, kind: Kind, node: yaml.Node) -> None:
    known = [*kind.known, *(["state"] if kind.remove and "state" not in kind.known else [])]
    row = sheet.row(node, known, required=required_of(kind))
    if row is None or not _is_single(sheet, row):
        setup.broken.add((kind.noun, _named(node, field_of(kind.key[-1]))))
        return
    _check_state(sheet, kind, row)
    setup.rows[kind.section].append(row)


def _named(node: yaml.Node, field: str) -> str:
    """A field's text in a row that lacks another one."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((str(value.value) for key, value in pairs if key.value == field), "")


def _is_single(sheet: Sheet, row: Row) -> bool:
    """Whether a row has one value in each field that is read as a text: a list would be as if nobody had spoken."""
    several = [name for name, value in row.values.items() if name in SINGLE and isinstance(value, list)]
    for name in several:
        sheet.problem(row.place_of(name), f"{name}: one value was expected, not a list")
    return not several


def _check_state(sheet: Sheet, kind: Kind, row: Row) -> None:
    states = ["active", kind.off] if kind.states else []
    states += ["closed"] if kind is ACCOUNTS or kind.also_gone else []
    states += [REMOVED] if kind.remove else []
    if "state" in row.values and row.text("state") not in states:
        sheet.problem(row.place_of("state"), f"state: {row.text('state')!r}: one of {', '.join(states)} was expected")


def _add_provider(sheet: Sheet, setup: Setup, node: yaml.Node) -> None:
    """An account, with its gateways inside."""
    known = [name for name in ACCOUNTS.known if name not in {"parent", "kind", "commission", "provides"}]
    row = sheet.row(node, [*known, "gateways"], required=("name",), raw="gateways")
    if row is None or not _is_single(sheet, row):
        return
    _check_state(sheet, ACCOUNTS, row)
    values = {"kind": "provider", "billing": "postpaid", "parent": ROOT_NAME} | row.values
    setup.rows["accounts"].append(row._replace(values=values))
    for item in sheet.items(row.nodes["gateways"]) if "gateways" in row.nodes else ():
        known = [name for name in GATEWAYS.known if name != "account"]
        gateway = sheet.row(item, known, required=("name", "host"))
        if gateway is not None and _is_single(sheet, gateway):
            _check_state(sheet, GATEWAYS, gateway)
            owned = {"account": row.text("name")} | gateway.values
            setup.rows["gateways"].append(gateway._replace(values=owned))


def _add_plans(sheet: Sheet, setup: Setup, node: yaml.Node) -> None:
    """The grammar is that of the ratebook's routing.yaml."""
    plans, found, _ = parse_plans(node, "")
    sheet.take(found)
    places = {key.value: place_of(key) for key, _ in node.value} if isinstance(node, yaml.MappingNode) else {}
    for name, plan in plans.items():
        setup.plans[name] = (plan, places.get(name, place_of(node)))
