"""Datagrams lost, doubled, late and out of order, both ways: each call is charged once, for as long as it was.

What the ends saw and what passed the proxy's door is the truth that records are compared with. In the second half, the
orders that need no chance: one test each.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from kemi.store.environment import Snapshot, open_reader
from ratebook.model import DurationMode
from ratebook.price import NOTHING, charge
from tests.kemi.world import PRICES, terms
from tests.sip.lossy import End, Exchange, Line, Passage, Script, Side, Telephone, Weather
from tests.sip.node import RATES, Node
from tests.sip.proxy import Proxy, eventually
from tests.sip.robots import Robots

SEED = 7
WEATHER = Weather(loss=0.10, double=0.20, late=0.20)
DIALLED_PER_S = 20
TOLERANCE_S = 0.25
"""Between a datagram's passing the proxy's door and the stamp that Kamailio's worker takes, on a busy machine."""
TIMER_S = 1.5
"""The dialog timer's second, and a tick late."""
AGAIN_S = 4.0
"""What a BYE may need on a bad line: two copies lost."""
LEDGER_RATES = {"customer": "retail", "lower": "resale", "upper": "wholesale", "carrier": "carrier"}


class Company:
    """A telephone and its gateways on bad lines, and what is to be called."""

    def __init__(self, proxy: Proxy, hosts: tuple[str, ...], scripts: list[Script]) -> None:
        address = (proxy.ip, proxy.port)
        self.proxy = proxy
        self.scripts = {script.call_id: script for script in scripts}
        self.trunk = Line("127.0.0.2", 0, address, WEATHER, SEED)
        self.lines = {host: Line(host, 5060, address, WEATHER, SEED) for host in hosts}
        self.telephone = Telephone(self.trunk)
        self.gateways = {host: Exchange(line, self.scripts) for host, line in self.lines.items()}

    def call(self) -> None:
        """All calls, to their end on both sides; the store is looked at all the while."""
        robots: tuple[Line | End, ...] = (*self._lines, self.telephone, *self.gateways.values())
        with Robots(*robots) as running:
            dialling = asyncio.run_coroutine_threadsafe(self._dial(), running.loop)
            watch(self)
            dialling.result(0)

    async def _dial(self) -> None:
        for script in self.scripts.values():
            self.telephone.dial(script)
            await asyncio.sleep(1 / DIALLED_PER_S)

    @property
    def _lines(self) -> tuple[Line, ...]:
        return (self.trunk, *self.lines.values())

    def has_ended(self) -> bool:
        """Whether all calls were made and no leg of any goes on."""
        callers = self.telephone.sides
        return (
            len(callers) == len(self.scripts)
            and all(side.has_ended for side in callers.values())
            and all(side.has_ended or self.is_out_of_reach(host, side) for host, side in self.legs())
        )

    def legs(self) -> list[tuple[str, Side]]:
        """Every gateway's every leg."""
        return [(host, side) for host, gateway in self.gateways.items() for side in list(gateway.sides.values())]

    def is_out_of_reach(self, host: str, side: Side) -> bool:
        """Whether a refused leg's ACK came and each BYE to it was lost: see the test of the lost BYE below."""
        byes = [
            passage.copies
            for passage in self.lines[host].passages[side.script.call_id]
            if passage.is_request("BYE") and not passage.inward and passage.message.tag("To") == side.call.from_tag
        ]
        return side.acked_at is not None and bool(byes) and not any(byes)

    def winner(self, call_id: str) -> tuple[str, Side]:
        """The gateway whose 200 the caller heard."""
        (tag,) = self.telephone.sides[call_id].tags
        ((host, side),) = [(host, side) for host, side in self.legs() if side.call.from_tag == tag]
        return host, side

    def trace(self, call_id: str) -> str:
        """What passed the proxy's door in a call."""
        rows = [(one, line.ip) for line in self._lines for one in line.passages[call_id]]
        rows.sort(key=lambda row: row[0].at)
        return "\n".join(
            f"{one.at - rows[0][0].at:7.3f} {ip:11} {'->' if one.inward else '<-'} {one.copies}"
            f" {one.message.first_line} ({one.message.header('CSeq')})"
            for one, ip in rows
        )

    def weather_report(self) -> str:
        """What befell the datagrams."""
        carried, lost, doubled, late = (
            sum(getattr(line, what) for line in self._lines) for what in ("carried", "lost", "doubled", "delayed")
        )
        assert min(lost, doubled, late) > carried / 20
        return f"{carried} datagrams, {lost} lost, {doubled} doubled, {late} copies late"


def watch(company: Company, wait_s: float = 40) -> None:
    """Looks into the store until all is over: no Call-ID has two calls, and what is held is the running calls'."""
    end = time.monotonic() + wait_s
    reader = open_reader(company.proxy.run_dir)
    running = -1
    while running or not company.has_ended():
        if time.monotonic() > end:
            sides = [*company.telephone.sides.values(), *(side for _, side in company.legs())]
            going_on = [(side, company.trace(side.script.call_id)) for side in sides if not side.has_ended]
            raise AssertionError(f"{running} calls go on\n" + "\n".join(f"{side}\n{what}" for side, what in going_on))
        with reader.snapshot() as snapshot:
            running = look(snapshot)
        time.sleep(0.02)
    with reader.snapshot() as snapshot:
        assert snapshot.channels() == {}
        assert [account for account in snapshot.accounts() if account.held or account.channels] == []
    reader.close()


def look(snapshot: Snapshot) -> int:
    """How many calls run in a snapshot that adds up."""
    calls = list(snapshot.calls())
    assert max(Counter(call.call_id for call in calls).values(), default=1) == 1
    held: Counter[int] = Counter()
    for call in calls:
        held.update({leg.account: leg.held for leg in call.legs})
    assert {account.id: account.held for account in snapshot.accounts() if account.held} == dict(held)
    return len(calls)


class Lasted(NamedTuple):
    """How long a call was, at the proxy's door and by its ends' logs."""

    door_s: float
    """From the 200's passing on to the first BYE, that came or that the proxy sent."""
    least_s: float
    """From the later of the ends' answers to the first BYE that one said or heard."""
    most_s: float


def lasted(company: Company, call_id: str) -> Lasted:
    """Of an answered call."""
    caller = company.telephone.sides[call_id]
    host, callee = company.winner(call_id)
    trunk = company.trunk.passages[call_id]
    passed_on = next(passage.at for passage in trunk if passage.is_answer() and not passage.inward)
    bye_at = min(one.at for one in _both(company, host, call_id) if one.is_request("BYE"))
    assert caller.answered_at is not None
    assert callee.answered_at is not None
    byes_at = caller.byes_at + callee.byes_at
    return Lasted(bye_at - passed_on, min(byes_at) - caller.answered_at, max(byes_at) - callee.answered_at)


def _both(company: Company, host: str, call_id: str) -> list[Passage]:
    return company.trunk.passages[call_id] + company.lines[host].passages[call_id]


def judge(company: Company, records: list[dict[str, Any]], rates: dict[Any, str], grant_s: int) -> Counter[str]:
    """Each call has one record, as long as it was, with its charges; what came of them."""
    counted = Counter(record["call_id"] for record in records)
    assert counted == Counter(dict.fromkeys(company.scripts, 1))
    for record in records:
        call_id, seconds = record["call_id"], record["duration_ms"] / 1000
        caller = company.telephone.sides[call_id]
        assert record["outcome"] == {200: "answered", 487: "cancelled"}.get(caller.code, "failed"), (record, caller)
        assert len(caller.tags) == (caller.code == 200)
        if caller.code == 200:
            seen = lasted(company, call_id)
            assert seen.door_s < grant_s + TIMER_S, (record, seen)
            assert abs(seconds - min(seen.door_s, grant_s)) < TOLERANCE_S, (record, seen)
            assert seconds > min(grant_s, seen.least_s) - TOLERANCE_S, (record, seen)
            assert seconds < min(grant_s, seen.most_s) + TOLERANCE_S, (record, seen)
        for row in [*record["charges"], *([record["cost"]] if record["cost"] else [])]:
            due = charge(terms(rates[row["account"]], duration_mode=DurationMode.UP), record["duration_ms"])
            assert (row["billed_s"], row["micros"]) == (due if record["outcome"] == "answered" else NOTHING), record
    judge_legs(company, grant_s)
    return Counter(f"{record['outcome']} {record['sip_code']} by {record['ended_by']}" for record in records)


def judge_legs(company: Company, grant_s: int) -> None:
    """By the gateways' logs: one INVITE for each call, and no leg that goes on beyond its grant."""
    for host, side in company.legs():
        assert len(side.branches) == 1
        if side.answered_at is None or company.is_out_of_reach(host, side):
            continue
        assert min(side.byes_at) - side.answered_at < grant_s + TIMER_S + AGAIN_S, side


def some_calls(count: int, name: str, ends: dict[str, int]) -> list[Script]:
    """Of random length; `ends`: how they end, by weight. Each fifth finds its first gateway full, if there are more."""
    chance = random.Random(f"{SEED} {name}")
    how = chance.choices(list(ends), list(ends.values()), k=count)
    return [
        Script(f"{name}-{at}@packets", chance.uniform(0.1, 0.6), chance.uniform(0.2, 3.5), one)
        for at, one in enumerate(how)
    ]


@pytest.fixture
def node() -> Iterator[Node]:
    """Kamailio, service and ledger, with a thousand euros for everybody."""
    node = Node()
    try:
        node.open()
        yield node
    finally:
        node.close()


def test_calls_on_bad_lines_are_in_the_ledger_once(node: Node) -> None:
    """80 calls that either or both sides end, that are given up, or busy: the ledger has what the ends saw."""
    ends = {"caller": 9, "callee": 5, "both": 2, "cancel": 2, "busy": 2}
    company = Company(node, ("127.0.0.11",), some_calls(80, "ledger", ends))
    company.call()
    node.settle_down()
    records = node.ledger_cdrs()
    rates = {account: RATES[tariff] for account, tariff in LEDGER_RATES.items()}
    print(company.weather_report(), dict(judge(company, records, rates, 100)))
    for at, account in enumerate(("customer", "lower", "upper")):
        paid = sum(record["charges"][at]["micros"] for record in records)
        assert node.kambill("account", "show", account)["balance_micros"] == 1_000_000_000 - paid
    report = node.doctor()
    assert report["ok"], report
    assert b"kambill: fault" not in node.log.read_bytes()


def test_fail_over_and_grants_on_bad_lines(proxy: Proxy) -> None:
    """60 calls of four seconds at most over three gateways that are given up after half a second's silence."""
    ends = {"caller": 8, "callee": 4, "both": 2, "grant": 3, "cancel": 2, "busy": 1}
    hosts = ("127.0.0.11", "127.0.0.12", "127.0.0.13")
    company = Company(proxy, hosts, some_calls(60, "fail-over", ends))
    proxy.send({"do": "settings", "max_call_s": 4})
    before = {account: proxy.account(account).balance for account in PRICES}
    company.call()
    proxy.send({"do": "settings"})
    eventually(lambda: len(records_of(proxy)) >= 60)
    records = records_of(proxy)
    print(company.weather_report(), dict(judge(company, records, PRICES, 4)))
    paid: Counter[int] = Counter()
    for record in records:
        paid.update({row["account"]: -row["micros"] for row in record["charges"]})
        paid.update({record["cost"]["account"]: record["cost"]["micros"]} if record["cost"] else {})
    assert {account: proxy.account(account).balance - before[account] for account in PRICES} == dict(paid)


def records_of(proxy: Proxy) -> list[dict[str, Any]]:
    """Of calls by script, in the journal."""
    cdrs = [line["cdr"] for line in proxy.journal() if "cdr" in line]
    return [cdr for cdr in cdrs if cdr["call_id"].endswith("@packets")]
