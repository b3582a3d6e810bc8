"""Addresses and networks as numbers."""

from __future__ import annotations

import pytest

from kemi.store.networks import length_of, lies_in, packed, parse_address, parse_network


def test_networks_of_both_families() -> None:
    """An address of one family is in no network of the other."""
    networks = (parse_network("10.0.0.0/8"), parse_network("2001:db8::/32"))
    inside = ("10.1.2.3", "2001:db8::1")
    assert [lies_in(ip, networks) for ip in (*inside, "11.0.0.1", "::1", "nonsense")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_everything_and_nothing() -> None:
    """The network of all addresses of a family; no network at all."""
    assert lies_in("192.0.2.1", (parse_network("0.0.0.0/0"),))
    assert not lies_in("::1", (parse_network("0.0.0.0/0"),))
    assert not lies_in("192.0.2.1", ())


def test_a_network_comes_back_whole() -> None:
    """Length and address."""
    network = parse_network("10.1.0.0/16")
    assert (length_of(network), packed(*network)) == (16, bytes((10, 1, 0, 0)))
    assert parse_address("::1") == (6, 1)


def test_what_is_no_network_is_refused() -> None:
    """Host bits set, letters."""
    for text in ("10.0.0.1/8", "nonsense"):
        with pytest.raises(ValueError, match=r"does not appear|host bits"):
            parse_network(text)
