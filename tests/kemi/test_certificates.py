"""Whom a TLS certificate names, and what that opens."""

from __future__ import annotations

import base64
import hashlib

import pytest

from kemi.certificates import fingerprint, identities
from kemi.identify import Source, identify
from kemi.running import comes_from_side, find, speaker
from kemi.store.bans import is_listed
from tests.kemi.fake_ksr import FakeKsr
from tests.kemi.test_route import ksr, sip
from tests.kemi.world import CUSTOMER, LOWER, World

__all__ = ["ksr"]
DER = bytes(range(200))
PEM = f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(DER).decode()}-----END CERTIFICATE-----\n"
HEX = hashlib.sha256(DER).hexdigest()
PBX = ("dns:pbx.example",)


def _trunk(world: World, ip: str, called: str, *proven: str, transport: str = "tls") -> int | None:
    trunk = identify(world.rooms, Source(ip, 40000, transport), called, proven)
    return trunk and trunk.id


def test_what_a_certificate_proves() -> None:
    """The most exact first; DNS names in small letters; what is not there is left out."""
    found = identities(PEM, "PBX", "Pbx.Example", "sip:pbx.example")
    assert found == (f"sha256:{HEX}", "uri:sip:pbx.example", "dns:pbx.example", "cn:PBX")
    assert identities("", "", "", "") == ()
    assert identities(PEM, "", "", "") == (f"sha256:{HEX}",)


@pytest.mark.parametrize(
    "text", ["", "x", PEM.replace("END", "AND"), "-----BEGIN CERTIFICATE-----A-----END CERTIFICATE-----"]
)
def test_what_is_no_certificate_has_no_fingerprint(text: str) -> None:
    """Nothing is guessed."""
    assert fingerprint(text) == ""


@pytest.mark.parametrize(
    ("proto", "verified", "proves"), [("TLS", "1", True), ("TLS", "0", False), ("UDP", "1", False)]
)
def test_only_a_verified_certificate_of_this_connection_counts(
    ksr: FakeKsr, proto: str, verified: str, *, proves: bool
) -> None:
    """Kamailio says both."""
    ksr.pv_values |= {"$proto": proto, "$tls_peer_verified": verified, "$tls_peer_subject_cn": "PBX"}
    assert sip.proven() == (("cn:PBX",) if proves else ())


def test_a_certificate_instead_of_a_network(world: World) -> None:
    """From anywhere with it; from nowhere without; another name is nobody."""
    world.trunk(10, CUSTOMER, networks=[], certificate="dns:pbx.example")
    assert _trunk(world, "203.0.113.9", "44", *PBX) == 10
    assert _trunk(world, "203.0.113.9", "44") is None
    assert _trunk(world, "203.0.113.9", "44", "dns:other.example", "cn:pbx.example") is None


def test_a_certificate_beside_a_network(world: World) -> None:
    """Both, or neither opens; the address alone is nobody's."""
    world.trunk(10, CUSTOMER, networks=["203.0.113.0/24"], certificate="dns:pbx.example")
    assert _trunk(world, "203.0.113.9", "44", *PBX) == 10
    assert _trunk(world, "198.51.100.9", "44", *PBX) is None
    assert _trunk(world, "203.0.113.9", "44", transport="udp") is None
    with world.rooms.store.read() as txn:
        assert not is_listed(world.rooms.store, txn, "203.0.113.9")


def test_accounts_behind_one_certificate_by_tech_prefix(world: World) -> None:
    """The longest one; the most exact name before others; a network's trunk where no certificate's fits."""
    world.trunk(10, CUSTOMER, networks=[], certificate="dns:pbx.example")
    world.trunk(11, LOWER, networks=[], certificate="dns:pbx.example", tech_prefix="77#")
    world.trunk(12, LOWER, networks=[], certificate=f"sha256:{HEX}", tech_prefix="5")
    world.trunk(13, LOWER, networks=["203.0.113.9/32"])
    proven = (f"sha256:{HEX}", "dns:pbx.example")
    assert [_trunk(world, "203.0.113.9", one, *proven) for one in ("44", "77#44", "54", "7")] == [10, 11, 12, 10]
    assert _trunk(world, "203.0.113.9", "44", "cn:somebody") == 13


def test_a_changed_certificate_opens_no_longer(world: World) -> None:
    """Nor that of a trunk that is gone."""
    world.trunk(10, CUSTOMER, networks=[], certificate="dns:pbx.example")
    world.trunk(10, CUSTOMER, networks=[], certificate="dns:new.example")
    assert _trunk(world, "203.0.113.9", "44", *PBX) is None
    assert _trunk(world, "203.0.113.9", "44", "dns:new.example") == 10
    world.do("trunk_gone", id=10)
    assert _trunk(world, "203.0.113.9", "44", "dns:new.example") is None


def test_who_calls_by_a_certificate_speaks_by_it(world: World) -> None:
    """Its address without it ends nothing; the callee needs none."""
    call = world.talk()
    world.trunk(1, CUSTOMER, certificate="dns:pbx.example")
    running = find(world.rooms, call)
    assert running is not None
    assert speaker(world.rooms, call, "from", "to", "127.0.0.2") is None
    assert speaker(world.rooms, call, "from", "to", "127.0.0.9", PBX) is None
    assert speaker(world.rooms, call, "from", "to", "127.0.0.2", PBX) is not None
    assert speaker(world.rooms, call, "to", "from", "127.0.0.11") is not None
    world.trunk(1, CUSTOMER, networks=[], certificate="dns:pbx.example")
    assert comes_from_side(world.rooms, running, "caller", "203.0.113.9", PBX)
    assert not comes_from_side(world.rooms, running, "caller", "203.0.113.9", ("dns:other.example",))
