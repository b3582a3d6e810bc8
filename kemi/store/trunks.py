"""Trunks and gateways in the store: their records, and the index of the ways in.

A way in is a network, port, transport and tech prefix. Its *shape* says which of these it names and how long they
are: there are few of them, so that finding a trunk is one look-up for each shape in use, whatever the number of
trunks.
"""

from __future__ import annotations

import marshal
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from kemi.store.layout import NOT_READ, VERSION, UnknownVersion, Unreadable
from kemi.store.networks import BITS, Network, length_of, packed, parse_address, parse_network

TRANSPORTS = {"any": 0, "udp": 1, "tcp": 2, "tls": 3}
MARSHAL_VERSION = 2
SUSPENDED = "suspended"
"""A trunk's state that lets no ringing call be answered any more; a limit sets it too. Answered ones go on by it."""
TRUNKS_KEPT_MAX = 8192
"""By each process, as records and decoded; a trunk takes 2 KiB."""
_new = tuple.__new__


class Trunk(NamedTuple):
    """How an account's traffic arrives."""

    id: int
    account: int
    state: str
    tech_prefix: str
    plan: int
    tariff: int
    """0: the account's own."""
    channels_max: int
    cps_max: int
    networks: tuple[Network, ...]
    port: int
    """0: any."""
    transport: str
    """udp, tcp, tls or any."""
    international_prefix: str
    national_prefix: str
    country: str
    caller_rule: str
    """pass: callers are whom they say; listed: one of `caller_numbers`, else the first; replace: always the first."""
    caller_numbers: tuple[str, ...]
    is_trusted: bool
    """Whether its P-Asserted-Identity says who calls."""
    certificate: str
    """Whom its TLS certificate must name (`kemi.certificates`); the networks, if there are any, count beside it. Empty:
    the networks alone count."""
    identity: str
    """What becomes of its Identity headers: off, note, refuse (those that are wrong), require."""
    attestation: str
    """What is signed of its callers: rules (as the caller rules have it), gateway (nobody knows them)."""
    transfers: str
    """Whose REFER and Replaces it takes part in (`kemi.transfers`): off, account, anyone."""
    forwards: bool
    """Whether its redirections are followed, by calls of its own (`kemi.forwards`)."""


def trunk_of_command(body: dict[str, Any]) -> Trunk:
    """The trunk that a command describes. Raises KeyError, ValueError."""
    return Trunk(
        id=body["id"],
        account=body["account"],
        state=body["state"],
        tech_prefix=body["tech_prefix"],
        plan=body["plan"],
        tariff=body["tariff"],
        channels_max=body["channels"],
        cps_max=body["cps"],
        networks=tuple(parse_network(network) for network in body["networks"]),
        port=body["port"],
        transport=body["transport"],
        international_prefix=body["international_prefix"],
        national_prefix=body["national_prefix"],
        country=body["country"],
        caller_rule=body["caller_rule"],
        caller_numbers=tuple(body["caller_numbers"]),
        is_trusted=body["trusted"],
        certificate=body.get("certificate", ""),
        identity=body.get("identity", "off"),
        attestation=body.get("attestation", "rules"),
        transfers=body.get("transfers", "off"),
        forwards=body.get("forwards", False),
    )


class Gateway(NamedTuple):
    """Where traffic leaves."""

    id: int
    provider: int
    host: str
    port: int
    transport: str
    prefix: str
    strip: int
    channels_max: int
    cps_max: int
    is_active: bool
    networks: tuple[Network, ...]
    """Where its requests and answers come from."""
    tariff: int
    """By which the provider is paid; 0: the provider's own."""
    has_plus: bool
    """Whether it wants E.164 with + before it."""
    is_trusted: bool
    """Whether it is told who calls though the caller wants to stay unknown (RFC 3325)."""
    probe_s: int
    """It is asked by OPTIONS so often; 0: never."""
    failures_max: int
    """It goes out after so many in a row; 0: never."""
    out_s: int
    """One that is not probed is tried again after so long."""
    failure_codes: tuple[int, ...]
    """What is a failure of the gateway, not of the number that was called; 408: silence."""
    username: str
    """With which challenges are answered; empty: they are not."""
    realm: str
    ha1_md5: str
    """Of username, realm and password, in hex."""
    ha1_sha256: str
    register_s: int
    """How long a registration of ours is to hold; 0: we don't register."""
    contact: str
    """What a registration says, `host:port`; empty: the first socket that Kamailio listens on."""
    signs: bool
    """Whether it is told who calls by a signed Identity header."""
    identity: str
    """As of a trunk, of what comes in by it."""
    shows_routing: bool
    """Whether it is told the routing number of a ported one (RFC 4694)."""
    codecs: tuple[str, ...]
    """What it takes of an offer, in its order, as SDP names them in capitals; empty: everything."""
    redirects: bool
    """Whether its redirections are followed (`kemi.redirects`)."""
    redirect_hosts: tuple[str, ...]
    """Addresses in its networks to which they may lead, beside other gateways of its provider."""


def gateway_of_command(body: dict[str, Any]) -> Gateway:
    """The gateway that a command describes; without networks it sends from its host. Raises KeyError, ValueError."""
    return Gateway(
        id=body["id"],
        provider=body["provider"],
        host=body["host"],
        port=body["port"],
        transport=body["transport"],
        prefix=body["prefix"],
        strip=body["strip"],
        channels_max=body["channels"],
        cps_max=body["cps"],
        is_active=body["state"] == "active",
        networks=tuple(parse_network(network) for network in body["networks"] or [body["host"]]),
        tariff=body["tariff"],
        has_plus=body["number_format"] in {"plus", "rn"},
        is_trusted=body["trusted"],
        probe_s=body.get("probe_s", 0),
        failures_max=body.get("failures_max", 0),
        out_s=body.get("out_s", 60),
        failure_codes=tuple(body.get("failure_codes", (408, 503))),
        username=body.get("username", ""),
        realm=body.get("realm", ""),
        ha1_md5=body.get("ha1_md5", ""),
        ha1_sha256=body.get("ha1_sha256", ""),
        register_s=body.get("register_s", 0),
        contact=body.get("contact", ""),
        signs=body.get("signs", False),
        identity=body.get("identity", "off"),
        shows_routing=body["number_format"] == "rn",
        codecs=tuple(body.get("codecs", ())),
        redirects=body.get("redirects", "off") == "follow",
        redirect_hosts=tuple(body.get("redirect_hosts", ())),
    )


def pack_peer(peer: Trunk | Gateway) -> bytes:
    """The record of a trunk or gateway."""
    return marshal.dumps((VERSION, *peer), MARSHAL_VERSION)


@lru_cache(maxsize=TRUNKS_KEPT_MAX)
def unpack_trunk(raw: bytes) -> Trunk:
    """The trunk of its record: kept by all of its bytes, so that one that was changed is never told as it was.

    Each message of a call asks for it: found in a quarter of a microsecond, decoded in two and a half.
    """
    version, *fields = marshal.loads(raw)  # noqa: S302 -- only our own processes write the store
    if version != VERSION:
        raise UnknownVersion("trunk", version)
    return Trunk(*fields)


def unpack_gateway(raw: bytes) -> Gateway:
    """The gateway of its record."""
    version, *fields = marshal.loads(raw)  # noqa: S302 -- likewise
    if version != VERSION:
        raise UnknownVersion("gateway", version)
    return Gateway(*fields)


def trunk_by_id(config_db: Any, txn: Any, number: int) -> Trunk | None:
    """A trunk; None: it is gone. Raises Unreadable."""
    raw = txn.get(b"t" + number.to_bytes(4, "big"), db=config_db)
    try:
        return None if raw is None else unpack_trunk(raw)
    except NOT_READ as fault:
        raise Unreadable(f"trunk {number}", fault) from fault


# --- ways in

SHAPE_BYTES = 5


CERTIFICATE = 0
"""In place of an IP version: a way in by a certificate."""


class Shape(NamedTuple):
    """What a way in names. The more it names, the sooner it is asked for, in the order of these fields."""

    version: int
    """Of IP, or CERTIFICATE."""
    length: int
    """Of the network."""
    has_port: bool
    transport: int
    """0: any."""
    prefix_length: int
    """Of the tech prefix."""


def ways_of(trunk: Trunk) -> list[tuple[Shape, bytes]]:
    """The shapes and keys of all ways into a trunk. Where a certificate is asked for, no network alone is one."""
    transport = TRANSPORTS[trunk.transport]
    prefix = trunk.tech_prefix.encode("ascii")
    if trunk.certificate:
        shape = Shape(CERTIFICATE, 0, has_port=False, transport=TRANSPORTS["tls"], prefix_length=len(prefix))
        return [(shape, _certificate_key(trunk.certificate) + prefix)]
    door = trunk.port.to_bytes(2, "big") + bytes((transport,))
    found = []
    for network in trunk.networks:
        length = length_of(network)
        shape = Shape(network[0], length, trunk.port > 0, transport, len(prefix))
        found.append((shape, bytes((network[0], length)) + packed(*network) + door + prefix))
    return found


def with_shape(raw: bytes, shape: Shape) -> bytes:
    """The record of shapes in use with one more. None is ever taken out: a needless one costs half a microsecond."""
    shapes = {raw[at : at + SHAPE_BYTES] for at in range(0, len(raw), SHAPE_BYTES)} | {bytes(shape)}
    return b"".join(sorted(shapes, reverse=True))


@lru_cache(maxsize=16384)
def doors(shapes: bytes, ip: str, port: int, transport: str) -> tuple[tuple[bytes, int], ...]:
    """What to ask for, in order, for a source: a key without its tech prefix, and how long that is.

    Longest network, exact port before any, exact transport before any, longest tech prefix. Empty: no such address.
    """
    version, number = parse_address(ip)
    found = []
    for at in range(0, len(shapes), SHAPE_BYTES):
        its_version, length, has_port, its_transport, prefix_length = shapes[at : at + SHAPE_BYTES]
        shape = Shape(its_version, length, has_port > 0, its_transport, prefix_length)
        if shape.version == version and shape.transport in {0, TRANSPORTS[transport]}:
            shift = BITS[version] - shape.length
            key = bytes((version, shape.length)) + packed(version, shift, number >> shift)
            key += (port if shape.has_port else 0).to_bytes(2, "big") + bytes((shape.transport,))
            found.append((key, shape.prefix_length))
    return tuple(found)


def certificate_doors(shapes: bytes, proven: tuple[str, ...]) -> list[tuple[bytes, int]]:
    """The same for whom a certificate names: the most exact name first, then the longest tech prefix."""
    rows = range(0, len(shapes), SHAPE_BYTES)
    lengths = [shapes[at + SHAPE_BYTES - 1] for at in rows if shapes[at] == CERTIFICATE]
    return [(_certificate_key(name), length) for name in proven for length in sorted(lengths, reverse=True)]


def _certificate_key(name: str) -> bytes:
    return bytes((CERTIFICATE,)) + blake2b(name.encode(), digest_size=16).digest()
