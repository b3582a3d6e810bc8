"""Datagrams lost, doubled, late and out of order, both ways: each call is charged once, for as long as it was.

What the ends saw and what passed the proxy's door is the truth that records are compared with. In the second half, the
orders that need no chance: one test each.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kemi import farewell
from kemi.store.environment import Snapshot, open_reader
from ratebook.model import DurationMode
from ratebook.price import NOTHING, charge
from tests.kemi.world import CUSTOMER, PRICES, terms
from tests.sip.agents import Agent, Call, Message
from tests.sip.calls import answer, cancel, hang_up, is_talking, paid_once, ring
from tests.sip.lossy import End, Exchange, Line, Passage, Script, Side, Telephone, Weather
from tests.sip.node import RATES, Node
from tests.sip.proxy import Proxy, eventually
from tests.sip.robots import Robots
from tests.sip.test_hygiene import NO_TEXT

SEED = int(os.environ.get("KAMBILL_SEED", "7"))
WEATHER = Weather(loss=0.10, double=0.20, late=0.20)
DIALLED_PER_S = 20
TOLERANCE_S = 0.25
"""Between a datagram's passing the proxy's door and the stamp that Kamailio's worker takes, on a busy machine."""
TIMER_S = 1.5
"""The dialog timer's second, and a tick late."""
EARLY_S = 1.0
"""Kamailio counts a dialog's time in whole seconds of its clock, of which the first may be nearly over."""
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
        return len(self.telephone.sides) == len(self.scripts) and not self.going_on()

    def going_on(self) -> list[Side]:
        """Both ends' legs that have not ended, without those that the known faults below leave so."""
        callers = [
            side for side in list(self.telephone.sides.values()) if not (side.has_ended or self.is_left_waiting(side))
        ]
        return callers + [
            side for host, side in self.legs() if not (side.has_ended or self.is_out_of_reach(host, side))
        ]

    def legs(self) -> list[tuple[str, Side]]:
        """Every gateway's every leg."""
        return [(host, side) for host, gateway in self.gateways.items() for side in list(gateway.sides.values())]

    def is_left_waiting(self, side: Side) -> bool:
        """Whether each copy of the refusal to a caller was lost: see the test of the lost refusal below."""
        finals = [
            passage.copies
            for passage in self.trunk.passages[side.script.call_id]
            if passage.message.code >= 300 and passage.message.method == "INVITE"
        ]
        return not side.code and bool(finals) and not any(finals)

    def is_out_of_reach(self, host: str, side: Side) -> bool:
        """Whether a refused leg's ACK came and each BYE to it was lost: see the test of the lost BYE below."""
        byes = [
            passage.copies
            for passage in self.lines[host].passages[side.script.call_id]
            if passage.is_request("BYE") and not passage.inward and passage.message.tag("To") == side.call.from_tag
        ]
        return side.acked_at is not None and bool(byes) and not any(byes)

    def refused_legs(self) -> int:
        """How many gateways answered in vain."""
        heard = {tag for side in self.telephone.sides.values() for tag in side.tags}
        return sum(side.code == 200 and side.call.from_tag not in heard for _, side in self.legs())

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
            going_on = [f"{side}\n{company.trace(side.script.call_id)}" for side in company.going_on()]
            raise AssertionError("\n".join([f"{running} calls go on", *going_on]))
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
    """From the later of the ends' answers to the first BYE that one said or heard; `door_s` if the proxy hung up, whose
    BYEs may have been lost."""
    most_s: float
    is_cut: bool
    """Whether the proxy hung up: the first BYE at its door was its own."""


def lasted(company: Company, call_id: str) -> Lasted:
    """Of an answered call."""
    caller = company.telephone.sides[call_id]
    host, callee = company.winner(call_id)
    trunk = company.trunk.passages[call_id]
    passed_on = next(passage.at for passage in trunk if passage.is_answer() and not passage.inward)
    bye = min((one for one in _both(company, host, call_id) if one.is_request("BYE")), key=lambda one: one.at)
    door_s, is_cut = bye.at - passed_on, not bye.inward
    assert caller.answered_at is not None
    assert callee.answered_at is not None
    byes_at = caller.byes_at + callee.byes_at
    least_s = door_s if is_cut else min(byes_at) - caller.answered_at
    return Lasted(door_s, least_s, max(byes_at) - callee.answered_at, is_cut)


def _both(company: Company, host: str, call_id: str) -> list[Passage]:
    return company.trunk.passages[call_id] + company.lines[host].passages[call_id]


def judge(company: Company, records: list[dict[str, Any]], rates: dict[Any, str], grant_s: int) -> Counter[str]:
    """Each call has one record, as long as it was, with its charges; what came of them."""
    counted = Counter(record["call_id"] for record in records)
    assert counted == Counter(dict.fromkeys(company.scripts, 1))
    for record in records:
        call_id, seconds = record["call_id"], record["duration_ms"] / 1000
        caller = company.telephone.sides[call_id]
        assert (record["outcome"] == "answered") == (caller.code == 200), f"{record} {company.trace(call_id)}"
        if record["outcome"] == "failed":  # who cancels may hear the gateway's refusal that crossed the CANCEL
            assert caller.code in {0, record["sip_code"]}, f"{record} {company.trace(call_id)}"
        assert len(caller.tags) == (caller.code == 200)
        if caller.code == 200:
            seen = lasted(company, call_id)
            assert seen.door_s < grant_s + TIMER_S, (record, seen)
            assert not seen.is_cut or seen.door_s > grant_s - EARLY_S - TOLERANCE_S, (record, seen)
            assert abs(seconds - min(seen.door_s, grant_s)) < TOLERANCE_S, (record, seen)
            assert seconds > min(grant_s, seen.least_s) - TOLERANCE_S, (record, seen)
            assert seconds < min(grant_s, seen.most_s) + TOLERANCE_S, (record, seen)
        for row in [*record["charges"], *([record["cost"]] if record["cost"] else [])]:
            due = charge(terms(rates[row["account"]], duration_mode=DurationMode.UP), record["duration_ms"], 0)
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
    """Of random length; `ends`: how they end, by weight. Each fifth `fail-over` finds the first gateway full."""
    chance = random.Random(f"{SEED} {name}")
    how = chance.choices(list(ends), list(ends.values()), k=count)
    return [
        Script(
            f"{name}-{at}@packets",
            chance.uniform(0.1, 0.6),
            chance.uniform(0.2, 3.5),
            one,
            full=("127.0.0.11",) if name == "fail-over" and at % 5 == 0 else (),
        )
        for at, one in enumerate(how)
    ]


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
    proxy.send({"do": "settings", "max_call_s": 4}, proxy.plan_body(try_timeout_ms=500))
    before = {account: proxy.account(account).balance for account in PRICES}
    company.call()
    proxy.send({"do": "settings"}, proxy.plan_body())
    eventually(lambda: len(records_of(proxy)) >= 60)
    records = records_of(proxy)
    print(company.weather_report(), dict(judge(company, records, PRICES, 4)), company.refused_legs(), "refused legs")
    assert sum(len(record["attempts"]) > 1 for record in records) > 12  # each fifth is full, some are silent
    paid: Counter[int] = Counter()
    for record in records:
        paid.update({row["account"]: -row["micros"] for row in record["charges"]})
        paid.update({record["cost"]["account"]: record["cost"]["micros"]} if record["cost"] else {})
    assert {account: proxy.account(account).balance - before[account] for account in PRICES} == dict(paid)


def records_of(proxy: Proxy) -> list[dict[str, Any]]:
    """Of calls by script, in the journal."""
    cdrs = [line["cdr"] for line in proxy.journal() if "cdr" in line]
    return [cdr for cdr in cdrs if cdr["call_id"].endswith("@packets")]


# --- orders that need no chance


def charged_once(proxy: Proxy, call: Call, outcome: str = "answered", micros: int | None = None) -> None:
    """One record, with its charge, and nothing held. `micros`: None: of as many seconds as it was talked."""
    eventually(lambda: not [running for running in proxy.running() if running.call_id == call.call_id])
    if micros is None:
        paid_once(proxy, call)
    else:
        told = [(cdr["outcome"], cdr["charges"][0]["micros"]) for cdr in proxy.cdrs(call.call_id)]
        assert told == [(outcome, micros)]
    assert proxy.account(CUSTOMER).held == 0


def test_a_200_again_after_its_ack_is_acknowledged_again(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """The ACK was lost behind the proxy: both the answer's copy and the second ACK pass."""
    call, invite = ring(caller, gateway)
    for _ in range(3):
        gateway.reply(invite, 200, "OK", tag="one")
        call.take(caller.expect(200, Call_ID=call.call_id))
        call.ack()
        gateway.expect("ACK", Call_ID=call.call_id)
    assert is_talking(proxy, call)
    hang_up(call, gateway)
    charged_once(proxy, call)


def test_a_bye_overtakes_the_ack(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """The BYE ends the call, the ACK behind it goes nowhere; a 200 that crossed the BYE is hung up, not passed on."""
    call, invite = ring(caller, gateway)
    gateway.reply(invite, 200, "OK", tag="one")
    call.take(caller.expect(200, Call_ID=call.call_id))
    call.request("BYE")
    caller.expect(200, CSeq="BYE")
    call.cseq -= 1
    call.ack()
    gateway.reply(gateway.expect("BYE", Call_ID=call.call_id), 200, "OK")
    gateway.expect_nothing("ACK", 0.1)
    gateway.reply(invite, 200, "OK", tag="one")
    gateway.expect("ACK", Call_ID=call.call_id)
    gateway.reply(gateway.expect("BYE", Call_ID=call.call_id), 200, "OK")
    caller.expect_silence(call.call_id)
    charged_once(proxy, call)


def test_a_cancel_overtakes_its_invite(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Nothing is known of it; the INVITE rings until the CANCEL comes again."""
    call = Call(caller, "0033123")
    call.cancel()
    time.sleep(0.2)  # whichever worker has it is done with it
    call.invite()
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, 180, "Ringing", tag="x")
    caller.expect(180, Call_ID=call.call_id)
    cancel(call)
    gateway.reply(gateway.expect("CANCEL"), 200, "OK")
    gateway.reply(invite, 487, "Request Terminated", tag="x")
    call.to_tag = caller.expect(487, Call_ID=call.call_id).tag("To")
    call.ack()
    charged_once(proxy, call, "cancelled", 0)


def test_a_cancel_in_three_copies_is_one(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Also when one comes after the 487 and its ACK."""
    call, invite = ring(caller, gateway)
    gateway.reply(invite, 180, "Ringing", tag="x")
    caller.expect(180, Call_ID=call.call_id)
    call.cancel()
    call.cancel()
    gateway.reply(gateway.expect("CANCEL"), 200, "OK")
    gateway.reply(invite, 487, "Request Terminated", tag="x")
    gone = caller.expect(487, Call_ID=call.call_id)
    cancel_again = call.text("CANCEL", Contact=None)
    call.to_tag = gone.tag("To")
    call.ack()
    caller.send(cancel_again)
    gateway.expect_nothing("CANCEL", 0.2)
    charged_once(proxy, call, "cancelled", 0)


def test_a_180_after_the_200_changes_nothing(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Overtaken on the way: the caller doesn't hear it, nor does the record say that it rang."""
    call, invite = ring(caller, gateway)
    gateway.reply(invite, 200, "OK", tag="x")
    call.take(caller.expect(200, Call_ID=call.call_id))
    gateway.reply(invite, 180, "Ringing", tag="x")
    call.ack()
    gateway.expect("ACK", Call_ID=call.call_id)
    gateway.reply(invite, 180, "Ringing", tag="x")
    caller.expect_nothing(180, 0.1)
    assert is_talking(proxy, call)
    hang_up(call, gateway)
    charged_once(proxy, call)
    assert proxy.cdr(call.call_id)["ring_ms"] == 0


def test_a_gateways_bye_in_two_copies_is_one(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """200 to whichever is taken first; the caller gets one BYE, in as many copies as it leaves unanswered."""
    call, back = answer(caller, gateway)
    back.request("BYE")
    gateway.send(back.text("BYE"))
    assert gateway.expect_final(call.call_id).code == 200
    first, again = (caller.expect("BYE", Call_ID=call.call_id) for _ in range(2))
    assert first.text == again.text
    caller.reply(again, 200, "OK")
    caller.expect_nothing("BYE", Call_ID=call.call_id)
    charged_once(proxy, call)


def test_copies_that_come_when_their_transactions_are_forgotten(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Kamailio remembers for 5 s. Later, a 200 and its ACK still pass; INVITE and BYE of ended calls begin nothing."""
    talking, invite = ring(caller, gateway)
    gateway.reply(invite, 200, "OK", tag="slow")
    talking.take(caller.expect(200, Call_ID=talking.call_id))
    ended, _ = answer(caller, gateway)
    hang_up(ended, gateway)
    refused, other = ring(caller, gateway)
    gateway.reply(other, 486, "Busy", tag="b")
    refused.to_tag = caller.expect(486, Call_ID=refused.call_id).tag("To")
    refused.ack()
    time.sleep(6)
    gateway.reply(invite, 200, "OK", tag="slow")
    caller.expect(200, Call_ID=talking.call_id)
    talking.ack()
    gateway.expect("ACK", Call_ID=talking.call_id)
    refused.to_tag = ""
    refused.invite()
    caller.send(ended.text("BYE"))
    assert caller.expect_final(ended.call_id).code == 481
    caller.expect_silence(refused.call_id)
    gateway.expect_silence(refused.call_id, 0)
    least_s = time.monotonic() - talking.answered_at
    hang_up(talking, gateway)
    most_s = time.monotonic() - talking.answered_at
    charged_once(proxy, refused, "failed", 0)
    charged_once(proxy, ended)
    billed_s = proxy.cdr(talking.call_id)["charges"][0]["billed_s"]
    assert math.ceil(least_s) <= billed_s <= math.ceil(most_s)
    charged_once(proxy, talking, micros=1000 * billed_s)


def test_a_refusal_that_was_lost_comes_again(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """RFC 3261 17.2.1, timer G: until its ACK, else the caller waits for an answer for ever."""
    call, invite = ring(caller, gateway)
    gateway.reply(invite, 486, "Busy", tag="b")
    lost = caller.expect(486, Call_ID=call.call_id)
    call.to_tag = lost.tag("To")
    again = caller.expect(486, Call_ID=call.call_id)
    call.ack()
    assert again.text == lost.text


def test_the_bye_of_a_refused_leg_is_lost(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """The ACK comes, so that its 200 isn't sent again; the BYE must be, or the leg goes on for ever."""
    call, invite = ring(caller, gateway)
    gateway.reply(invite, 200, "OK", tag="first")
    call.take(caller.expect(200, Call_ID=call.call_id))
    call.ack()
    gateway.reply(invite, 200, "OK", tag="second")
    lost = gateway.expect("BYE", Call_ID=call.call_id)
    assert lost.tag("To") == "second"
    try:
        again = gateway.expect("BYE", Call_ID=call.call_id)
        gateway.reply(again, 200, "OK")
    finally:
        hang_up(call, gateway)


@pytest.fixture
def slow() -> Iterator[Proxy]:
    """A Kamailio of its own, whose calls may last for two seconds."""
    proxy = Proxy()
    try:
        proxy.start()
        proxy.furnish()
        proxy.send({"do": "settings", "max_call_s": 2})
        yield proxy
    finally:
        proxy.close()


def branch_of(message: Message) -> str:
    """Of its topmost Via."""
    return message.header("Via").partition(";branch=")[2].partition(";")[0]


def slowed(proxy: Proxy) -> subprocess.Popen[bytes]:
    """Each of a proxy's processes waits for half a second when it has sent something."""
    assert proxy.process is not None
    children = Path(f"/proc/{proxy.process.pid}/task/{proxy.process.pid}/children").read_text().split()
    command = ["strace", "-qq", "-o", "/dev/null", "-e", "trace=sendto", "-e", "inject=sendto:delay_exit=500000"]
    return subprocess.Popen([*command, *(word for child in children for word in ("-p", child))])


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("server", ["any", NO_TEXT])
def test_no_answer_overtakes_our_second_bye(slow: Proxy, server: str) -> None:
    """The grant ends: BYE to the caller, whose 200 is quicker than the timer process. Kamailio 5.6 would send none to
    the gateway then, and count the references of the dialog down in memory that it has given back: with its allocator
    a crash, some calls later. So the 200 counts when it comes again; also one whose headers can't be read.
    """
    assert slow.process is not None
    caller, gateway = (Agent(ip, port, (slow.ip, slow.port)) for ip, port in (("127.0.0.2", 0), ("127.0.0.11", 5060)))
    calls = [answer(caller, gateway)[0] for _ in range(3)]
    tracer = slowed(slow)
    try:
        for call in calls:
            bye = caller.expect("BYE", Call_ID=call.call_id)
            caller.send(caller.reply_text(bye, 200, "OK", Server=server).encode("latin-1"), bye.source)
            bye = gateway.expect("BYE", Call_ID=call.call_id)
            assert farewell.key_in(branch_of(bye)) is None  # Kamailio's own, not the one that waits for it
            gateway.reply(bye, 200, "OK")
    finally:
        tracer.terminate()
        tracer.wait(5)
    for call in calls:
        caller.reply(caller.expect("BYE", Call_ID=call.call_id), 200, "OK")
    for _ in range(20):
        hang_up(answer(caller, gateway)[0], gateway)
    assert slow.process.poll() is None
    for agent in (caller, gateway):
        agent.close()
