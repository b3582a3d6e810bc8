"""Which trunk an INVITE comes by, and what number it means."""

from __future__ import annotations

import pytest

from kemi.identify import Source, identify
from kemi.numbers import for_gateway, normalise
from kemi.store.environment import Snapshot
from kemi.store.trunks import gateway_of_command
from tests.kemi.world import CUSTOMER, LOWER, World


def _trunk(world: World, ip: str, port: int = 5060, transport: str = "udp", called: str = "44") -> int | None:
    trunk = identify(world.rooms, Source(ip, port, transport), called)
    return trunk and trunk.id


def test_an_unlisted_source_is_nobody(world: World) -> None:
    """Another address, and what is no address."""
    assert _trunk(world, "127.0.0.3") is None
    assert _trunk(world, "::1") is None
    assert _trunk(world, "nonsense") is None


def test_the_longest_network_wins(world: World) -> None:
    """A host in a /24 in a /8."""
    world.trunk(10, CUSTOMER, networks=["10.0.0.0/8"])
    world.trunk(11, CUSTOMER, networks=["10.1.1.0/24"])
    world.trunk(12, CUSTOMER, networks=["10.1.1.7/32"])
    assert [_trunk(world, ip) for ip in ("10.9.9.9", "10.1.1.8", "10.1.1.7")] == [10, 11, 12]


def test_ipv6_networks(world: World) -> None:
    """The same rules."""
    world.trunk(10, CUSTOMER, networks=["2001:db8::/32", "2001:db8:1::/48"])
    assert _trunk(world, "2001:db8:1::5") == 10
    assert _trunk(world, "2001:db9::5") is None


def test_an_exact_port_comes_before_any(world: World) -> None:
    """Then the transport."""
    world.trunk(10, CUSTOMER, networks=["10.0.0.1/32"])
    world.trunk(11, CUSTOMER, networks=["10.0.0.1/32"], port=5070)
    world.trunk(12, CUSTOMER, networks=["10.0.0.1/32"], transport="tcp")
    assert _trunk(world, "10.0.0.1", 5060) == 10
    assert _trunk(world, "10.0.0.1", 5070) == 11
    assert _trunk(world, "10.0.0.1", 5060, "tcp") == 12
    assert _trunk(world, "10.0.0.1", 5070, "tcp") == 11


def test_accounts_behind_one_address_by_tech_prefix(world: World) -> None:
    """The longest tech prefix of the called number; without any, nobody."""
    world.trunk(10, CUSTOMER, networks=["10.0.0.1/32"], tech_prefix="7")
    world.trunk(11, LOWER, networks=["10.0.0.1/32"], tech_prefix="77#")
    assert _trunk(world, "10.0.0.1", called="744") == 10
    assert _trunk(world, "10.0.0.1", called="77#44") == 11
    assert _trunk(world, "10.0.0.1", called="44") is None


def test_a_changed_trunk_leaves_nothing_of_its_old_address(world: World) -> None:
    """Moved, then removed."""
    world.trunk(1, CUSTOMER, networks=["10.0.0.1/32"])
    assert (_trunk(world, "127.0.0.2"), _trunk(world, "10.0.0.1")) == (None, 1)
    world.do("trunk_gone", id=1)
    assert _trunk(world, "10.0.0.1") is None
    world.do("trunk_gone", id=1)


def test_a_network_that_another_trunk_took_over_stays(world: World) -> None:
    """Removing the old owner doesn't remove the new one."""
    world.trunk(2, LOWER)
    world.do("trunk_gone", id=1)
    assert _trunk(world, "127.0.0.2") == 2


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        ("+442071234567", "442071234567"),
        ("00442071234567", "442071234567"),
        ("02071234567", "442071234567"),
        ("442071234567", "442071234567"),
        ("*21#", "*21#"),
        ("00", None),
        ("+00442071234567", None),
        ("0000442071234567", None),
        ("+02071234567", None),
        ("+*21#", None),
        ("", None),
        ("alice", None),
        ("1" * 33, None),
        ("0" + "1" * 31, None),
        ("+44 20", None),
        ("\u0663\u0663", None),
    ],
)
def test_numbers_are_normalised_by_the_trunk(world: World, sent: str, number: str | None) -> None:
    """International prefix 00, national prefix 0, country 44."""
    trunk = identify(world.rooms, Source("127.0.0.2", 5060, "udp"), "")
    assert trunk is not None
    assert normalise(trunk, sent) == number


@pytest.mark.parametrize(
    ("prefix", "country", "sent", "number"),
    [
        ("011", "", "01188299", "88299"),
        ("011", "", "0088299", None),
        ("", "", "0088299", None),
        ("", "", "+0088299", None),
        ("", "", "0188299", "0188299"),
        ("011", "00", "088299", None),
        ("011", "0", "088299", None),
    ],
)
def test_no_number_begins_with_what_carriers_take_for_abroad(
    world: World, prefix: str, country: str, sent: str, number: str | None
) -> None:
    """It would be rated, and let pass ranges and lists, as one that begins with 00, and reach the dear one."""
    world.trunk(11, LOWER, networks=["10.0.0.1/32"], international_prefix=prefix, country=country)
    trunk = identify(world.rooms, Source("10.0.0.1", 5060, "udp"), "")
    assert trunk is not None
    assert normalise(trunk, sent) == number


def test_the_tech_prefix_goes_first(world: World) -> None:
    """77# before the number."""
    world.trunk(11, LOWER, networks=["10.0.0.1/32"], tech_prefix="77#")
    trunk = identify(world.rooms, Source("10.0.0.1", 5060, "udp"), "77#0044")
    assert trunk is not None
    assert normalise(trunk, "77#004420") == "4420"


def test_a_gateway_gets_its_own_form() -> None:
    """Strip, then prepend; or E.164 with its +."""
    body = {"id": 1, "provider": 5, "host": "127.0.0.1", "port": 5060, "transport": "udp", "networks": []}
    body |= {"channels": 0, "cps": 0, "state": "active", "tariff": 0, "number_format": "plain", "trusted": False}
    assert for_gateway("442071", gateway_of_command(body | {"prefix": "0", "strip": 2})) == "02071"
    assert for_gateway("442071", gateway_of_command(body | {"prefix": "", "strip": 0})) == "442071"
    plus = gateway_of_command(body | {"prefix": "", "strip": 0, "number_format": "plus"})
    assert for_gateway("442071", plus) == "+442071"


def test_gateways_go_too(world: World) -> None:
    """And the snapshot says what is there."""
    world.do("gateway_gone", id=1)
    call = world.ring()
    with world.rooms.store.read() as txn:
        snapshot = Snapshot(world.rooms.store, txn)
        (running,) = snapshot.calls()
        assert snapshot.ready
        assert snapshot.applied_command == world.commands
        assert snapshot.generation
        assert snapshot.account(999) is None
    assert (running.hex, running.gateway) == (call, 2)


def test_a_trunk_that_was_changed_is_found_as_it_is(world: World) -> None:
    """What a process keeps of a trunk is of one record: changed, put back, and gone."""

    def found() -> tuple[str, str] | None:
        trunk = identify(world.rooms, Source("10.0.0.1", 5060, "udp"), "44")
        return trunk and (trunk.state, trunk.country)

    seen = []
    for state, country in (("active", "44"), ("suspended", "44"), ("active", "49"), ("active", "44")):
        world.trunk(10, CUSTOMER, networks=["10.0.0.1"], state=state, country=country)
        seen.append(found())
    world.do("trunk_gone", id=10)
    assert [*seen, found()] == [("active", "44"), ("suspended", "44"), ("active", "49"), ("active", "44"), None]
