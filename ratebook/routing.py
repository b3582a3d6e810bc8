"""What a routing plan says: which gateways a number may take, when, and by what they are ordered. Values and their
records; runs inside Kamailio. `ratebook.choice` picks from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from ratebook.model import Band, Hours, Window

RING_TIMEOUT_MAX_S = 180
"""Over all gateways. Kamailio gives up a ringing dialog without a word at 600 s."""


class Order(StrEnum):
    """What comes first. Several are asked one after the other; in the end cost decides, then priority."""

    COST = "cost"
    """The cheaper gateway."""
    PRIORITY = "priority"
    """The lower priority number."""
    PERCENTAGE = "percentage"
    """By lot, each gateway as often as its weight says."""
    QUALITY = "quality"
    """The better band of `Demands`."""
    PREFIX = "prefix"
    """The gateway whose provider has a rate for the longer prefix."""


class NoLoss(StrEnum):
    """What happens to a gateway that costs more than the call earns, and to a reseller who would pay more than it
    earns.
    """

    STRICT = "strict"
    """The gateway is left out; the reseller's call is refused."""
    WARN = "warn"
    """The gateway is used, after those that earn; the reseller's call goes on. It is told in the log."""
    OFF = "off"


class Portability(StrEnum):
    """Whether numbers are looked up that have moved to another network."""

    OFF = "off"
    """Never: each is rated and routed as it was dialled."""
    KNOWN = "known"
    """Who is known to have moved is rated and routed by its routing number, everybody else as dialled."""
    REQUIRED = "required"
    """A call waits, refused with 503, until its number has been asked about."""


class Match(StrEnum):
    """Which routes of a number count."""

    LONGEST = "longest"
    """That of the longest prefix alone."""
    LONGEST_FIRST = "longest-first"
    """That of the longest prefix, and after its gateways those of the shorter ones."""
    ALL = "all"
    """Those of all prefixes, as if they were one."""


class Pin(StrEnum):
    """What a rule does with its gateways."""

    ONLY = "only"
    """No others."""
    FIRST = "first"
    """These before all others, as they are written."""
    EXCLUDE = "exclude"
    """Never these, whatever other rules say."""


class Choice(NamedTuple):
    """A gateway of a route."""

    gateway: str
    """`provider/gateway`, or its id as text once it is resolved."""
    priority: int
    weight: int = 1
    """Its part of the lots."""
    bands: tuple[int, ...] = ()
    """Indexes of the plan's hours in which it may be used, NO_BAND for the rest of the time; empty: always."""


class Route(NamedTuple):
    """The gateways of a prefix."""

    choices: tuple[Choice, ...]
    """None: its numbers are barred."""
    bands: tuple[int, ...] = ()
    """When it holds, as in `Choice`. Of a prefix's routes exactly one holds at any time."""
    own: tuple[tuple[str, Any], ...] = ()
    """Fields of the plan that are others for its numbers."""


class Rule(NamedTuple):
    """Pins or excludes gateways."""

    pin: Pin
    gateways: tuple[str, ...]
    """As in `Choice`."""
    prefixes: tuple[str, ...] = ()
    """Of numbers; none: every number."""
    accounts: tuple[str, ...] = ()
    """The caller's, or one above it; ids as text once they are resolved. None: everybody."""
    groups: tuple[str, ...] = ()
    """Destination groups of numbers, by name; none: every number. With prefixes both must have it."""


class Demand(NamedTuple):
    """What a gateway's figures must come to. 0: nothing is asked."""

    asr_percent: int = 0
    """Answered of all attempts, at least."""
    acd_s: int = 0
    """Length of an answered call on the average, at least."""
    pdd_ms: int = 0
    """From the INVITE to the first ringing on the average, at most."""


class Demands(NamedTuple):
    """How gateways are sorted by quality: by the first of the bands whose demand they meet."""

    window_s: int = 3600
    """How far back their figures reach."""
    calls_min: int = 20
    """Fewer attempts say nothing: the gateway is taken for a good one."""
    bands: tuple[Demand, ...] = (Demand(asr_percent=40), Demand(asr_percent=20))
    """The best first."""


class Plan(NamedTuple):
    """How an account's calls are routed."""

    name: str
    order: tuple[Order, ...]
    no_loss: NoLoss
    failover_codes: frozenset[int]
    """SIP codes after which the next gateway is tried."""
    try_timeout_ms: int
    """How long a gateway may be silent."""
    attempts_max: int
    ring_timeout_s: int
    """Over all gateways, at most RING_TIMEOUT_MAX_S."""
    expected_call_s: int
    """The call whose cost is compared."""
    routes: dict[str, tuple[Route, ...]]
    """By prefix."""
    match: Match = Match.LONGEST
    hours: Hours | None = None
    demands: Demands = Demands()
    rules: tuple[Rule, ...] = ()
    """Done one after the other, exclusions last."""
    portability: Portability = Portability.OFF
    resellers: bool | None = None
    """Whether they may give it to trunks and devices below them; None: if none of its calls may lose money."""

    @property
    def is_for_resellers(self) -> bool:
        """Whether they may give it."""
        if self.resellers is not None:
            return self.resellers
        own = [dict(route.own) for routes in self.routes.values() for route in routes]
        rules = {self.no_loss} | {one.get("no_loss", self.no_loss) for one in own}
        return rules == {NoLoss.STRICT}

    def gateways(self) -> set[str]:
        """All that it names."""
        routes = (route for routes in self.routes.values() for route in routes)
        return {choice.gateway for route in routes for choice in route.choices} | {
            gateway for rule in self.rules for gateway in rule.gateways
        }

    def accounts(self) -> set[str]:
        """All that its rules name."""
        return {account for rule in self.rules for account in rule.accounts}

    def groups(self) -> set[str]:
        """All destination groups that its rules name."""
        return {group for rule in self.rules for group in rule.groups}

    def renamed(self, gateways: Mapping[str, str], accounts: Mapping[str, str]) -> Plan:
        """The plan with every gateway and account called by another name. Raises KeyError for one that has none."""
        routes = {
            prefix: tuple(
                route._replace(choices=tuple(one._replace(gateway=gateways[one.gateway]) for one in route.choices))
                for route in routes
            )
            for prefix, routes in self.routes.items()
        }
        rules = tuple(
            rule._replace(
                gateways=tuple(gateways[one] for one in rule.gateways),
                accounts=tuple(accounts[one] for one in rule.accounts),
            )
            for rule in self.rules
        )
        return self._replace(routes=routes, rules=rules)

    def to_record(self) -> dict[str, Any]:
        """As JSON, without what is as it is if nothing is said; `from_record` reads it back."""
        defaults = self._field_defaults
        record = {name: value for name, value in self._asdict().items() if defaults.get(name, ...) != value}
        return {name: _WRITERS[name](value) if name in _WRITERS else value for name, value in record.items()}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Plan:
        """The plan of a record. Raises KeyError, TypeError or ValueError for what `to_record` didn't make."""
        return cls(**{name: _read(name, value) for name, value in record.items()})


def _read(name: str, value: Any) -> Any:
    return _READERS[name](value) if name in _READERS else value


def _write_route(prefix: str, route: Route) -> list[Any]:
    choices = [_write_choice(one) for one in route.choices]
    more = {name: _WRITERS[name](value) if name in _WRITERS else value for name, value in route.own}
    if route.bands:
        more["bands"] = list(route.bands)
    return [prefix, choices, more] if more else [prefix, choices]


def _write_choice(choice: Choice) -> list[Any]:
    if choice.bands:
        return [*choice[:3], list(choice.bands)]
    return list(choice[:2] if choice.weight == 1 else choice[:3])


def _read_routes(rows: Iterable[Any]) -> dict[str, tuple[Route, ...]]:
    found: dict[str, tuple[Route, ...]] = {}
    for prefix, choices, *more in rows:
        fields = dict(more[0]) if more else {}
        bands = tuple(fields.pop("bands", ()))
        own = tuple((name, _read(name, value)) for name, value in fields.items())
        route = Route(tuple(_read_choice(*one) for one in choices), bands, own)
        found[prefix] = (*found.get(prefix, ()), route)
    return found


def _read_choice(gateway: str | int, priority: int, weight: int = 1, bands: Iterable[int] = ()) -> Choice:
    return Choice(str(gateway), priority, weight, tuple(bands))


def _read_hours(row: Any) -> Hours:
    zone, bands = row
    windows = ((name, [Window(days, tuple(dates), *times) for days, dates, *times in rows]) for name, rows in bands)
    return Hours(zone, tuple(Band(name, tuple(found)) for name, found in windows))


def _read_rules(rows: Iterable[Any]) -> Iterator[Rule]:
    for pin, gateways, prefixes, accounts, *groups in rows:
        named = tuple(groups[0]) if groups else ()
        yield Rule(Pin(pin), tuple(map(str, gateways)), tuple(prefixes), tuple(map(str, accounts)), named)


def _read_demands(row: Any) -> Demands:
    window_s, calls_min, bands = row
    return Demands(window_s, calls_min, tuple(Demand(*band) for band in bands))


_WRITERS: dict[str, Any] = {
    "order": " ".join,
    "failover_codes": sorted,
    "rules": lambda rules: [list(rule if rule.groups else rule[:-1]) for rule in rules],
    "routes": lambda routes: [_write_route(prefix, one) for prefix, found in routes.items() for one in found],
}
_READERS: dict[str, Any] = {
    "order": lambda text: tuple(Order(word) for word in text.split(" ")),
    "no_loss": NoLoss,
    "failover_codes": frozenset,
    "routes": _read_routes,
    "match": Match,
    "portability": Portability,
    "hours": _read_hours,
    "demands": _read_demands,
    "rules": lambda rows: tuple(_read_rules(rows)),
}
