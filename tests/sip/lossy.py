"""Telephones and gateways on bad lines: datagrams get lost, come twice, late and out of order, the same at each run.

A line stands between one end and the proxy and keeps a log at the proxy's door: what came out of it, what was handed
to it, and when. The ends send again as RFC 3261 asks, and keep logs of their own.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.sip.agents import SDP, Call, Message
from tests.sip.robots import Robot

T1_S, T2_S, GIVE_UP_S = 0.5, 4.0, 32.0
"""RFC 3261 17.1.1.1: a round trip, the longest pause between two copies, 64*T1."""

DATAGRAMS_MAX = 20_000
"""What a line carries before it falls silent."""


def pauses(longest_s: float = T2_S) -> Iterator[float]:
    """Between the copies of a message: T1, doubled up to a longest, until 64*T1 have gone."""
    gone_s, pause_s = 0.0, T1_S
    while gone_s < GIVE_UP_S:
        yield pause_s
        gone_s += pause_s
        pause_s = min(2 * pause_s, longest_s)


@dataclass(frozen=True)
class Weather:
    """What befalls a datagram, by chance."""

    loss: float
    double: float
    late: float
    late_max_s: float = 0.3
    way_s: float = 0.01
    """What every datagram takes. Without it, answers to Kamailio's own BYEs come before it has sent the second one."""

    def fate(self, chance: random.Random) -> list[float]:
        """The delay of each copy that arrives, in seconds; none: it is lost."""
        if chance.random() < self.loss:
            return []
        copies = 2 if chance.random() < self.double else 1
        return [self.way_s + (chance.random() < self.late) * chance.uniform(0, self.late_max_s) for _ in range(copies)]


@dataclass(frozen=True)
class Passage:
    """A datagram at the proxy's door: one that it sent, or one copy that was handed to it."""

    message: Message
    at: float
    """time.monotonic()."""
    inward: bool
    copies: int
    """How many of it arrive at the other end of the line; inward always 1."""

    def is_request(self, method: str) -> bool:
        """Whether it is a request of a method."""
        return not self.message.code and self.message.method == method

    def is_answer(self) -> bool:
        """Whether it is the 200 of an INVITE."""
        return self.message.code == 200 and self.message.method == "INVITE"


class Line(Robot):
    """The way between one end and the proxy: an address that both take for the other one. Loopback only."""

    def __init__(self, ip: str, port: int, proxy: tuple[str, int], weather: Weather, seed: int) -> None:
        super().__init__(ip, port, proxy)
        assert all(one.startswith("127.") for one in (ip, proxy[0]))
        self.weather, self.seed = weather, seed
        self.end: tuple[str, int] | None = None
        self.passages: defaultdict[str, list[Passage]] = defaultdict(list)
        """By Call-ID, in order."""
        self.lost = self.doubled = self.delayed = self.carried = 0
        self._seen: Counter[str] = Counter()

    def received(self, message: Message) -> None:
        """A datagram from either side: its copies go to the other side, each in its time."""
        inward = message.source != self.proxy
        if self.end is None or self.carried >= DATAGRAMS_MAX:
            return
        fate = self.weather.fate(self._chance(message, inward))
        self.carried += 1
        self.lost += not fate
        self.doubled += len(fate) > 1
        self.delayed += sum(delay_s > self.weather.way_s for delay_s in fate)
        if not inward:
            self._note(Passage(message, message.at, inward=False, copies=len(fate)))
        for delay_s in fate:
            asyncio.get_running_loop().call_later(delay_s, self._hand_over, message, inward)

    def _chance(self, message: Message, inward: bool) -> random.Random:
        """Of its own for each copy that an end sends, so that a datagram's fate hangs on no other's time."""
        what = f"{message.code or message.method} {message.header('CSeq')} {message.header('Call-ID')} {inward}"
        self._seen[what] += 1
        return random.Random(f"{self.seed} {self.ip} {what} {self._seen[what]}")

    def _hand_over(self, message: Message, inward: bool) -> None:
        assert self.end is not None
        if inward:
            self._note(Passage(message, time.monotonic(), inward=True, copies=1))
        self.send(message.text, self.proxy if inward else self.end)

    def _note(self, passage: Passage) -> None:
        self.passages[passage.message.header("Call-ID")].append(passage)


@dataclass(frozen=True)
class Script:
    """How a call is to go."""

    call_id: str
    ring_s: float
    talk_s: float
    ends: str
    """Who ends it: caller, callee, both, grant (nobody does), cancel (the caller, while it rings), busy (486)."""
    full: tuple[str, ...] = ()
    """Addresses of the gateways that say 503."""


@dataclass
class Side:
    """One end of one call. Times of time.monotonic(); None: not."""

    script: Script
    call: Call = field(repr=False)
    """With which it sends its requests."""
    invite: Message | None = field(default=None, repr=False)
    """The gateway's: the first that came."""
    ack: str = field(default="", repr=False)
    """The caller's, of its 200."""
    code: int = 0
    """The final answer that it heard or gave; 0: none."""
    answered_at: float | None = None
    """The caller: its first 200 came. The gateway: it was sent."""
    acked_at: float | None = None
    said_bye_at: float | None = None
    heard_bye_at: float | None = None
    done: set[str] = field(default_factory=set)
    """What needs no more copies: methods of its requests that are answered, INVITE when its answer is acknowledged."""
    tags: set[str] = field(default_factory=set)
    """The caller: To-tags of all 2xx."""
    branches: set[str] = field(default_factory=set)
    """The gateway: of all INVITEs."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it goes on: refused, or a BYE was heard or answered."""
        return self.code >= 300 or self.heard_bye_at is not None or "BYE" in self.done

    @property
    def byes_at(self) -> list[float]:
        """When it said and heard its first BYE, as far as it did."""
        return [at for at in (self.said_bye_at, self.heard_bye_at) if at is not None]


class End(Robot):
    """A telephone or gateway at the far end of a line: it bears the line's address."""

    def __init__(self, line: Line) -> None:
        super().__init__(line.ip, 0, line.proxy)
        self.line = line
        self.sides: dict[str, Side] = {}

    async def open(self) -> None:
        """Binds beside the line, which is open by now."""
        await super().open()
        self.line.end = (self.ip, self.port)
        self.words.port = self.line.port
        self.proxy = (self.line.ip, self.line.port)

    def later(self, delay_s: float, what: Callable[..., None], *of: object) -> None:
        """Does something in a while."""
        asyncio.get_running_loop().call_later(delay_s, what, *of)

    def repeat(self, text: str, is_done: Callable[[], bool], times: Iterator[float] | None = None) -> None:
        """Sends a message, and again after each pause until it is done."""
        times = pauses() if times is None else times
        pause_s = next(times, None)
        if is_done() or pause_s is None:
            return
        self.send(text)
        self.later(pause_s, self.repeat, text, is_done, times)

    def hang_up(self, side: Side) -> None:
        """BYE, unless one was said or heard before."""
        if side.byes_at:
            return
        side.said_bye_at = time.monotonic()
        side.call.cseq += 1
        side.call.new_branch()
        self.repeat(side.call.text("BYE"), lambda: "BYE" in side.done)

    def take_bye(self, side: Side | None, message: Message) -> None:
        """A BYE is always answered."""
        if side is not None:
            side.heard_bye_at = side.heard_bye_at or message.at
        code, reason = (200, "OK") if side is not None else (481, "Unknown")
        self.send(self.words.reply_text(message, code, reason), message.source)


class Telephone(End):
    """Dials by scripts."""

    def dial(self, script: Script) -> None:
        """Begins a call: timer A, until anything is answered."""
        call = Call(self.words, "0033123", call_id=script.call_id)
        side = self.sides[script.call_id] = Side(script, call)
        self.repeat(call.text("INVITE", body=SDP), lambda: "INVITE" in side.done, pauses(GIVE_UP_S))
        if script.ends == "cancel":
            self.later(script.ring_s, self.cancel, side)

    def cancel(self, side: Side) -> None:
        """Not before anything was answered (RFC 3261 9.1), nor when it is too late."""
        if side.code:
            return
        if "INVITE" not in side.done:
            self.later(0.05, self.cancel, side)
            return
        self.repeat(side.call.text("CANCEL", Contact=None), lambda: "CANCEL" in side.done or side.code != 0)

    def received(self, message: Message) -> None:
        """Answers, and BYEs."""
        side = self.sides.get(message.header("Call-ID"))
        if message.code and side is not None:
            if message.method == "INVITE" or message.code >= 200:
                side.done.add(message.method)
            if message.method == "INVITE" and message.code >= 200:
                self._take_final(side, message)
        elif message.method == "BYE":
            self.take_bye(side, message)

    def _take_final(self, side: Side, message: Message) -> None:
        """Acknowledged each time that it comes."""
        is_first = not side.code
        side.code = side.code or message.code
        call = side.call
        if message.code >= 300:
            call.to_tag = message.tag("To")
            self.send(call.text("ACK", Contact=None))
            return
        side.tags.add(message.tag("To"))
        if is_first:
            call.take(message)
            call.branch += "a"  # a transaction of its own
            side.answered_at, side.ack = message.at, call.text("ACK")
            hangs_up_in_s = {"caller": side.script.talk_s, "both": side.script.talk_s, "cancel": 0.0}
            if side.script.ends in hangs_up_in_s:
                self.later(hangs_up_in_s[side.script.ends], self.hang_up, side)
        self.send(side.ack)


class Exchange(End):
    """A gateway that answers by the scripts of the telephone."""

    def __init__(self, line: Line, scripts: dict[str, Script]) -> None:
        super().__init__(line)
        self.scripts = scripts
        self._tags = itertools.count(1)

    def received(self, message: Message) -> None:
        """Requests, and the answers to its BYEs."""
        side = self.sides.get(message.header("Call-ID"))
        if message.code:
            if side is not None and message.code >= 200:
                side.done.add(message.method)
        elif message.method == "INVITE":
            self._take_invite(side, message)
        elif message.method == "ACK" and side is not None:
            self._take_ack(side, message)
        elif message.method == "CANCEL":
            self._take_cancel(side, message)
        elif message.method == "BYE":
            self.take_bye(side, message)

    def _take_invite(self, side: Side | None, invite: Message) -> None:
        """A repeated one is told again that it rings, or nothing: finals have timers of their own."""
        if side is None:
            script = self.scripts[invite.header("Call-ID")]
            side = self.sides[script.call_id] = Side(script, self._way_back(invite), invite)
            self.later(script.ring_s, self._decide, side)
        side.branches.add(re.findall(r"branch=([^;,\s]+)", invite.header("Via"))[0])
        if not side.code:
            self.send(self.words.reply_text(invite, 180, "Ringing", tag=side.call.from_tag), invite.source)

    def _way_back(self, invite: Message) -> Call:
        tag = f"{self.ip}-{next(self._tags)}"
        back = Call(self.words, "0033123", call_id=invite.header("Call-ID"), from_tag=tag, cseq=100)
        back.to_tag, back.target = invite.tag("From"), invite.contact
        back.routes = tuple(re.findall(r"<([^>]+)>", ", ".join(invite.headers("Record-Route"))))
        return back

    def _decide(self, side: Side) -> None:
        """What it says after ringing, if nobody has cancelled."""
        if side.code or side.heard_bye_at is not None:
            return
        if self.ip in side.script.full:
            self._say(side, 503, "No circuits")
        elif side.script.ends == "busy":
            self._say(side, 486, "Busy Here")
        else:
            self._say(side, 200, "OK")

    def _say(self, side: Side, code: int, reason: str) -> None:
        """A final answer, again and again until its ACK (or a BYE) comes."""
        assert side.invite is not None
        side.code = code
        if code == 200:
            side.answered_at = time.monotonic()
        text = self.words.reply_text(side.invite, code, reason, tag=side.call.from_tag)
        self.repeat(text, lambda: side.acked_at is not None or side.heard_bye_at is not None)

    def _take_ack(self, side: Side, message: Message) -> None:
        if side.acked_at is not None:
            return
        side.acked_at = message.at
        if side.code == 200 and side.script.ends in {"callee", "both"}:
            self.later(side.script.talk_s, self.hang_up, side)

    def _take_cancel(self, side: Side | None, message: Message) -> None:
        """Answered; it ends what has no final answer yet."""
        self.send(self.words.reply_text(message, 481 if side is None else 200, "Heard"), message.source)
        if side is not None and not side.code:
            self._say(side, 487, "Request Terminated")
