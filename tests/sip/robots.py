"""Many telephones at once, by themselves: callers that dial and hang up, gateways that answer and keep a log.

The gateways' logs are the truth that charges are compared with. Everything runs on one event loop of its own thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field

from tests.sip.agents import SDP, Agent, Call, Message, received, stamped

RETRANSMIT_S = (0.5, 1.0, 2.0, 4.0, 4.0, 4.0)
"""RFC 3261 17.1.1.2, cut short: what isn't answered by then is given up."""

BUFFER_BYTES = 16 * 1024 * 1024
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
"""Of Linux' socket.h: past the system's limit."""
AT_ONCE = 20
"""Messages of one robot, before another one has its turn."""
START_S = 60
"""Whatever a busy machine takes to bind some sockets."""


@dataclass
class Leg:
    """One call as a gateway saw it. Times of time.monotonic(); None: not."""

    call_id: str
    invited_at: float
    answered_at: float | None = None
    acked_at: float | None = None
    ended_at: float | None = None
    ended_by_bye: bool = False

    @property
    def acked(self) -> bool:
        """Whether somebody took the answer."""
        return self.acked_at is not None

    @property
    def acked_s(self) -> float:
        """From its ACK to its BYE."""
        return 0.0 if self.acked_at is None or self.ended_at is None else self.ended_at - self.acked_at

    @property
    def talked_s(self) -> float:
        """From its 200 to its BYE."""
        return 0.0 if self.answered_at is None or self.ended_at is None else self.ended_at - self.answered_at


class Robot:
    """A socket at an address, on the loop of `Robots`."""

    def __init__(self, ip: str, port: int, proxy: tuple[str, int]) -> None:
        self.ip, self.port, self.proxy = ip, port, proxy
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.words = Agent.__new__(Agent)  # its reply_text only: no socket of its own
        self.words.ip, self.words.port, self.words.proxy = ip, port, proxy

    async def open(self) -> None:
        """Binds."""
        stamped(self.socket).setblocking(False)
        self.socket.bind((self.ip, self.port))
        with contextlib.suppress(OSError):  # only root may; a burst then loses some and they come again
            for side in (SO_RCVBUFFORCE, SO_SNDBUFFORCE):
                self.socket.setsockopt(socket.SOL_SOCKET, side, BUFFER_BYTES)
        self.port = self.words.port = self.socket.getsockname()[1]
        asyncio.get_running_loop().add_reader(self.socket, self._read)

    def _read(self) -> None:
        """What waits, given to the owner."""
        for _ in range(AT_ONCE):
            try:
                message = received(self.socket)
            except BlockingIOError:
                return
            self.received(message)

    def send(self, text: str, to: tuple[str, int] | None = None) -> None:
        """One message."""
        with contextlib.suppress(BlockingIOError):  # lost, as datagrams are
            self.socket.sendto(text.encode(), to or self.proxy)

    def close(self) -> None:
        """On the loop that it was opened on."""
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()

    def received(self, message: Message) -> None:
        """What came."""
        raise NotImplementedError


class Gateway(Robot):
    """Answers every INVITE after `ring_s`; keeps its legs by Call-ID."""

    def __init__(self, ip: str, port: int, proxy: tuple[str, int], ring_s: float = 0.0) -> None:
        super().__init__(ip, port, proxy)
        self.ring_s = ring_s
        self.legs: dict[str, Leg] = {}

    def received(self, message: Message) -> None:
        """INVITE, ACK, BYE, CANCEL; replies are of no interest."""
        call_id = message.header("Call-ID")
        if message.code:
            return
        if message.method == "INVITE" and call_id not in self.legs:
            self.legs[call_id] = Leg(call_id, message.at)
            self.send(self.words.reply_text(message, 180, "Ringing", tag="gw"), message.source)
            asyncio.get_running_loop().call_later(self.ring_s, self._answer, message, 0)
        leg = self.legs.get(call_id)
        if message.method == "ACK" and leg is not None:
            leg.acked_at = leg.acked_at or message.at
        elif message.method in {"BYE", "CANCEL"}:
            if leg is not None and leg.ended_at is None:
                leg.ended_at, leg.ended_by_bye = message.at, message.method == "BYE"
            self.send(self.words.reply_text(message, 200, "OK", tag="gw"), message.source)

    def _answer(self, invite: Message, attempt: int) -> None:
        leg = self.legs[invite.header("Call-ID")]
        if leg.acked or (leg.ended_at is not None) or attempt >= len(RETRANSMIT_S):
            return
        leg.answered_at = leg.answered_at or time.monotonic()
        self.send(self.words.reply_text(invite, 200, "OK", tag="gw"), invite.source)
        asyncio.get_running_loop().call_later(RETRANSMIT_S[attempt], self._answer, invite, attempt + 1)


@dataclass
class Dialled:
    """One call as its caller saw it."""

    call: Call
    talk_s: float
    sent_at: float
    """time.monotonic() of its INVITE."""
    code: int = 0
    """The final answer; 0: none came."""
    provisional: bool = False
    ended: bool = False
    answers: list[int] = field(default_factory=list)


class Caller(Robot):
    """Dials, acknowledges, talks, hangs up."""

    def __init__(self, ip: str, port: int, proxy: tuple[str, int]) -> None:
        super().__init__(ip, port, proxy)
        self.dialled: dict[str, Dialled] = {}

    def dial(self, number: str, talk_s: float) -> None:
        """Begins a call."""
        call = Call(self.words, number)
        self.dialled[call.call_id] = Dialled(call, talk_s, time.monotonic())
        self._invite(self.dialled[call.call_id], call.text("INVITE", body=SDP), 0)

    def _invite(self, dialled: Dialled, text: str, attempt: int) -> None:
        if dialled.code or dialled.provisional or attempt >= len(RETRANSMIT_S):
            return
        self.send(text)
        asyncio.get_running_loop().call_later(RETRANSMIT_S[attempt], self._invite, dialled, text, attempt + 1)

    def received(self, message: Message) -> None:
        """Answers to the INVITE and the BYE, and BYEs."""
        dialled = self.dialled.get(message.header("Call-ID"))
        if not message.code:
            if message.method == "BYE" and dialled is not None:
                dialled.ended = True
            self.send(self.words.reply_text(message, 200 if dialled else 481, "OK"), message.source)
            return
        if dialled is None or message.method != "INVITE":
            if dialled is not None and message.method == "BYE":
                dialled.ended = True
            return
        dialled.provisional = True
        if message.code >= 200:
            self._final(dialled, message)

    def _final(self, dialled: Dialled, message: Message) -> None:
        first, dialled.code = not dialled.code, dialled.code or message.code
        call = dialled.call
        if message.code >= 300:
            call.to_tag = message.tag("To")
            self.send(call.text("ACK", Contact=None))
            return
        call.take(message)
        branch, call.branch = call.branch, call.branch + "a"
        self.send(call.text("ACK"))
        call.branch = branch
        if first:
            asyncio.get_running_loop().call_later(dialled.talk_s, self._bye, dialled)

    def _bye(self, dialled: Dialled) -> None:
        if dialled.ended:
            return
        dialled.call.cseq += 1
        dialled.call.new_branch()
        self._send_bye(dialled, dialled.call.text("BYE"), 0)

    def _send_bye(self, dialled: Dialled, text: str, attempt: int) -> None:
        if dialled.ended or attempt >= len(RETRANSMIT_S):
            return
        self.send(text)
        asyncio.get_running_loop().call_later(RETRANSMIT_S[attempt], self._send_bye, dialled, text, attempt + 1)


class Robots:
    """Callers and gateways on a thread: `with Robots(caller, gateway) as robots`."""

    def __init__(self, *robots: Robot) -> None:
        self._robots = robots
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> Robots:
        self._thread.start()
        for robot in self._robots:
            asyncio.run_coroutine_threadsafe(robot.open(), self.loop).result(START_S)
        return self

    def dial(self, caller: Caller, number: str, talk_s: float, count: int = 1, rate: float = 0) -> None:
        """Begins calls: all at once, or `rate` a second; returns when the last one is dialled."""

        async def work() -> None:
            for at in range(count):
                caller.dial(number, talk_s)
                if rate:
                    await asyncio.sleep(1 / rate)
                elif at % 5 == 4:
                    await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(work(), self.loop).result(600)

    def __exit__(self, *_: object) -> None:
        async def close() -> None:
            for robot in self._robots:
                robot.close()

        asyncio.run_coroutine_threadsafe(close(), self.loop).result(START_S)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(START_S)
        self.loop.close()
