"""The routes of a plan: prefixes, their gateways, and when each holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import yaml

from ratebook.bands import NO_BAND
from ratebook.document import values
from ratebook.document.nodes import Document
from ratebook.document.problems import shorten, suggestion
from ratebook.model import Band
from ratebook.routing import Choice, Order, Route

ROUTE_FIELDS = ("prefix", "gateways", "band", "order", "no_loss", "failover", "ring_timeout", "expected_call")
CHOICE_FIELDS = ("gateway", "priority", "weight", "band")
NO_PREFIXES: list[str] = []

Own = Callable[[dict[str, yaml.Node]], dict[str, Any]]
"""Reads what a route says anew, by the plan's fields."""


class Written(NamedTuple):
    """A route as it stands in the file."""

    node: yaml.Node
    bands: tuple[int, ...]
    """Empty: it names none."""
    route: Route


def read_routes(
    document: Document, node: yaml.Node | None, bands: tuple[Band, ...], order: tuple[Order, ...], own: Own
) -> dict[str, tuple[Route, ...]]:
    """The routes by prefix. Faults are noted."""
    found: defaultdict[str, list[Written]] = defaultdict(list)
    for item in document.items(node, "routes"):
        fields = document.mapping(item, ROUTE_FIELDS, "a route")
        anew = own(fields)
        if fields and "gateways" not in fields:
            document.fault(item, "the route has no gateways", "`gateways: [provider/gateway]`")
        choices = _choices(document, fields.get("gateways"), bands, anew.get("order", order))
        when = read_when(document, fields.get("band"), bands)
        written = Written(item, when, Route(choices, (), tuple(anew.items())))
        for prefix in _prefixes(document, fields.get("prefix")):
            _check_second(document, prefix, found[prefix], written)
            found[prefix].append(written)
    return {prefix: _by_time(document, prefix, routes, len(bands)) for prefix, routes in found.items()}


def _prefixes(document: Document, node: yaml.Node | None) -> list[str]:
    """One, a range, or a list of such; every number if nothing is said."""
    if node is None:
        return [""]
    items = [node] if isinstance(node, yaml.ScalarNode) else document.items(node, "prefix")
    return [
        prefix for item in items for prefix in document.value({"prefix": item}, "prefix", values.prefixes, NO_PREFIXES)
    ]


def _check_second(document: Document, prefix: str, before: list[Written], written: Written) -> None:
    """A prefix has one route for each moment."""
    for other in before:
        if not (other.bands or written.bands) or set(other.bands) & set(written.bands):
            document.fault(written.node, f"prefix {prefix!r} has a second route", "one route with all gateways")
            return


def _by_time(document: Document, prefix: str, routes: list[Written], bands: int) -> tuple[Route, ...]:
    """The routes of a prefix with their time: the one that names no band holds at all other times."""
    if len(routes) == 1 and not routes[0].bands:
        return (routes[0].route,)
    taken = {band for written in routes for band in written.bands}
    rest = tuple(band for band in (NO_BAND, *range(bands)) if band not in taken)
    if rest and all(written.bands for written in routes):
        document.fault(
            routes[0].node,
            f"prefix {prefix!r} has no route outside its bands",
            "one without `band`, for all other times; with `gateways: []` its numbers are barred then",
        )
    return tuple(written.route._replace(bands=written.bands or rest) for written in routes)


def read_when(document: Document, node: yaml.Node | None, bands: tuple[Band, ...]) -> tuple[int, ...]:
    """Indexes of the bands that a node names; none: it names none."""
    if node is None:
        return ()
    names = [band.name for band in bands]
    found = []
    for item in [node] if isinstance(node, yaml.ScalarNode) else document.items(node, "band"):
        name = document.text(item, "band")
        if name in names:
            found.append(names.index(name))
        elif name is not None:
            known = f"one of {', '.join(names)}" if names else "a table `bands:` in the plan"
            document.fault(item, f"there is no band {shorten(name)}", f"{known}{suggestion(name, names)}")
    return tuple(found)


def _choices(
    document: Document, node: yaml.Node | None, bands: tuple[Band, ...], order: tuple[Order, ...]
) -> tuple[Choice, ...]:
    found: list[Choice] = []
    weighted: list[yaml.Node] = []
    items = document.items(node, "gateways")
    for number, item in enumerate(items, start=1):
        fields = {"gateway": item}
        if not isinstance(item, yaml.ScalarNode):
            fields = document.mapping(item, CHOICE_FIELDS, "a gateway")
        if fields and "gateway" not in fields:
            document.fault(item, "a gateway without name", "`gateway: provider/gateway`")
        gateway = document.value(fields, "gateway", gateway_name, "")
        priority = document.value(fields, "priority", values.whole(0, 1000), number)
        weight = document.value(fields, "weight", values.whole(0, 1000), 1)
        if "weight" in fields:
            weighted.append(item)
        if gateway in {one.gateway for one in found}:
            document.fault(item, f"{shorten(gateway)} stands twice", "once")
        elif gateway:
            document.mention("gateway", gateway, fields["gateway"])
            found.append(Choice(gateway, priority, weight, read_when(document, fields.get("band"), bands)))
    _check_weights(document, items, weighted, order)
    return tuple(found)


def _check_weights(
    document: Document, items: list[yaml.Node], weighted: list[yaml.Node], order: tuple[Order, ...]
) -> None:
    if weighted and Order.PERCENTAGE not in order:
        document.fault(weighted[0], "a weight counts only where lots are drawn", "`percentage` in the order")
    elif weighted and len(weighted) < len(items):
        bare = next(item for item in items if item not in weighted)
        document.fault(bare, "a gateway without weight among others that have one", "`{gateway: …, weight: 1}`")


def gateway_name(text: str) -> str:
    """The name of a gateway."""
    provider, slash, gateway = values.name(text).partition("/")
    if not (provider and slash and gateway):
        raise ValueError("provider/gateway was expected")
    return text
