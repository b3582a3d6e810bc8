"""What `kambill apply` reads, and every fault that it names: pure, text in, sentences out."""

from __future__ import annotations

import textwrap
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.accounts.rules import AccountSpec
from service.peers.rules import GatewaySpec, TrunkSpec, canonical_network
from service.setup.difference import difference, parents_first
from service.setup.document import read_setup
from service.setup.standing import Standing
from service.setup.validate import PUBLISH_FIRST, problems

BITS = "networks: 10.0.0.5/8 has bits behind its mask: write 10.0.0.0/8, or 10.0.0.5 for the one address"
NO_NETWORK = "networks: 'everywhere' is no network: write one such as 192.0.2.0/24, 192.0.2.7 or 2001:db8::/48"
BY_NAME = "(a name would make calls wait for DNS)"
ANY = "port any, transport any, tech prefix ''"
SELLER = AccountSpec("seller", "Operator", "reseller", "EUR", tariff="wholesale")
STANDING = Standing(
    root_name="Operator",
    currency="EUR",
    untouched=False,
    accounts={"seller": SELLER, "carrier": AccountSpec("carrier", "Operator", "provider", "EUR")},
    trunks={"old": TrunkSpec("old", "seller", ("192.0.2.0/24",))},
    gateways={},
    plans={},
    tariffs={"wholesale": "EUR", "dollars": "USD"},
)


def faults(text: str, standing: Standing = STANDING) -> list[str]:
    """line:column: sentence of each fault, as `apply` finds them."""
    setup, sheet = read_setup(text, standing.currency)
    found = sheet.problems or problems(standing, setup)
    return [f"{place.line}:{place.column}: {said}" for place, said in sorted(found)]


def test_a_whole_file_is_read() -> None:
    """Every section, with what is left out as its default."""
    setup, sheet = read_setup(
        """
currency: EUR
accounts:
  - {name: Ann & Co., kind: customer, parent: seller, credit_limit: 12.345678, channels: any, cps: 010, commission: no}
providers:
  - name: carrier
    gateways: [{name: gw1, host: "2001:db8::1", prefix: 0123, networks: 2001:db8::/48}]
trunks:
  - {name: ann-1, account: Ann & Co., networks: [198.51.100.7, 2001:db8:1::/48], tech_prefix: 0123, port: any}
""",
        "EUR",
    )
    assert sheet.problems == []
    assert setup.accounts["Ann & Co."].spec == AccountSpec(
        "Ann & Co.", "seller", "customer", "EUR", credit_limit_micros=12_345_678, cps=10
    )
    assert setup.accounts["carrier"].spec == AccountSpec("carrier", "Operator", "provider", "EUR", billing="postpaid")
    assert setup.gateways["carrier/gw1"].spec == GatewaySpec(
        "carrier/gw1", "carrier", "2001:db8::1", networks=("2001:db8::/48",), prefix="0123"
    )
    assert setup.trunks["ann-1"].spec == TrunkSpec(
        "ann-1", "Ann & Co.", ("198.51.100.7/32", "2001:db8:1::/48"), tech_prefix="0123"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", []),
        ("accounts:\n", []),
        ("accounts: []\n", []),
        ("- a", ["1:1: `name: value` lines were expected: currency, accounts, trunks, providers, plans"]),
        ("a: [\n", ["2:1: no YAML (did not find expected node content): YAML was expected"]),
        (
            "accounts: {}\nacounts: []\naccounts: []\n",
            [
                "1:11: a list was expected: lines that begin with `- `",
                "2:1: 'acounts' is unknown here: one of currency, accounts, trunks, providers, plans was expected",
                "3:1: 'accounts' stands here twice: keep one",
            ],
        ),
        ("currency: euro\n", ["1:11: currency: 'euro': three capital letters such as EUR were expected"]),
        (
            "accounts:\n  - {name: a, kind: king, credit_limit: 1e3, channels: 0}\n  - {kind: customer}\n",
            [
                "2:21: kind: 'king': one of reseller, customer was expected",
                "2:41: credit_limit: '1e3' is not a decimal number such as 0.0125",
                "2:56: channels: '0': a whole number from 1 to 1000000 was expected, or `any`",
                "3:5: 'name' is missing",
            ],
        ),
        (
            "accounts:\n  - {name: a, kind: customer}\n  - {name: a, kind: customer}\n",
            ["3:6: 'a' stands here twice, first in line 2: keep one"],
        ),
        (
            "accounts: [{name: a, kind: customer, credit_limit: -5, commission: maybe}]\n",
            [
                "1:52: credit_limit: '-5': an amount not below 0 was expected",
                "1:68: commission: 'maybe': true or false was expected",
            ],
        ),
        (
            "trunks: [{name: t, account: seller, networks: [10.0.0.5/8, everywhere]}]\n",
            [
                f"1:48: {BITS}",
                f"1:60: {NO_NETWORK}",
            ],
        ),
        (
            "trunks: [{name: t, account: seller, networks: 0.0.0.0/0}]\n",
            ["1:47: networks: 0.0.0.0/0 is everybody: whoever sends an INVITE would call at this account's cost"],
        ),
        (
            "trunks: [{name: t, account: seller, networks: []}]\n",
            ["1:37: networks: at least one network was expected"],
        ),
        (
            "providers: [{name: p, gateways: [{name: g, host: sip.example.com}]}]\n",
            [
                f"1:50: host: 'sip.example.com' is no address: write the gateway's IPv4 or IPv6 address {BY_NAME}",
            ],
        ),
    ],
)
def test_faults_of_the_text_are_all_told_with_their_place(text: str, said: list[str]) -> None:
    """Line, column, what is wrong, what was expected."""
    assert faults(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("currency: USD\n", "1:11: currency: the ledger keeps EUR, and accounts or entries stand in it"),
        ("accounts: [{name: Operator, kind: customer}]", "1:13: 'Operator' is the root: it stands already"),
        (
            "accounts: [{name: a, kind: customer, parent: nobody}]",
            "1:38: parent: no account 'nobody' here or in the ledger",
        ),
        (
            "accounts: [{name: a, kind: customer, parent: carrier}]",
            "1:38: parent: a customer stands below a reseller or root",
        ),
        (
            "accounts: [{name: a, kind: customer, currency: USD}]",
            "1:38: currency: USD, but the parent 'Operator' has EUR",
        ),
        (
            "accounts: [{name: a, kind: customer, commission: yes}]",
            "1:38: commission: only a reseller earns commission",
        ),
        (
            "accounts: [{name: a, kind: customer, tariff: retail}]",
            f"1:38: tariff: 'retail' is not published (published: dollars, wholesale): {PUBLISH_FIRST}",
        ),
        (
            "accounts: [{name: a, kind: customer, tariff: dollars}]",
            "1:38: tariff: 'dollars' is in USD, the account in EUR",
        ),
        ("accounts: [{name: seller, kind: customer}]", "1:27: kind: is reseller and can't become customer"),
        ("accounts: [{name: a, kind: reseller, parent: a}]", "1:38: parent: a circle: a below a"),
        ("providers: [{name: seller}]", "1:13: kind: is reseller and can't become provider"),
        ("trunks: [{name: t, account: nobody, networks: 10.0.0.1}]", "1:20: account: no account 'nobody' here"),
        ("trunks: [{name: t, account: carrier, networks: 10.0.0.1}]", "1:20: account: 'carrier' is a provider"),
        (
            "trunks: [{name: t, account: seller, networks: 10.0.0.1, plan: x}]",
            "1:57: plan: no routing plan 'x' (known: none)",
        ),
        (
            "trunks: [{name: t, account: seller, networks: 192.0.2.0/24}]",
            f"1:37: networks: 192.0.2.0/24, {ANY} is trunk 'old' of account 'seller': no call could tell them apart",
        ),
    ],
)
def test_what_cant_be_done_is_told_with_its_place(text: str, said: str) -> None:
    """References, parents, currencies and shared networks, each beside what stands."""
    found = faults(text)
    assert len(found) == 1, found
    assert found[0].startswith(said)


@pytest.mark.parametrize(
    "text",
    [
        "accounts: [{name: seller, kind: reseller, tariff: wholesale}]",
        "trunks: [{name: t, account: seller, networks: 192.0.2.0/24, tech_prefix: 99#}]",
        "trunks: [{name: t, account: seller, networks: 192.0.2.0/25}]",
        "trunks: [{name: old, account: seller, networks: 192.0.2.0/24}]",
    ],
)
def test_what_differs_is_no_duplicate(text: str) -> None:
    """The same trunk again, another tech prefix, a longer network: all can be told apart."""
    assert faults(text) == []


def test_a_long_circle_is_told_for_each_in_it() -> None:
    """Nobody in it can be made first."""
    text = "accounts:\n" + "".join(f"  - {{name: {a}, kind: reseller, parent: {b}}}\n" for a, b in ("ab", "bc", "ca"))
    assert [line.split(": ", 1)[0] for line in faults(text)] == ["2:31", "3:31", "4:31"]


def test_an_unfinished_circle_beside_is_no_circle() -> None:
    """Whoever stands below a circle is not in it, and isn't blamed."""
    text = "accounts: [{name: a, kind: reseller, parent: a}, {name: b, kind: reseller, parent: a}]"
    assert faults(text) == ["1:38: parent: a circle: a below a"]


def test_the_difference_is_told_field_by_field() -> None:
    """What is new with what it says, what changes with old and new, what stays not at all."""
    text = """
accounts:
  - {name: seller, kind: reseller, credit_limit: 5, channels: 3}
  - {name: ann, kind: customer, parent: seller}
trunks:
  - {name: old, account: seller, networks: 192.0.2.0/24}
"""
    setup, _ = read_setup(text, "EUR")
    assert difference(STANDING, setup).lines() == [
        "~ account seller: credit limit 0.00 -> 5.00, tariff wholesale -> none, channels any -> 3",
        "+ account ann: parent seller, kind customer, currency EUR",
    ]


@given(st.permutations("abcdefgh"), st.lists(st.integers(0, 7), min_size=7, max_size=7))
def test_parents_come_first_in_any_order_of_the_file(order: list[str], parents: list[int]) -> None:
    """A random tree in a random order: each account after its parent."""
    names = "abcdefgh"
    parent_of = {"a": "Operator"} | {name: names[parents[at] % (at + 1)] for at, name in enumerate(names[1:])}
    text = "accounts:\n" + "".join(f"- {{name: {n}, kind: reseller, parent: {parent_of[n]}}}\n" for n in order)
    setup, sheet = read_setup(text, "EUR")
    assert sheet.problems == []
    ordered = list(parents_first(setup.accounts))
    assert sorted(ordered) == sorted(names)
    assert all(parent_of[n] == "Operator" or ordered.index(parent_of[n]) < ordered.index(n) for n in ordered)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Never an exception; a text with a fault has a place for it."""
    assert all(line[0].isdigit() for line in faults(text))


@given(st.ip_addresses(), st.integers(0, 128))
def test_networks_are_canonical_or_refused_with_one_that_is(address: object, length: int) -> None:
    """What comes out is taken again as it is."""
    try:
        network = canonical_network(f"{address}/{length}")
    except ValueError:
        return
    assert canonical_network(network) == network


def test_a_mapped_address_is_refused() -> None:
    """::ffff:192.0.2.1 arrives as 192.0.2.1 and would never match."""
    with pytest.raises(ValueError, match="plain IPv4 or IPv6"):
        canonical_network("::ffff:192.0.2.1")


def test_nesting_and_aliases_end_in_bounded_time() -> None:
    """A thousand levels and an alias bomb: a fault, or nothing, but an answer."""
    assert faults("a: " + "[" * 20_000)
    bomb = "\n".join(f"x{b}: &x{b} [{', '.join([f'*x{a}'] * 9)}]" for a, b in pairwise(range(1, 9)))
    assert faults("x1: &x1 [lol]\n" + bomb)


def test_the_documentations_example_has_no_fault() -> None:
    """docs/apply.md shows a file that can be applied, once its tariffs are published."""
    page = (Path(__file__).parents[2] / "docs" / "apply.md").read_text()
    example = textwrap.dedent(page[page.index("    currency: EUR") : page.index("## Accounts")])
    published = STANDING._replace(tariffs=dict.fromkeys(("wholesale", "retail", "carrier-a"), "EUR"), accounts={})
    assert faults(example, published) == []
