"""Routing plans: `routing.yaml`, and the same grammar wherever else plans are written."""

from __future__ import annotations

import re

import yaml

from ratebook.document import values
from ratebook.document.nodes import Document
from ratebook.document.problems import shorten
from ratebook.routing import RING_TIMEOUT_MAX_S, NoLoss, Order, Plan, Route

PLAN_FIELDS = ("order", "no_loss", "failover", "ring_timeout", "expected_call", "routes")
FAILOVER_FIELDS = ("codes", "try_timeout", "attempts")
DEFAULT_CODES = frozenset({408, *range(500, 600)})
_NAME = re.compile(r"\w[\w.-]{0,63}")
_CODES = re.compile(r"(?P<low>[3-6][0-9]{2})(?:-(?P<high>[3-6][0-9]{2}))?", re.ASCII)


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
    failover: dict[str, yaml.Node] = {}
    if "failover" in fields:
        failover = document.mapping(fields["failover"], FAILOVER_FIELDS, "failover")
    if fields and "routes" not in fields:
        document.fault(node, "the plan has no routes", "a list `routes:` of {prefix, gateways}")
    value = document.value
    return Plan(
        name=name,
        order=value(fields, "order", values.one_of(Order), Order.COST),
        no_loss=value(fields, "no_loss", values.one_of(NoLoss), NoLoss.STRICT),
        failover_codes=_codes(document, failover),
        try_timeout_ms=value(failover, "try_timeout", values.whole(1, 60), 5) * 1000,
        attempts_max=value(failover, "attempts", values.whole(1, 16), 4),
        ring_timeout_s=value(fields, "ring_timeout", values.whole(5, RING_TIMEOUT_MAX_S), 120),
        expected_call_s=value(fields, "expected_call", values.positive_seconds, 180),
        routes=_routes(document, fields.get("routes")),
    )


def _codes(document: Document, failover: dict[str, yaml.Node]) -> frozenset[int]:
    if "codes" not in failover:
        return DEFAULT_CODES
    codes: set[int] = set()
    for item in document.items(failover["codes"], "codes"):
        codes |= document.value({"code": item}, "code", _code_range, frozenset())
    return frozenset(codes)


def _code_range(text: str) -> frozenset[int]:
    match = _CODES.fullmatch(text)
    low, high = (0, -1) if match is None else (int(match["low"]), int(match["high"] or match["low"]))
    if low > high:
        raise ValueError("a SIP code such as 503, or a range such as 500-599, was expected")
    return frozenset(range(low, high + 1))


def _routes(document: Document, node: yaml.Node | None) -> dict[str, tuple[Route, ...]]:
    routes: dict[str, tuple[Route, ...]] = {}
    for item in document.items(node, "routes"):
        fields = document.mapping(item, ("prefix", "gateways"), "a route")
        prefix = document.value(fields, "prefix", values.prefix, "")
        if prefix in routes:
            document.fault(item, f"prefix {prefix!r} has a second route", "one route with all gateways")
        if fields and "gateways" not in fields:
            document.fault(item, "the route has no gateways", "`gateways: [provider/gateway]`")
        routes[prefix] = _gateways(document, fields.get("gateways"))
    return routes


def _gateways(document: Document, node: yaml.Node | None) -> tuple[Route, ...]:
    found: list[Route] = []
    for number, item in enumerate(document.items(node, "gateways"), start=1):
        if isinstance(item, yaml.ScalarNode):
            fields: dict[str, yaml.Node] = {"gateway": item}
        else:
            fields = document.mapping(item, ("gateway", "priority"), "a gateway")
        if fields and "gateway" not in fields:
            document.fault(item, "a gateway without name", "`gateway: provider/gateway`")
        gateway = document.value(fields, "gateway", _gateway_name, "")
        priority = document.value(fields, "priority", values.whole(0, 1000), number)
        if gateway in {route.gateway for route in found}:
            document.fault(item, f"{shorten(gateway)} stands twice", "once")
        elif gateway:
            found.append(Route(gateway, priority))
    return tuple(found)


def _gateway_name(text: str) -> str:
    provider, slash, gateway = values.name(text).partition("/")
    if not (provider and slash and gateway):
        raise ValueError("provider/gateway was expected")
    return text
