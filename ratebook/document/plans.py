"""Routing plans: `routing.yaml`, and the same grammar wherever else plans are written."""

from __future__ import annotations

import re
from typing import Any

import yaml

from ratebook.document import values
from ratebook.document.bands import read_bands
from ratebook.document.nodes import Document
from ratebook.document.problems import shorten
from ratebook.document.routes import gateway_name, read_routes
from ratebook.model import Hours
from ratebook.routing import RING_TIMEOUT_MAX_S, Demand, Demands, Match, NoLoss, Order, Pin, Plan, Portability, Rule

HANDLING_FIELDS = ("order", "no_loss", "failover", "ring_timeout", "expected_call")
"""What a route may say anew."""
PLAN_FIELDS = (
    *HANDLING_FIELDS, "match", "timezone", "holidays", "bands", "quality", "rules", "portability", "resellers",
    "routes",
)  # fmt: skip
FAILOVER_FIELDS = ("codes", "try_timeout", "attempts")
QUALITY_FIELDS = ("window", "calls", "bands")
DEMAND_FIELDS = ("asr", "acd", "pdd")
RULE_FIELDS = (*(pin.value for pin in Pin), "prefixes", "groups", "accounts")
DEFAULT_CODES = frozenset({408, *range(500, 600)})
WINDOW_MAX_MIN = 240
_NAME = re.compile(r"\w[\w.-]{0,63}")
_CODES = re.compile(r"(?P<low>[3-6][0-9]{2})(?:-(?P<high>[3-6][0-9]{2}))?", re.ASCII)
_DEFAULTS: dict[str, Any] = {
    "order": (Order.COST,),
    "no_loss": NoLoss.STRICT,
    "failover_codes": DEFAULT_CODES,
    "try_timeout_ms": 5_000,
    "attempts_max": 4,
    "ring_timeout_s": 120,
    "expected_call_s": 180,
}


def read_plans(document: Document, node: yaml.Node) -> dict[str, Plan]:
    """The plans of a table from name to plan. Faults are noted."""
    plans = {}
    for name, value in document.mapping(node, (), "plans").items():
        if not _NAME.fullmatch(name):
            document.fault(value, f"plan {shorten(name)}", "a name of letters, digits, dots, dashes or underscores")
        plans[name] = _plan(document, value, name)
    return plans


def _plan(document: Document, node: yaml.Node, name: str) -> Plan:
    fields = document.mapping(node, PLAN_FIELDS, "a plan")
    if fields and "routes" not in fields:
        document.fault(node, "the plan has no routes", "a list `routes:` of {prefix, gateways}")
    zone = document.value(fields, "timezone", values.zone, "UTC")
    bands = read_bands(document, fields).bands
    handling = _DEFAULTS | _handling(document, fields)

    def own(route: dict[str, yaml.Node]) -> dict[str, Any]:
        return _handling(document, route)

    return Plan(
        name=name,
        **handling,
        routes=read_routes(document, fields.get("routes"), bands, handling["order"], own),
        match=document.value(fields, "match", values.one_of(Match), Match.LONGEST),
        hours=Hours(zone, bands) if bands else None,
        demands=_demands(document, fields),
        rules=tuple(_rule(document, item) for item in document.items(fields.get("rules"), "rules")),
        portability=document.value(fields, "portability", values.one_of(Portability), Portability.OFF),
        resellers=document.value(fields, "resellers", values.yes, default=False) if "resellers" in fields else None,
    )


def _handling(document: Document, fields: dict[str, yaml.Node]) -> dict[str, Any]:
    """What a plan or a route says about order, losses, time and further attempts, by the plan's fields."""
    found: dict[str, Any] = {}
    if "order" in fields:
        found["order"] = _order(document, fields["order"])
    if "no_loss" in fields:
        found["no_loss"] = document.value(fields, "no_loss", values.one_of(NoLoss), NoLoss.STRICT)
    if "ring_timeout" in fields:
        found["ring_timeout_s"] = document.value(fields, "ring_timeout", values.whole(5, RING_TIMEOUT_MAX_S), 120)
    if "expected_call" in fields:
        found["expected_call_s"] = document.value(fields, "expected_call", values.positive_seconds, 180)
    if "failover" in fields:
        failover = document.mapping(fields["failover"], FAILOVER_FIELDS, "failover")
        if "codes" in failover:
            found["failover_codes"] = _codes(document, failover["codes"])
        if "try_timeout" in failover:
            found["try_timeout_ms"] = document.value(failover, "try_timeout", values.whole(1, 60), 5) * 1000
        if "attempts" in failover:
            found["attempts_max"] = document.value(failover, "attempts", values.whole(1, 16), 4)
    return found


def _order(document: Document, node: yaml.Node) -> tuple[Order, ...]:
    """One word, or a list of those that are asked one after the other."""
    items = [node] if isinstance(node, yaml.ScalarNode) else document.items(node, "order")
    words = [document.value({"order": item}, "order", values.one_of(Order), Order.COST) for item in items]
    if not words or len(set(words)) < len(words):
        document.fault(node, "the order is empty or has a word twice", "such as cost, or [quality, cost]")
    return tuple(words) or (Order.COST,)


def _codes(document: Document, node: yaml.Node) -> frozenset[int]:
    codes: set[int] = set()
    for item in document.items(node, "codes"):
        codes |= document.value({"code": item}, "code", _code_range, frozenset())
    return frozenset(codes)


def _code_range(text: str) -> frozenset[int]:
    match = _CODES.fullmatch(text)
    low, high = (0, -1) if match is None else (int(match["low"]), int(match["high"] or match["low"]))
    if low > high:
        raise ValueError("a SIP code such as 503, or a range such as 500-599, was expected")
    return frozenset(range(low, high + 1))


def _demands(document: Document, fields: dict[str, yaml.Node]) -> Demands:
    if "quality" not in fields:
        return Demands()
    quality = document.mapping(fields["quality"], QUALITY_FIELDS, "quality")
    defaults = Demands()
    bands = tuple(_demand(document, item) for item in document.items(quality.get("bands"), "bands"))
    if "bands" in quality and not bands:
        document.fault(quality["bands"], "quality has no bands", "such as [{asr: 40, acd: 60, pdd: 6}, {asr: 20}]")
    return Demands(
        document.value(quality, "window", values.whole(15, WINDOW_MAX_MIN), defaults.window_s // 60) * 60,
        document.value(quality, "calls", values.whole(1, 100_000), defaults.calls_min),
        bands or defaults.bands,
    )


def _demand(document: Document, node: yaml.Node) -> Demand:
    fields = document.mapping(node, DEMAND_FIELDS, "a band of quality")
    return Demand(
        document.value(fields, "asr", values.whole(1, 100), 0),
        document.value(fields, "acd", values.whole(1, 86_400), 0),
        document.value(fields, "pdd", values.whole(1, 180), 0) * 1000,
    )


def _rule(document: Document, node: yaml.Node) -> Rule:
    fields = document.mapping(node, RULE_FIELDS, "a rule")
    pins = [pin for pin in Pin if pin.value in fields]
    if fields and len(pins) != 1:
        document.fault(node, "the rule must do one thing", "one of `only:`, `first:` and `exclude:` with gateways")
    pin = pins[0] if pins else Pin.ONLY
    gateways = _names(document, fields.get(pin.value), pin.value, "gateway")
    if pins and not gateways and not fields[pin.value].value:
        document.fault(fields[pin.value], f"{pin.value} names no gateway", "`provider/gateway`, one at least")
    prefixes = [
        prefix
        for item in document.items(fields.get("prefixes"), "prefixes")
        for prefix in document.value({"prefix": item}, "prefix", values.prefixes, list[str]())
    ]
    accounts = _names(document, fields.get("accounts"), "accounts", "account")
    return Rule(pin, gateways, tuple(prefixes), accounts, _names(document, fields.get("groups"), "groups", "group"))


def _names(document: Document, node: yaml.Node | None, what: str, noun: str) -> tuple[str, ...]:
    found = []
    for item in document.items(node, what):
        name = document.value({noun: item}, noun, gateway_name if noun == "gateway" else values.name, "")
        if name:
            document.mention(noun, name, item)
            found.append(name)
    return tuple(found)
