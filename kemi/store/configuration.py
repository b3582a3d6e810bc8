"""What changes rarely and is asked for at each call: plans, gateways, translations, special numbers, versions of
tariffs and destination groups, rates of exchange, settings.

A process keeps it decoded until the store's configuration number moves, which each command that changes any of it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile
from typing import Any, TypeVar

from kemi.store import layout
from kemi.store.contents import Content, content_of
from kemi.store.layout import NOT_READ, Account, Settings, Unreadable
from kemi.store.networks import Network, lies_in
from kemi.store.rules import NO_PRECAUTIONS, Precautions, Ranges, unpack_precautions
from kemi.store.specials import Specials, special_of
from kemi.store.translate import NONE as NO_TRANSLATIONS
from kemi.store.translate import Bound, Translations, bound_of
from kemi.store.trunks import Gateway, unpack_gateway
from ratebook.exchange import NO_EXCHANGE, Exchange
from ratebook.routing import Plan
from ratebook.tax import UNTAXED, Taxes

T = TypeVar("T")


def _decoded(what: str, decode: Callable[[bytes], T], raw: bytes) -> T:
    """What a record says; `what` it is of, for the operator. Raises Unreadable, UnknownVersion."""
    try:
        return decode(raw)
    except NOT_READ as fault:
        raise Unreadable(what, fault) from fault


class Configuration:
    """One state of it. Read as it is asked for, in the transaction of whoever asks."""

    def __init__(self, meta: Any, config: Any, number: bytes) -> None:
        self._meta, self._config = meta, config
        self.number = number
        self._plans: dict[int, Plan | None] = {}
        self._gateways: dict[int, Gateway | None] = {}
        self._versions: dict[int, bytes | None] = {}
        self._contents: dict[int, Content | None] = {}
        self._groups: bytes | None = None
        self._exchange: Exchange | None = None
        self._taxes: dict[tuple[int, int], Taxes] = {}
        self._portings: list[tuple[str, bytes]] | None = None
        self._translations: dict[int, Translations] = {}
        self._translates: bool | None = None
        self._specials: Specials | None = None
        self._precautions: dict[int, Precautions] = {}
        self._ranges: Ranges | None = None
        self._settings: Settings | None = None
        self._shapes: bytes | None = None
        self._gateway_networks: tuple[Network, ...] | None = None
        self._gateway_hosts: frozenset[str] | None = None
        self._generation: int | None = None
        self._secret: bytes | None = None
        self._has_numbers: bool | None = None
        self._networks: dict[int, tuple[Network, ...]] | None = None
        self.worked_out: dict[Any, Any] = {}
        """What others have made of it, to be had again: gone when anything of it changes."""

    def plan(self, txn: Any, number: int) -> Plan | None:
        """A routing plan; None: there is none of this id."""
        if number not in self._plans:
            raw = txn.get(layout.kind_key(b"p", number), db=self._config)
            self._plans[number] = None if raw is None else _decoded(f"routing plan {number}", plan_of_record, raw)
        return self._plans[number]

    def gateway(self, txn: Any, number: int) -> Gateway | None:
        """A gateway; None: it is gone."""
        if number not in self._gateways:
            raw = txn.get(layout.kind_key(b"g", number), db=self._config)
            self._gateways[number] = None if raw is None else _decoded(f"gateway {number}", unpack_gateway, raw)
        return self._gateways[number]

    def gateways(self, txn: Any) -> Iterator[Gateway]:
        """All of them, by id."""
        with txn.cursor(self._config) as cursor:
            found = cursor.set_range(b"g")
            while found and cursor.key()[:1] == b"g":
                yield unpack_gateway(cursor.value())
                found = cursor.next()

    def gateway_networks(self, txn: Any) -> tuple[Network, ...]:
        """The networks of all gateways."""
        if self._gateway_networks is None:
            networks = {network for gateway in self.gateways(txn) for network in gateway.networks}
            self._gateway_networks = tuple(networks)
        return self._gateway_networks

    def is_carriers(self, txn: Any, ip: str) -> bool:
        """Whether an address is a gateway's, active or not: one that calls go to, or that it sends from."""
        if self._gateway_hosts is None:
            self._gateway_hosts = frozenset([gateway.host for gateway in self.gateways(txn)])
        return ip in self._gateway_hosts or lies_in(ip, self.gateway_networks(txn))

    def version(self, txn: Any, tariff: int) -> bytes | None:
        """The version that a tariff's pointer names now; None: never published."""
        if tariff not in self._versions:
            raw = txn.get(layout.kind_key(b"r", tariff), db=self._config)
            self._versions[tariff] = None if raw is None else _decoded(f"tariff {tariff}", _version_of, raw)
        return self._versions[tariff]

    def versions(self, txn: Any, tariffs: Iterable[int]) -> list[bytes | None]:
        """The same of several tariffs."""
        known = self._versions
        return [known[tariff] if tariff in known else self.version(txn, tariff) for tariff in tariffs]

    def content(self, txn: Any, product: int) -> Content | None:
        """Which calls a product's packages are for; None: the product is not known."""
        if product not in self._contents:
            raw = txn.get(layout.kind_key(b"k", product), db=self._config)
            self._contents[product] = None if raw is None else _decoded(f"product {product}", content_of, raw)
        return self._contents[product]

    def groups_version(self, txn: Any) -> bytes:
        """The version that the destination groups' pointer names now; empty: there are none."""
        if self._groups is None:
            raw = txn.get(layout.GROUPS_KEY, db=self._config)
            self._groups = b"" if raw is None else _decoded("the destination groups", _version_of, raw)
        return self._groups

    def exchange(self, txn: Any) -> Exchange:
        """What currencies are worth, now and later."""
        if self._exchange is None:
            raw = txn.get(layout.EXCHANGE_KEY, db=self._config)
            self._exchange = NO_EXCHANGE if raw is None else Exchange.from_record(layout.unpack_json(raw))
        return self._exchange

    def taxes(self, txn: Any, seller: int, account: int) -> Taxes:
        """What is added to the prices of a prepaid account: its own taxes, else its seller's for everybody."""
        found = self._taxes.get((seller, account))
        if found is None:
            raw = txn.get(layout.taxes_key(account, own=True), db=self._config)
            if raw is None:
                raw = txn.get(layout.taxes_key(seller, own=False), db=self._config)
            found = UNTAXED if raw is None else Taxes.from_record(layout.unpack_json(raw))
            self._taxes[seller, account] = found
        return found

    def portings(self, txn: Any) -> list[tuple[str, bytes]]:
        """Lists of ported numbers: the prefix that each is about, the longest first, and its version."""
        if self._portings is None:
            raw = txn.get(layout.PORTINGS_KEY, db=self._config)
            rows = [] if raw is None else layout.unpack_json(raw)["lists"]
            found = [(prefix, bytes.fromhex(version)) for prefix, version in rows]
            self._portings = sorted(found, key=lambda one: len(one[0]), reverse=True)
        return self._portings

    def translations(self, txn: Any, account: int) -> Translations:
        """The rules of an account. One that has none costs a look-up in the first call of a process only."""
        if self._translates is None:
            self._translates = self._has_rules(txn)
        if not self._translates:
            return NO_TRANSLATIONS
        found = self._translations.get(account)
        if found is None:
            found = self._translations[account] = Translations(self._rules(txn, account))
        return found

    def _has_rules(self, txn: Any) -> bool:
        """Whether anybody has any."""
        first = layout.rule_key(0, 0)[:1]
        with txn.cursor(db=self._config) as cursor:
            return bool(cursor.set_range(first) and cursor.key()[:1] == first)

    def specials(self, txn: Any) -> Specials:
        """Emergency and free numbers."""
        if self._specials is None:
            with txn.cursor(db=self._config) as cursor:
                rows = cursor.iternext() if cursor.set_range(b"s") else ()
                listed = [special_of(layout.unpack_json(raw)) for key, raw in takewhile(_is_special, rows)]
            self._specials = Specials(listed)
        return self._specials

    def precautions(self, txn: Any, account: int) -> Precautions:
        """What an account has set against fraud. One that has nothing costs a look-up in the first call of a process
        only.
        """
        found = self._precautions.get(account)
        if found is None:
            raw = txn.get(layout.precautions_key(account), db=self._config)
            found = NO_PRECAUTIONS if raw is None else unpack_precautions(raw)
            self._precautions[account] = found
        return found

    def cautious(self, txn: Any, path: Iterable[Account]) -> list[tuple[int, Precautions]]:
        """Those of a path who have set anything against fraud; nearly always nobody, which then costs no more."""
        kept, found = self._precautions, []
        for account in path:
            precautions = kept.get(account.id) or self.precautions(txn, account.id)
            if precautions is not NO_PRECAUTIONS:
                found.append((account.id, precautions))
        return found

    def ranges(self, txn: Any) -> Ranges:
        """High-risk ranges."""
        if self._ranges is None:
            raw = txn.get(layout.RANGES_KEY, db=self._config)
            self._ranges = Ranges() if raw is None else Ranges(layout.unpack_json(raw)["ranges"])
        return self._ranges

    def _rules(self, txn: Any, account: int) -> Iterator[Bound]:
        first = layout.rule_key(account, 0)
        with txn.cursor(db=self._config) as cursor:
            for key, raw in cursor.iternext() if cursor.set_range(first) else ():
                if key[:-8] != first[:-8]:
                    return
                yield bound_of(layout.unpack_json(raw))

    def settings(self, txn: Any) -> Settings:
        """What the operator has set."""
        if self._settings is None:
            raw = txn.get(b"settings", db=self._meta)
            self._settings = Settings() if raw is None else Settings(**layout.unpack_json(raw))
        return self._settings

    def shapes(self, txn: Any) -> bytes:
        """The shapes of ways into trunks (kemi.store.trunks)."""
        if self._shapes is None:
            self._shapes = txn.get(b"shapes", b"", db=self._meta)
        return self._shapes

    def generation(self, txn: Any) -> int:
        """Which start of Kamailio this is, in this store's life: the wall clock's milliseconds at it; 0: none yet."""
        if self._generation is None:
            self._generation = int.from_bytes(txn.get(b"generation", b"\0", db=self._meta), "big")
        return self._generation

    def secret(self, txn: Any) -> bytes:
        """What only this store's life knows."""
        if self._secret is None:
            self._secret = bytes(txn.get(b"secret", db=self._meta))
        return self._secret

    def has_numbers(self, txn: Any) -> bool:
        """Whether anybody here has a number: calls need not be looked up otherwise."""
        if self._has_numbers is None:
            self._has_numbers = txn.get(b"numbers", db=self._meta) is not None
        return self._has_numbers

    def gateway_at(self, txn: Any, ip: str) -> Gateway | None:
        """The active gateway of the lowest id that sends from an address; None: none does."""
        if self._networks is None:
            self._networks = {}
            with txn.cursor(self._config) as cursor:
                found = cursor.set_range(b"g")
                while found and cursor.key()[:1] == b"g":
                    gateway = unpack_gateway(cursor.value())
                    if gateway.is_active:
                        self._networks[gateway.id] = gateway.networks
                    found = cursor.next()
        number = next((one for one, networks in self._networks.items() if lies_in(ip, networks)), None)
        return None if number is None else self.gateway(txn, number)


def _is_special(row: tuple[bytes, bytes]) -> bool:
    return bytes(row[0][:1]) == b"s"


def _version_of(pointer: bytes) -> bytes:
    return bytes.fromhex(layout.unpack_json(pointer)["version"])


def plan_of_record(raw: bytes) -> Plan:
    """The routing plan of its record."""
    return Plan.from_record({key: value for key, value in layout.unpack_json(raw).items() if key != "id"})
