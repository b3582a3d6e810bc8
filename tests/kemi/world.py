"""A small telephone company in a temporary folder: real LMDB, real rates, no Kamailio.

The root (1) sells to reseller 2, which sells to reseller 3, which sells to customer 4. Provider 5 has
gateways 1 and 2, provider 6 gateway 3. Trunk 1 is the customer's.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from kemi.answer import Callee, Denied, Grant, answered
from kemi.authorize import Admitted, Refused, authorise
from kemi.clerk import Clerk
from kemi.clock import Now
from kemi.destination import Local
from kemi.failover import fail_over
from kemi.identify import Source, identify
from kemi.invitation import Invitation
from kemi.invites import Repeated
from kemi.meter import Dialogs
from kemi.receive import gateway_of, local_of, receive
from kemi.rooms import Rooms
from kemi.running import find
from kemi.settlement import End, ended
from kemi.store import commands, exposure, journal, limits
from kemi.store.calls import RunningCall
from kemi.store.carry import begin_store
from kemi.store.change import Change
from kemi.store.devices import device_by_id
from kemi.store.environment import Snapshot
from kemi.store.inbox import InboxWriter
from kemi.store.layout import Account
from kemi.store.limits import Counter
from kemi.store.locations import Location, pack_location
from kemi.store.packages import Stock, all_stocks
from ratebook.compiled.groups import CompiledGroups, compile_groups
from ratebook.compiled.write import CompiledTariff, compile_tariff, open_for_writing, write_version
from ratebook.exchange import ALWAYS_S
from ratebook.groups import Group
from ratebook.model import DurationMode, FreeMode, Interval, Rate, Tariff, Terms
from ratebook.money import Rounding, RoundingMode, parse_nanos

ROOT, UPPER, LOWER, CUSTOMER, CARRIER, DEAR_CARRIER = 1, 2, 3, 4, 5, 6
EURO = 1_000_000
START = Now(boot_ms=1_000_000, wall_ms=1_790_000_000_000)
BOOT = "boot-of-the-test"

PRICES = {CUSTOMER: "0.06", LOWER: "0.03", UPPER: "0.024", CARRIER: "0.012", DEAR_CARRIER: "0.018"}
"""Per minute, of what each account pays (and the carriers ask)."""


def terms(rate: str, first: int = 1, following: int = 1, **more: Any) -> Terms:
    """Terms of a plain rate per minute."""
    steps = (Interval(0, parse_nanos(rate), first),)
    if following != first:
        steps = (*steps, Interval(first, parse_nanos(rate), following))
    values: dict[str, Any] = {
        "currency": "EUR",
        "intervals": steps,
        "connect_fee_nanos": 0,
        "minimum_nanos": 0,
        "maximum_nanos": None,
        "grace_s": 0,
        "free_s": 0,
        "free_mode": FreeMode.BEFORE,
        "attempt_fee_nanos": 0,
        "blocked": False,
        "rounding": Rounding(RoundingMode.HALF_UP, 6),
        "duration_mode": DurationMode.UP,
    }
    return Terms(**values | more)


class FakeDialogs:
    """Kamailio's dialogs as the meter sees them: alive or not, acknowledged or not."""

    def __init__(self, *, alive: bool = True, acknowledged: bool = True) -> None:
        self.alive, self.acknowledged = alive, acknowledged
        self.set: list[tuple[int, int, int]] = []
        """What timers were set to: seconds, hash entry, hash id."""
        self.sent: list[tuple[str, str]] = []
        """Messages: destination and text."""

    def seen(self) -> Dialogs:
        """What the meter gets."""
        return Dialogs(
            lambda *timer: self.set.append(timer) or self.alive,
            lambda _call: self.acknowledged,
            lambda *message: self.sent.append(message),
            lambda _socket, *message: self.sent.append(message),
        )


def moved(now: Now, seconds: float) -> Now:
    """So much later, on both clocks."""
    step = int(seconds * 1000)
    return Now(now.boot_ms + step, now.wall_ms + step)


def device_fields(number: int, account: int, username: str = "") -> dict[str, Any]:
    """Of a device command: its name is `d` and its number, its password `secret`."""
    username = username or f"d{number}"
    text = f"{username}:kambill:secret".encode()
    return {
        "id": number,
        "account": account,
        "username": username,
        "ha1_md5": hashlib.md5(text, usedforsecurity=False).hexdigest(),
        "ha1_sha256": hashlib.sha256(text).hexdigest(),
        "state": "active",
        "plan": 1,
        "tariff": 0,
        "channels": 0,
        "cps": 0,
        "international_prefix": "00",
        "national_prefix": "",
        "country": "",
        "call_max_s": 0,
        "contacts_max": 3,
        "caller_number": "",
        "caller_numbers": [],
    }


class World:
    """The company, its store and its clock."""

    def __init__(self, folder: Path) -> None:
        self.run_dir, self.data_dir = folder / "run", folder / "data"
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.now = START
        self.commands = 0
        self.calls = 0
        begin_store(self.run_dir, self.data_dir, BOOT, START.wall_ms, self.now).close()
        self.rooms = Rooms.open(self.run_dir, self.data_dir)
        assert self.rooms.has_store()
        (self.data_dir / "rates").mkdir()
        self.furnish()

    def furnish(self) -> None:
        """Configures everything, with 1000 euros for each that pays."""
        for account, parent in ((ROOT, 0), (UPPER, ROOT), (LOWER, UPPER), (CUSTOMER, LOWER)):
            self.account(account, parent=parent)
            if account != ROOT:
                self.credit(account, 1000 * EURO)
        for provider in (CARRIER, DEAR_CARRIER):
            self.account(provider, parent=ROOT, kind="provider")
        for account, price in PRICES.items():
            self.tariff(account, {"": terms(price), "49": terms(price, 60, 60)})
        self.gateway(1, CARRIER, "127.0.0.11")
        self.gateway(2, CARRIER, "127.0.0.12")
        self.gateway(3, DEAR_CARRIER, "127.0.0.13")
        self.plan()
        self.trunk(1, CUSTOMER)
        self.do("ready")

    def do(self, what: str, **fields: Any) -> None:
        """Applies one command, as the clerk does."""
        self.commands += 1
        with Change(self.rooms.store) as change:
            commands.apply(change, {"n": self.commands, "epoch": self.epoch, "do": what, **fields}, self.now)

    @property
    def epoch(self) -> int:
        """Of the store."""
        with self.rooms.store.read() as txn:
            return Snapshot(self.rooms.store, txn).epoch

    def account(self, account: int, **fields: Any) -> None:
        """Configures an account; a charged one unless it is the root or a provider."""
        kind = fields.get("kind", "reseller")
        values: dict[str, Any] = {
            "id": account,
            "parent": 0,
            "kind": kind,
            "charged": account != ROOT and kind != "provider",
            "state": "active",
            "cut": True,
            "prepaid": True,
            "currency": "EUR",
            "tariff": account,
            "credit_limit": 0,
            "channels": 0,
            "cps": 0,
            "name": f"account {account}",
        }
        self.do("account", **values | fields)

    def credit(self, account: int, micros: int) -> None:
        """A payment of so much (negative: a debit)."""
        self.do("credit", account=account, micros=micros)

    def balance(self, account: int, micros: int) -> None:
        """Makes the balance so much."""
        self.credit(account, micros - self.get(account).balance)

    def tariff(self, number: int, rates: dict[str, Terms], **dates: Any) -> None:
        """Publishes rates by prefix as tariff `number`."""
        effective_s, until_s = dates.get("effective_s"), dates.get("until_s")
        self.publish(number, *(Rate(prefix, f"to {prefix}", effective_s, until_s, of) for prefix, of in rates.items()))

    def publish(self, number: int, *rows: Rate) -> None:
        """Publishes rates with their dates as tariff `number`."""
        currency = rows[0].terms.currency if rows else "EUR"
        compiled = compile_tariff(Tariff(name=f"tariff {number}", currency=currency, timezone="UTC", rates=rows))
        self._write(compiled)
        self.do("tariff", id=number, version=compiled.version.hex(), currency=currency, name=f"tariff {number}")

    def _write(self, compiled: CompiledTariff | CompiledGroups) -> None:
        self.rooms.close()  # LMDB: an environment is open once in a process
        rates = open_for_writing(self.data_dir / "rates")
        write_version(rates, compiled)
        rates.close()
        assert self.rooms.has_store()

    def groups(self, *groups: Group) -> None:
        """Publishes destination groups."""
        compiled = compile_groups(groups)
        self._write(compiled)
        self.do("groups", version=compiled.version.hex())

    def precautions(self, account: int, *rules: dict[str, Any], **more: Any) -> None:
        """The whole of what an account has set against fraud; a rule names what is not a block of an hour's calls."""
        values: dict[str, Any] = {"trunk": 0, "measure": "calls", "group": "", "limit": 1, "window_s": 3600}
        values |= {"action": "block"}
        lists: dict[str, Any] = {"numbers": [], "opened": [], "closed": []}
        listed = [values | {"id": number} | rule for number, rule in enumerate(rules, start=account * 10)]
        self.do("precautions", account=account, rules=listed, **lists | more)

    def counter(self, rule: int) -> Counter:
        """Of a rule, as it stands."""
        with self.rooms.store.read() as txn:
            return dict(limits.counters(self.rooms.store, txn))[rule]

    def exchange(self, *rates: tuple[str, str, str], base: str = "") -> None:
        """What currencies are worth from always on: from, to, and the rate."""
        dated = [[have, want, [[ALWAYS_S, parse_nanos(rate)]]] for have, want, rate in rates]
        self.do("exchange", base=base, rates=dated)

    def taxes(
        self, seller: int, *stretches: tuple[int, int, int, int], account: int = 0, service: str = "calls"
    ) -> None:
        """What a seller adds to the prices of everybody, or of an account: from when, which rates, and their factor."""
        self.do(
            "taxes", account=account or seller, own=bool(account), courses={service: [list(one) for one in stretches]}
        )

    def gateway(self, number: int, provider: int, host: str, **fields: Any) -> None:
        """Configures a gateway."""
        values: dict[str, Any] = {"name": f"gateway {number}", "port": 5060, "transport": "udp", "networks": []}
        values |= {"prefix": "", "strip": 0, "channels": 0, "cps": 0, "state": "active", "tariff": 0}
        values |= {"number_format": "plain", "trusted": False}
        self.do("gateway", **values | {"id": number, "provider": provider, "host": host} | fields)

    def plan(self, **fields: Any) -> None:
        """Configures plan 1: all gateways for every number, the cheaper first."""
        values: dict[str, Any] = {
            "name": "standard",
            "order": "cost",
            "no_loss": "strict",
            "failover_codes": [408, *range(500, 600)],
            "try_timeout_ms": 2000,
            "attempts_max": 4,
            "ring_timeout_s": 60,
            "expected_call_s": 180,
            "routes": [["", [[1, 1], [2, 2], [3, 3]]]],
        }
        self.do("plan", id=1, **values | fields)

    def trunk(self, number: int, account: int, **fields: Any) -> None:
        """Configures a trunk at 127.0.0.2."""
        values: dict[str, Any] = {"networks": ["127.0.0.2/32"], "transport": "any", "port": 0, "tech_prefix": ""}
        values |= {"state": "active", "channels": 0, "cps": 0, "plan": 1, "tariff": 0, "name": f"trunk {number}"}
        values |= {"international_prefix": "00", "national_prefix": "0", "country": "44"}
        values |= {"caller_rule": "pass", "caller_numbers": [], "trusted": False}
        self.do("trunk", **values | {"id": number, "account": account} | fields)

    def device(self, number: int, account: int, **fields: Any) -> None:
        """Configures a device named `d` and its number, with the password `secret`."""
        self.do("device", **device_fields(number, account) | fields)

    def at(self, device: int, contact: str = "sip:d@10.0.0.1", ip: str = "192.0.2.7", q: int = 1000) -> None:
        """A device is registered at a place for a long time."""
        place = {"ip": ip, "port": 5060, "transport": "udp", "socket": "udp:127.0.0.1:5060", "q": q}
        more = {"call_id": "r", "cseq": 1, "agent": "", "since_wall_ms": 0, "until_wall_ms": 2**62, "ping_boot_ms": 0}
        one = Location(device, contact, until_boot_ms=2**62, **place, **more)
        with Change(self.rooms.store) as change:
            change.txn.put(one.key, pack_location(one), db=change.store.location)

    def number(self, number: int, account: int, *places: dict[str, Any], **fields: Any) -> None:
        """Configures the number +4420 and its id, which costs its owner nothing."""
        values = {"number": f"4420{number}", "account": account, "state": "active", "tariff": 0}
        values |= {"channels": 0, "cps": 0, "ring_s": 20, "without_funds": "refuse", "places": list(places)}
        self.do("number", **values | {"id": number} | fields)

    def package(self, grant: int, account: int, amount: int, **fields: Any) -> None:
        """Grants seconds (`money=True`: micro-units) of product 1, for every call, without end."""
        product = {"groups": fields.pop("groups", []), "tariffs": fields.pop("tariffs", [])}
        values: dict[str, Any] = {"money": False, "fees": True, "product": 1, "priority": 0}
        values |= {"from_s": 0, "until_s": 2**40} | fields
        self.do("product", id=values["product"], **product)
        self.do("package", id=grant, account=account, amount=amount, **values)

    def stock(self, grant: int) -> Stock:
        """A grant as the store has it."""
        return self.stocks()[grant]

    def stocks(self) -> dict[int, Stock]:
        """All grants."""
        with self.rooms.store.read() as txn:
            return all_stocks(self.rooms.store, txn)

    # --- calls

    def come_in(self, called: str = "+44201", ip: str = "127.0.0.11", **fields: Any) -> Admitted | Refused | Repeated:
        """An INVITE from a gateway."""
        gateway, local = gateway_of(self.rooms, ip), local_of(self.rooms, called)
        assert gateway is not None
        assert local is not None
        return receive(self.rooms, gateway, self.invitation(called, ip=ip, **fields), local, self.now)

    def call_ours(
        self, called: str = "+44201", device: int = 0, **fields: Any
    ) -> Admitted | Refused | Repeated | Local:
        """An INVITE from the customer's trunk, or from a device, that is for somebody of ours."""
        origin = identify(self.rooms, Source("127.0.0.2", 5060, "udp"), called)
        if device:
            with self.rooms.store.read() as txn:
                origin = device_by_id(self.rooms.store.config, txn, device)
        assert origin is not None
        invitation = self.invitation(called, **fields)
        found = authorise(self.rooms, origin, invitation, self.now)
        return receive(self.rooms, origin, invitation, found, self.now) if isinstance(found, Local) else found

    def invitation(self, called: str = "+33123", **fields: Any) -> Invitation:
        """An INVITE with a Call-ID of its own."""
        self.calls += 1
        values: dict[str, Any] = {
            "call_id": f"call-{self.calls}",
            "from_tag": "from",
            "cseq": 1,
            "branch": f"z9hG4bK{self.calls}",
            "caller": "+441632960000",
            "called": called,
            "from_uri": "sip:+441632960000@127.0.0.2",
            "to_uri": f"sip:{called}@127.0.0.1",
            "request_uri": f"sip:{called}@127.0.0.1",
            "contact": "sip:caller@127.0.0.2:5060",
            "route_set": (),
            "socket": "udp:127.0.0.1:5060",
            "ip": "127.0.0.2",
        }
        return Invitation(**values | fields)

    def invite(self, called: str = "+33123", **fields: Any) -> Admitted | Refused | Repeated:
        """One INVITE from the customer's trunk."""
        trunk = identify(self.rooms, Source("127.0.0.2", 5060, "udp"), called)
        assert trunk is not None
        return authorise(self.rooms, trunk, self.invitation(called, **fields), self.now)

    def ring(self, called: str = "+33123", **fields: Any) -> str:
        """The key of a call that was admitted."""
        admitted = self.invite(called, **fields)
        assert isinstance(admitted, Admitted), admitted
        return admitted.call

    def pick_up(self, call: str, to_tag: str = "to", ip: str = "") -> Grant | Denied:
        """A 200, of the gateway at hand unless another address is given."""
        running = find(self.rooms, call)
        here = running.hops[0].ip if running and running.hops else f"127.0.0.{10 + (running.gateway if running else 1)}"
        ip = ip or here
        callee = Callee(to_tag, f"sip:callee@{ip}", (), "udp:127.0.0.1:5060", Source(ip, 5060, "udp"), 7, 9)
        return answered(self.rooms, call, callee, 0, self.now)

    def talk(self, called: str = "+33123") -> str:
        """The key of an answered and acknowledged call."""
        call = self.ring(called)
        grant = self.pick_up(call)
        assert isinstance(grant, Grant), grant
        return call

    def talk_by_the_third(self) -> str:
        """Two gateways fail, and the third one is talked to for a minute."""
        call = self.ring()
        for code in (503, 408):
            self.wait(1)
            assert fail_over(self.rooms, call, code, self.now) is not None
        self.pick_up(call)
        self.wait(60)
        self.hang_up(call)
        return call

    def hang_up(self, call: str, by: str = "caller", code: int = 200) -> bool:
        """A BYE (or CANCEL) from one side."""
        return ended(self.rooms, call, End(by, code, "OK", 0), self.now)

    def wait(self, seconds: float) -> None:
        """Time goes by; nobody does anything."""
        self.now = moved(self.now, seconds)

    # --- looks

    def get(self, account: int) -> Account:
        """An account of the store."""
        with self.rooms.store.read() as txn:
            found = Snapshot(self.rooms.store, txn).account(account)
        assert found is not None
        return found

    def running(self) -> list[RunningCall]:
        """All running calls."""
        with self.rooms.store.read() as txn:
            return list(Snapshot(self.rooms.store, txn).calls())

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Events of a kind that wait in the store."""
        with self.rooms.store.read() as txn:
            return [event for _, event in Snapshot(self.rooms.store, txn).events() if event["e"] == kind]

    def last_cdr(self) -> dict[str, Any]:
        """The record of the call that ended last."""
        cdr: dict[str, Any] = (self.events("settled") + self.events("refused"))[-1]["cdr"]
        return cdr

    def charges(self) -> dict[int, int]:
        """Micro-units by account of the last settled call."""
        return {row["account"]: row["micros"] for row in self.events("settled")[-1]["cdr"]["charges"]}

    def journal(self) -> list[dict[str, Any]]:
        """Every line of the journal."""
        return list(journal.read_all(self.data_dir / journal.FOLDER))

    def clerk(self) -> Clerk:
        """A clerk of this company."""
        return Clerk(self.rooms, BOOT, START.wall_ms)

    def send(self, *rows: tuple[int, dict[str, Any]]) -> None:
        """Puts commands into the inbox, as the service does: how far beyond the last one, and what."""
        inbox = InboxWriter(self.data_dir)
        inbox.put((self.commands + number, body) for number, body in rows)
        inbox.close()

    def close(self) -> None:
        """Gives the folders back."""
        self.rooms.close()


def held_of(calls: list[RunningCall], stock: Stock) -> int:
    """What calls hold of a grant."""
    legs = [leg for call in calls for leg in call.legs if leg.packages is not None and leg.account == stock.account]
    return sum(hold.amount for leg in legs for hold in leg.packages.holds if hold.grant == stock.id)


def assert_consistent(world: World) -> None:
    """Holds and channels of each account, trunk, device, number and gateway are those of the running calls."""
    calls = world.running()
    with world.rooms.store.read() as txn:
        snapshot = Snapshot(world.rooms.store, txn)
        for account in snapshot.accounts():
            held = sum(leg.held for call in calls for leg in call.legs if leg.account == account.id)
            assert account.held == held, account
            assert account.channels == sum(account.id in call.path for call in calls), account
        for kind, field in ((b"t", "trunk"), (b"d", "device"), (b"g", "gateway"), (b"n", "number")):
            for number in (1, 2, 3):
                in_use = sum(getattr(call, field) == number for call in calls)
                assert snapshot.usage(kind, number).channels == in_use, (kind, number)
        for stock in all_stocks(world.rooms.store, txn).values():
            assert stock.held == held_of(calls, stock), stock
            assert stock.held <= max(stock.left, 0), stock
        assert snapshot.state.running == len(calls)
        for rule, counter in limits.counters(world.rooms.store, txn):
            assert counter.held == sum(claim.held for call in calls for claim in call.limits if claim.rule == rule)
        for provider in (CARRIER, DEAR_CARRIER):
            held = sum(call.provider.held for call in calls if call.provider and call.provider.account == provider)
            found = exposure.of(world.rooms.store, txn, provider)
            assert (0 if found is None else found.held) == held, provider
