"""Redirections (3xx) of gateways: the carrier names another place of its own for the same call, number and price.

By a setting of the gateway. The place is another gateway of its provider that the plan has for the number, or one of
the hosts that the setting lists. Where it is no such place, or the number is another one, the gateway has failed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import NamedTuple

from kemi import quote
from kemi.authorize import Target, target_of
from kemi.caller import user_of
from kemi.clock import Now
from kemi.failover import change_gateway, may_try_again
from kemi.forwards import FOLLOWED
from kemi.nat import DEFAULT_PORT
from kemi.refusal import Refusal
from kemi.rooms import Rooms
from kemi.running import find
from kemi.store.calls import RunningCall
from kemi.store.networks import lies_in
from kemi.store.trunks import Gateway
from kemi.ways import Way, find_ways
from ratebook.choice import Offer

REDIRECTS_MAX = 3
"""Of one call."""

_URI = re.compile(
    r"sip:([A-Za-z0-9._+*#-]{1,64}(?:;[A-Za-z0-9._+=-]{1,64}){0,4})@(\[[0-9A-Fa-f:.]+\]|[0-9.]+)(?::([0-9]{1,5}))?"
    r"((?:;[^?<>\s]*)?)"
)
_TRANSPORT = re.compile(r";transport=(udp|tcp|tls)(?=;|$)", re.IGNORECASE)


class Aim(NamedTuple):
    """Where a redirection leads."""

    user: str
    """As the carrier writes the number, parameters such as `;rn=` included (RFC 4694)."""
    ip: str
    port: int
    transport: str

    @property
    def place(self) -> str:
        """By which a place is known again."""
        return f"{self.ip}|{self.port}|{self.transport}"

    def is_of(self, gateway: Gateway) -> bool:
        """Whether it is a gateway's own address."""
        return (self.ip, self.port, self.transport) == (gateway.host, gateway.port, gateway.transport)

    def to_note(self) -> str:
        """As the dialog keeps it; `from_note` reads it."""
        return f"{self.user} {self.place}"

    @classmethod
    def from_note(cls, noted: str) -> Aim | None:
        """Where the call has gone; None: it was not sent on."""
        if not noted:
            return None
        user, place = noted.split(" ")
        ip, port, transport = place.split("|")
        return cls(user, ip, int(port), transport)


class Others(NamedTuple):
    """What else a redirection named, for when the place that is tried fails."""

    gateway: int
    """That redirected."""
    uris: tuple[str, ...]
    """The best first; of the number that was called."""

    def to_note(self) -> str:
        """As the dialog keeps it; `from_note` reads it."""
        return " ".join((str(self.gateway), *self.uris)) if self.uris else ""

    @classmethod
    def from_note(cls, noted: str) -> Others | None:
        """None: there is nothing else."""
        gateway, *uris = noted.split() or [""]
        return cls(int(gateway), tuple(uris)) if uris else None


class Followed(NamedTuple):
    """The call goes on there."""

    target: Target
    aim: Aim
    others: Others


def parse_aim(uri: str) -> Aim | None:
    """The aim of a Contact; None: it is no number at an address. A name would make calls wait for DNS."""
    match = _URI.fullmatch(uri)
    port = int(match[3] or DEFAULT_PORT) if match else 0
    if match is None or not 0 < port < 65_536:
        return None
    transport = _TRANSPORT.search(match[4])
    try:
        ip = str(ipaddress.ip_address(match[2].strip("[]")))
    except ValueError:
        return None
    return Aim(match[1], ip, port, transport[1].lower() if transport else "udp")


def follow(
    rooms: Rooms,
    call: str,
    code: int,
    uris: tuple[str, ...] | Others,
    past: tuple[str, ...],
    ring_ms: int,
    offer: Callable[[], str],
    now: Now,
) -> Followed | None:
    """The first place of a redirection's Contacts that may be tried; None: there is none, and the next gateway is due.

    `uris`: the best first, of a redirection (`code`), or what one had named beside the place that has failed with
    `code`; `past`: places to which the call was redirected before; `ring_ms`: when it rang, 0: it didn't.
    """
    running = find(rooms, call)
    if len(past) >= REDIRECTS_MAX or running is None or running.is_answered or not running.gateway:
        return None
    if isinstance(uris, Others):
        by, named = uris.gateway, _named(uris.uris, past)
    elif code in FOLLOWED:
        by = running.gateway
        named = [one for one in _named(uris, past) if _is_same_number(one[1], running)]
    else:
        return None
    found = _ways(rooms, running, by, code, offer, now) if named else None
    if found is None:
        return None
    gateway, offered, ways = found
    for at, (_, aim) in enumerate(named, start=1):
        way = _way_to(aim, gateway, ways, {attempt[0] for attempt in running.attempts})
        taken = None if way is None else change_gateway(rooms, running.key, way, code, now, ring_ms)
        if taken is not None:
            target = target_of(offered.plan, *taken, now.boot_ms - running.start_boot_ms)
            others = Others(by, tuple([uri for uri, _ in named[at:]]))
            return Followed(target._replace(number=aim.user), aim, others)
    return None


def _named(uris: tuple[str, ...], past: tuple[str, ...]) -> list[tuple[str, Aim]]:
    """Those that lead somewhere, beside where the call has been."""
    aims = [(uri, parse_aim(uri)) for uri in uris]
    return [(uri, aim) for uri, aim in aims if aim is not None and aim.place not in past]


def _is_same_number(aim: Aim, running: RunningCall) -> bool:
    """Whether it is the number that was asked for: another one would have another price."""
    number = aim.user.partition(";")[0].removeprefix("+")
    return number in {user_of(running.sent_to).removeprefix("+"), running.called}


def _ways(
    rooms: Rooms, running: RunningCall, by: int, code: int, offer: Callable[[], str], now: Now
) -> tuple[Gateway, Offer, list[Way]] | None:
    """The gateway that redirects (`by`), and the ways of its call by what holds now: as for the next gateway, and its
    own.
    """
    store = rooms.store
    with store.read() as txn, rooms.rates.snapshot() as rates:
        configuration = store.configuration(txn)
        gateway, plan = configuration.gateway(txn, by), configuration.plan(txn, running.plan)
        if gateway is None or not gateway.redirects or plan is None:
            return None
        number, rung_ms = running.rated_number, now.boot_ms - running.start_boot_ms
        look = quote.Look(store, txn, configuration, rates, number, now.wall_s, now.boot_ms, running.called, offer)
        top = running.legs[-1] if running.legs else None
        try:
            offered = quote.offer_of(look, plan, running.path)
            if not may_try_again(offered.plan, running, code, rung_ms):
                return None
            ways = find_ways(look, offered, top, set(), running.key, running.special)
            return gateway, offered, [*ways.each(txn)]
        except (quote.NoExchange, Refusal):
            return None


def _way_to(aim: Aim, gateway: Gateway, ways: list[Way], tried: set[int]) -> Way | None:
    """The way to an aim: an untried gateway of the same provider, or a listed host inside the gateway's networks."""
    for way in ways:
        other = way.gateway
        if aim.is_of(other) and other.provider == gateway.provider and other.id not in tried:
            return way
    there = at_aim(gateway, aim)
    if there is None or (aim.ip, aim.port) == (gateway.host, gateway.port):
        return None
    own = next((way for way in ways if way.gateway.id == gateway.id), None)
    return None if own is None else own._replace(gateway=there)


def at_aim(gateway: Gateway, aim: Aim) -> Gateway | None:
    """A gateway at one of its listed hosts; None: its settings name no such host."""
    if not gateway.redirects or aim.ip not in gateway.redirect_hosts or not lies_in(aim.ip, gateway.networks):
        return None
    return gateway._replace(host=aim.ip, port=aim.port, transport=aim.transport)
