"""What `kambill apply` reads, and every fault that it names: the text alone, then beside what stands."""

from __future__ import annotations

import textwrap
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from service.config import Config
from service.database.tables import tariffs
from service.peers.rules import canonical_network
from service.setup.directory import PUBLISH_FIRST
from service.setup.document import SECTIONS, read_setup
from service.setup.perform import SetupFault, plan_setup
from service.start import ensure_first_rows
from tests.service.test_setup import ACTOR, NOW_MS, api_of, apply

BITS = "10.0.0.5/8 has bits behind its mask: write 10.0.0.0/8, or 10.0.0.5 for the one address"
NO_NETWORK = "'everywhere' is no network: write one such as 192.0.2.0/24, 192.0.2.7 or 2001:db8::/48"
BY_NAME = "(a name would make calls wait for DNS)"
ONE = "networks: one value, or a list of them, was expected"
NOBODY = "no account 'nobody' here or in the ledger"
SAME = "another trunk has this network, port, transport and tech prefix: callers could not be told apart"
STANDING = """
accounts: [{name: seller, kind: reseller, tariff: wholesale}]
providers: [{name: carrier}]
trunks: [{name: old, account: seller, networks: 192.0.2.0/24}]
"""


def faults(text: str) -> list[str]:
    """line:column: sentence of each fault of the text alone."""
    _, sheet = read_setup(text)
    return [f"{place.line}:{place.column}: {said}" for place, said in sorted(sheet.problems)]


def test_a_whole_file_is_read() -> None:
    """Scalars stay the texts that stand there; a provider is an account, its gateways are its own."""
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
    )
    assert sheet.problems == []
    assert setup.currency == "EUR"
    ann, carrier = setup.rows["accounts"]
    assert (ann.values["cps"], ann.values["commission"], ann.values["channels"]) == ("010", "no", "any")
    assert carrier.values == {"kind": "provider", "billing": "postpaid", "parent": "Operator", "name": "carrier"}
    assert setup.rows["gateways"][0].values["account"] == "carrier"
    assert setup.rows["gateways"][0].values["prefix"] == "0123"
    assert setup.rows["trunks"][0].values["networks"] == ["198.51.100.7", "2001:db8:1::/48"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", []),
        ("accounts:\n", []),
        ("accounts: []\n", []),
        ("- a", [f"1:1: `name: value` lines were expected: {', '.join(SECTIONS)}"]),
        ("a: [\n", ["2:1: no YAML (did not find expected node content): YAML was expected"]),
        (
            "accounts: {}\nacounts: []\naccounts: []\n",
            [
                "1:11: a list was expected: lines that begin with `- `",
                f"2:1: 'acounts' is unknown here: one of {', '.join(SECTIONS)} was expected",
                "3:1: 'accounts' stands here twice: keep one",
            ],
        ),
        ("currency: euro\n", ["1:11: currency: 'euro': three capital letters such as EUR were expected"]),
        ("accounts:\n  - {kind: customer}\n", ["2:5: 'name' is missing"]),
        ("users: [{email: a@b.example}]\n", ["1:9: 'account' is missing"]),
        (
            "trunks: [{name: t, account: a, networks: {}}]\n",
            [f"1:42: {ONE}"],
        ),
        (
            "trunks: [{name: t, account: a, state: off}]\n",
            ["1:32: state: 'off': one of active, suspended, closed, removed was expected"],
        ),
        (
            "accounts: [{name: a, kind: customer, state: removed}]\n",
            ["1:38: state: 'removed': one of active, suspended, closed was expected"],
        ),
    ],
)
def test_faults_of_the_text_are_all_told_with_their_place(text: str, said: list[str]) -> None:
    """Line, column, what is wrong, what was expected."""
    assert faults(text) == said


BESIDE = [
    ("currency: USD\n", ["1:11: currency: the ledger keeps EUR, and accounts or entries stand in it: write EUR"]),
    (
        "accounts: [{name: Operator, kind: customer}]",
        ["1:13: name: 'Operator' is the root: it stands already"],
    ),
    (
        "accounts: [{name: a, kind: customer, parent: nobody}]",
        [f"1:38: parent: {NOBODY}"],
    ),
    (
        "accounts: [{name: a, kind: customer, parent: carrier}]",
        ["1:38: parent: a customer stands below a reseller or root, and 'carrier' is a provider"],
    ),
    (
        "accounts: [{name: a, kind: customer, currency: USD}]",
        ["1:38: currency: the account is in USD, its parent in EUR, and no rate of exchange USD/EUR"],
    ),
    (
        "accounts: [{name: a, kind: customer, commission: yes}]",
        ["1:38: commission: only a reseller earns commission, and 'a' is a customer"],
    ),
    (
        "accounts: [{name: a, kind: customer, tariff: retail}]",
        [f"1:38: tariff: no tariff 'retail' that can be used here (known: dollars, wholesale): {PUBLISH_FIRST}"],
    ),
    (
        "accounts: [{name: a, kind: customer, tariff: dollars}]",
        ["1:38: tariff: this tariff is in USD, the account in EUR"],
    ),
    (
        "accounts: [{name: seller, kind: customer}]",
        ["1:27: kind: is reseller and can't become customer: make a new account and close this one"],
    ),
    ("accounts: [{name: a, kind: reseller, parent: a}]", ["1:38: parent: a circle: a below a"]),
    (
        "accounts: [{name: a, kind: reseller, parent: a}, {name: b, kind: reseller, parent: a}]",
        ["1:38: parent: a circle: a below a"],
    ),
    (
        "accounts:\n" + "".join(f"  - {{name: {a}, kind: reseller, parent: {b}}}\n" for a, b in ("ab", "bc", "ca")),
        [
            "2:31: parent: a circle: a below b below c below a",
            "3:31: parent: a circle: b below c below a below b",
            "4:31: parent: a circle: c below a below b below c",
        ],
    ),
    (
        "accounts:\n  - {name: a, kind: customer}\n  - {name: a, kind: customer}\n",
        ["3:6: name: 'a' stands here twice, first in line 2: keep one"],
    ),
    (
        "accounts:\n  - {name: a, kind: king, credit_limit: 1e3, channels: 0}\n  - {kind: customer}\n",
        [
            "2:15: kind: Input should be 'reseller', 'customer' or 'provider'",
            "2:27: credit_limit: '1e3' is not a decimal number such as 0.0125",
            "2:46: channels: Input should be greater than or equal to 1",
            "3:5: 'name' is missing",
        ],
    ),
    (
        "accounts: [{name: a, kind: customer, credit_limit: -5, commission: maybe}]",
        ["1:56: commission: Input should be a valid boolean"],
    ),
    (
        "accounts: [{name: a, kind: customer, roles: [Emperor]}]",
        ["1:38: roles: no role 'Emperor' that can be used here (known: Admin, Finance, Owner, Postpaid customer,"],
    ),
    (
        "providers: [{name: seller}]",
        ["1:13: kind: is reseller and can't become provider: make a new account and close this one"],
    ),
    (
        "providers: [{name: p, gateways: [{name: g, host: sip.example.com}]}]\n",
        [f"1:44: host: 'sip.example.com' is no address: write the gateway's IPv4 or IPv6 address {BY_NAME}"],
    ),
    (
        "trunks: [{name: t, account: nobody, networks: 10.0.0.1}]",
        [f"1:20: account: {NOBODY}"],
    ),
    ("trunks: [{name: t, account: carrier, networks: 10.0.0.1}]", ["1:20: account: a provider makes no calls"]),
    (
        "trunks: [{name: t, account: seller, networks: 10.0.0.1, plan: x}]",
        [f"1:57: plan: no routing plan 'x' (known: none): {PUBLISH_FIRST}"],
    ),
    ("trunks: [{name: t, account: seller, networks: 192.0.2.0/24}]", [f"1:37: networks: {SAME}"]),
    (
        "trunks: [{name: t, account: seller, networks: [10.0.0.5/8, everywhere]}]\n",
        [f"1:48: networks: {BITS}", f"1:60: networks: {NO_NETWORK}"],
    ),
    (
        "trunks: [{name: t, account: seller, networks: 0.0.0.0/0}]\n",
        ["1:37: networks: 0.0.0.0/0 is everybody: whoever sends an INVITE would call at this account's cost"],
    ),
    (
        "trunks: [{name: t, account: seller, networks: []}]\n",
        ["1:37: networks: at least one network was expected, or a certificate"],
    ),
    ("trunks: [{name: t, account: seller}]\n", ["1:10: networks: at least one network was expected, or a certificate"]),
    (
        "accounts: [{name: a, kind: king}]\ntrunks: [{name: t, account: a, networks: 10.0.0.1}]",
        ["1:22: kind: Input should be 'reseller', 'customer' or 'provider'"],
    ),
    (
        "users: [{email: x, account: seller, name: X, roles: [Owner]}]",
        [r"1:10: email: String should match pattern '^[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,190}$'"],
    ),
    (
        "numbers: [{number: 44207946, account: seller, trunk: none, device: d9}]",
        ["1:60: device: no device 'd9' here or in the ledger"],
    ),
    (
        "accounts: [{name: a, kind: customer, parent: [seller, Operator]}]\n"  # noqa: ISC004 -- one file
        "gateways: [{name: g, account: carrier, host: 192.0.2.9, username: [x], realm: r, password: secret}]\n"
        "trunks: [{name: t, account: [seller], networks: 10.0.0.1, state: [suspended]}]",
        [
            "1:38: parent: one value was expected, not a list",
            "2:57: username: one value was expected, not a list",
            "3:20: account: one value was expected, not a list",
            "3:59: state: one value was expected, not a list",
        ],
    ),
    # no fault: the same trunk again, another tech prefix, a longer network can all be told apart
    ("accounts: [{name: seller, kind: reseller, tariff: wholesale}]", []),
    ("trunks: [{name: t, account: seller, networks: 192.0.2.0/24, tech_prefix: 99#}]", []),
    ("trunks: [{name: t, account: seller, networks: 192.0.2.0/25}]", []),
    ("trunks: [{name: old, account: seller, networks: 192.0.2.0/24}]", []),
]


@pytest.fixture
async def ledger(engine: AsyncEngine, tmp_path: Path) -> AsyncEngine:
    """A seller with a trunk, and a carrier."""
    await ensure_first_rows(engine, Config(), NOW_MS)
    async with engine.begin() as conn:
        for name, currency in (("wholesale", "EUR"), ("dollars", "USD")):
            await conn.execute(sa.insert(tariffs).values(name=name, currency=currency, version="0" * 16))
    await apply(engine, tmp_path, STANDING)
    return engine


async def told(engine: AsyncEngine, folder: Path, text: str) -> list[str]:
    """line:column: sentence of each fault."""
    path = folder / "setup.yaml"
    path.write_text(text)
    try:
        await plan_setup(api_of(engine), ACTOR, path, NOW_MS)
    except SetupFault as fault:
        *lines, last = str(fault).splitlines()
        assert last == "nothing was changed"
        return [line.removeprefix(f"{path}:") for line in lines]
    return []


async def test_what_cant_be_done_is_told_with_its_place(ledger: AsyncEngine, tmp_path: Path) -> None:
    """References, parents, currencies and shared networks, each beside what stands; all faults at once."""
    wrong = []
    for text, said in BESIDE:
        found = await told(ledger, tmp_path, text)
        if len(found) != len(said) or not all(one.startswith(two) for one, two in zip(found, said, strict=False)):
            wrong.append(f"{text}\n  {said}\n  {found}")
    assert not wrong, "\n".join(wrong)


async def test_the_difference_is_told_field_by_field(ledger: AsyncEngine, tmp_path: Path) -> None:
    """What is new with what it says, what changes with old and new, what stays not at all."""
    text = """
accounts:
  - {name: seller, kind: reseller, credit_limit: 5, channels: 3}
  - {name: ann, kind: customer, parent: seller}
trunks:
  - {name: old, account: seller, networks: 192.0.2.0/24}
"""
    assert await apply(ledger, tmp_path, text) == [
        "~ account seller: tariff wholesale -> none, channels any -> 3, credit limit 0.00 -> 5.00",
        "+ account ann: parent seller, kind customer",
    ]


@pytest.mark.parametrize("seed", range(3))
async def test_parents_come_first_in_any_order_of_the_file(ledger: AsyncEngine, tmp_path: Path, seed: int) -> None:
    """A tree in some order: each account after its parent."""
    names = "abcdefgh"
    parent_of = {"a": "Operator"} | {name: names[(seed + 3 * at) % (at + 1)] for at, name in enumerate(names[1:])}
    order = sorted(names, key=lambda name: (ord(name) * (7 + seed)) % 11)
    text = "accounts:\n" + "".join(f"- {{name: {n}, kind: reseller, parent: {parent_of[n]}}}\n" for n in order)
    lines = await apply(ledger, tmp_path, text)
    ordered = [line.split()[2].removesuffix(":") for line in lines]
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


async def test_the_documentations_example_has_no_fault(ledger: AsyncEngine, tmp_path: Path) -> None:
    """docs/apply.md shows a file that can be applied, once its tariffs are published."""
    page = (Path(__file__).parents[2] / "docs" / "apply.md").read_text()
    example = textwrap.dedent(page[page.index("    currency: EUR") : page.index("## Accounts")])
    async with ledger.begin() as conn:
        for name in ("retail", "carrier-a"):
            await conn.execute(sa.insert(tariffs).values(name=name, currency="EUR", version="0" * 16))
    assert await told(ledger, tmp_path, example) == []
