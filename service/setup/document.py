"""The file that `kambill apply` takes: its fields, and what it says as specs. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml

from ratebook.document import parse_plans
from service.accounts.rules import ROOT_NAME, AccountSpec, name_problem
from service.peers.rules import DIGITS, TECH_PREFIX, GatewaySpec, TrunkSpec
from service.setup.sheet import (
    Field,
    Place,
    Raw,
    Row,
    Sheet,
    Texts,
    amount,
    flag,
    host,
    matching,
    network,
    one_of,
    place_of,
    text,
    whole,
    whole_or,
)


def _name(value: str) -> str:
    problem = name_problem(value)
    if problem is not None:
        raise ValueError(problem)
    return value


_CURRENCY = Field(matching(re.compile("[A-Z]{3}"), "three capital letters such as EUR were expected"))
_LIMIT = Field(whole_or("any", None, 1, 1_000_000))
_STATE = Field(one_of("active", "suspended", "closed"))
_LIMITS = {"channels": _LIMIT, "cps": _LIMIT, "state": _STATE}
_DIGITS = Field(matching(DIGITS, "at most 15 digits were expected"))
_TECH_PREFIX = Field(matching(TECH_PREFIX, "at most 16 of 0-9, * and # were expected"))

_TOP = ("currency", "accounts", "trunks", "providers", "plans")
_ACCOUNT = {
    "name": Field(_name),
    "parent": Field(text),
    "kind": Field(one_of("reseller", "customer")),
    "billing": Field(one_of("prepaid", "postpaid")),
    "currency": _CURRENCY,
    "credit_limit": Field(amount),
    "tariff": Field(text),
    "commission": Field(flag),
    **_LIMITS,
}
_TRUNK = {
    "name": Field(_name),
    "account": Field(text),
    "networks": Texts(network),
    "transport": Field(one_of("any", "udp", "tcp", "tls")),
    "port": Field(whole_or("any", 0, 1, 65535)),
    "tech_prefix": _TECH_PREFIX,
    "plan": Field(text),
    "tariff": Field(text),
    "international_prefix": Field(matching(re.compile(r"[0-9+*#]{0,16}"), "digits such as 00 were expected")),
    "national_prefix": _DIGITS,
    "country": _DIGITS,
    **_LIMITS,
}
_PROVIDER = {
    "name": Field(_name),
    "currency": _CURRENCY,
    "tariff": Field(text),
    "billing": Field(one_of("prepaid", "postpaid")),
    "gateways": Raw(),
    **_LIMITS,
}
_GATEWAY = {
    "name": Field(_name),
    "host": Field(host),
    "port": Field(whole(1, 65535)),
    "transport": Field(one_of("udp", "tcp", "tls")),
    "networks": Texts(network),
    "prefix": Field(matching(re.compile(r"\+?[0-9*#]{0,16}"), "digits to put before the number were expected")),
    "strip": Field(whole(0, 32)),
    **_LIMITS,
}


class Item(NamedTuple):
    """One thing that the file wants, and where it says so."""

    spec: Any
    """AccountSpec, TrunkSpec, GatewaySpec or Plan."""
    row: Row


class Setup(NamedTuple):
    """What a file says. Everything by name, in the file's order."""

    currency: str | None
    """Of the root; None: not said."""
    currency_place: Place
    accounts: dict[str, Item]
    trunks: dict[str, Item]
    gateways: dict[str, Item]
    plans: dict[str, Item]


def read_setup(content: str, currency: str) -> tuple[Setup, Sheet]:
    """What a text says, and the sheet with its problems. `currency`: of accounts when the file names none at all."""
    sheet = Sheet()
    setup = Setup(None, Place(1, 1), {}, {}, {}, {})
    root = sheet.compose(content)
    if root is None:
        return setup, sheet
    sections = {name: value for name, _, value in sheet.pairs(root, _TOP)}
    if "currency" in sections:
        found = sheet.value("currency", _CURRENCY, sections["currency"])
        setup = setup._replace(currency=found, currency_place=place_of(sections["currency"]))
        currency = found or currency
    for node in _nodes(sheet, sections, "accounts"):
        _add_account(sheet, setup, node, currency)
    for node in _nodes(sheet, sections, "providers"):
        _add_provider(sheet, setup, node, currency)
    for node in _nodes(sheet, sections, "trunks"):
        _add_trunk(sheet, setup, node)
    if "plans" in sections:
        _add_plans(sheet, setup, sections["plans"])
    return setup, sheet


def _nodes(sheet: Sheet, sections: Mapping[str, yaml.Node], name: str) -> list[yaml.Node]:
    return sheet.items(sections[name]) if name in sections else []


def _add(sheet: Sheet, where: dict[str, Item], name: str, item: Item) -> None:
    if name in where:
        first = where[name].row.place.line
        sheet.problem(item.row.place_of("name"), f"{name!r} stands here twice, first in line {first}: keep one")
    else:
        where[name] = item


def _add_account(sheet: Sheet, setup: Setup, node: yaml.Node, currency: str) -> None:
    row = sheet.row(node, _ACCOUNT, required=("name", "kind"))
    if row is None:
        return
    values = {"parent": ROOT_NAME, "currency": currency} | row.values
    values["credit_limit_micros"] = values.pop("credit_limit", 0)
    _add(sheet, setup.accounts, values["name"], Item(AccountSpec(**values), row))


def _add_trunk(sheet: Sheet, setup: Setup, node: yaml.Node) -> None:
    row = sheet.row(node, _TRUNK, required=("name", "account"))
    if row is None:
        return
    values = {"networks": ()} | row.values
    if values.get("state") == "closed":
        values["networks"] = ()  # free for another trunk
    elif not values["networks"] and ("networks" in row.values or "networks" not in row.places):
        sheet.problem(row.place_of("networks"), "networks: at least one network was expected")
    _add(sheet, setup.trunks, values["name"], Item(TrunkSpec(**values), row))


def _add_plans(sheet: Sheet, setup: Setup, node: yaml.Node) -> None:
    """The grammar is that of the ratebook's routing.yaml."""
    plans, found = parse_plans(node, "")
    sheet.take(found)
    places = {key.value: place_of(key) for key, _ in node.value} if isinstance(node, yaml.MappingNode) else {}
    for name, plan in plans.items():
        setup.plans[name] = Item(plan, Row(places.get(name, place_of(node)), {}, {}))


def _add_provider(sheet: Sheet, setup: Setup, node: yaml.Node, currency: str) -> None:
    row = sheet.row(node, _PROVIDER, required=("name",))
    if row is None:
        return
    provider = row.values["name"]
    values = {"billing": "postpaid", "currency": currency} | row.values
    gateways = values.pop("gateways", None)
    spec = AccountSpec(parent=ROOT_NAME, kind="provider", **values)
    _add(sheet, setup.accounts, provider, Item(spec, row))
    for item in sheet.items(gateways) if gateways is not None else ():
        _add_gateway(sheet, setup, item, provider)


def _add_gateway(sheet: Sheet, setup: Setup, node: yaml.Node, provider: str) -> None:
    row = sheet.row(node, _GATEWAY, required=("name", "host"))
    if row is None:
        return
    name = f"{provider}/{row.values['name']}"
    spec = GatewaySpec(provider=provider, **row.values | {"name": name})
    _add(sheet, setup.gateways, name, Item(spec, row))
