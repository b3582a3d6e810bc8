"""Small SIP user agents on UDP, moved step by step by a test: they send what they are told and hide nothing."""

from __future__ import annotations

import re
import select
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

SDP = "v=0\r\no=u 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
WAIT_S = 30.0
"""How long a message may take that must come. How soon it has to come tests say of its `at`: a wait ends with it."""
CLOSE_S = 0.2
"""How long a refusal's ACK may take when nothing is tested any more: it may have ended long ago."""

SO_TIMESTAMPNS = 35
"""Of Linux' asm-generic/socket.h."""
_STAMP = struct.Struct("@ll")

_numbers = count(1)


class Nothing(AssertionError):
    """The message that a test waits for did not come."""


class Unwanted(AssertionError):
    """A message came that must not."""


@dataclass(frozen=True)
class Message:
    """A SIP message as it came."""

    text: str
    source: tuple[str, int]
    at: float
    """time.monotonic() when it came, however late it was looked at."""

    @property
    def first_line(self) -> str:
        """Request or status line."""
        return self.text.split("\r\n", 1)[0]

    @property
    def code(self) -> int:
        """Status; 0: a request."""
        return int(self.first_line.split()[1]) if self.first_line.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        """Of a request, or of the CSeq of a reply."""
        return self.header("CSeq").split()[1] if self.code else self.first_line.split()[0]

    @property
    def uri(self) -> str:
        """Request URI."""
        return self.first_line.split()[1]

    def headers(self, name: str) -> list[str]:
        """All headers of a name, top first."""
        return re.findall(rf"(?im)^{re.escape(name)}[ \t]*:[ \t]*(.*?)\r?$", self.text.split("\r\n\r\n")[0])

    def header(self, name: str) -> str:
        """The first header of a name; empty: none."""
        return (self.headers(name) or [""])[0]

    def tag(self, name: str) -> str:
        """The tag of From or To."""
        found = re.search(r";tag=([^;>\s]+)", self.header(name))
        return found[1] if found else ""

    @property
    def contact(self) -> str:
        """URI of its Contact."""
        found = re.search(r"<([^>]+)>", self.header("Contact"))
        return found[1] if found else ""


def stamped(own: socket.socket) -> socket.socket:
    """A datagram socket whose messages the kernel stamps: a test that waits for a processor makes nothing late."""
    own.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return own


def received(own: socket.socket) -> Message:
    """The next message of a stamped socket, which has one."""
    data, control, _, source = own.recvmsg(65535, socket.CMSG_SPACE(_STAMP.size))
    ((_, _, stamp),) = control
    came_s, came_ns = _STAMP.unpack(stamp)
    ago_s = (time.time_ns() - came_s * 1_000_000_000 - came_ns) / 1e9
    return Message(data.decode("utf-8", "surrogateescape"), source, time.monotonic() - ago_s)


@dataclass
class Agent:
    """One end: a socket and what came to it."""

    ip: str
    port: int
    proxy: tuple[str, int]
    seen: list[Message] = field(default_factory=list)
    settled: set[tuple[str, str]] = field(default_factory=set)
    """Requests that have their final answer, by Via and CSeq."""

    def __post_init__(self) -> None:
        family = socket.AF_INET6 if ":" in self.ip else socket.AF_INET
        self.socket = stamped(socket.socket(family, socket.SOCK_DGRAM))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((self.ip, self.port))
        self.port = self.socket.getsockname()[1]

    @property
    def host(self) -> str:
        """Its address as URIs and Vias have it."""
        return f"[{self.ip}]" if ":" in self.ip else self.ip

    def send(self, text: str | bytes, to: tuple[str, int] | None = None) -> None:
        """Sends a message as it stands, to the proxy if nothing else is said."""
        self.socket.sendto(text if isinstance(text, bytes) else text.encode(), to or self.proxy)

    def receive(self, wait_s: float) -> Message | None:
        """The next message; None: nothing in that time."""
        if not select.select([self.socket], [], [], max(0, wait_s))[0]:
            return None
        message = received(self.socket)
        self.seen.append(message)
        return message

    def expect(self, what: str | int, wait_s: float = WAIT_S, **where: str) -> Message:
        """The next message of a method or code (others are passed over); headers may be named. Raises Nothing."""
        end = time.monotonic() + wait_s
        while (message := self.receive(end - time.monotonic())) is not None:
            fits = message.code == what if isinstance(what, int) else not message.code and message.method == what
            if fits and all(value in message.header(name.replace("_", "-")) for name, value in where.items()):
                return message
        raise Nothing(f"{self.ip}:{self.port} waited {wait_s} s for {what} {where}, saw {self.lines()}")

    def expect_final(self, call_id: str, wait_s: float = WAIT_S) -> Message:
        """The next final answer of a call. Raises Nothing."""
        end = time.monotonic() + wait_s
        while (message := self.receive(end - time.monotonic())) is not None:
            if message.code >= 200 and message.header("Call-ID") == call_id:
                return message
        raise Nothing(f"{self.ip}:{self.port} waited {wait_s} s for an answer, saw {self.lines()}")

    def expect_answer(self, method: str, call_id: str, cseq: str, wait_s: float = WAIT_S) -> Message:
        """The final answer to one request. Raises Nothing."""
        end = time.monotonic() + wait_s
        while (message := self.receive(end - time.monotonic())) is not None:
            is_its = message.header("Call-ID") == call_id and message.header("CSeq") == f"{cseq} {method}"
            if message.code >= 200 and is_its:
                return message
        raise Nothing(f"{self.ip}:{self.port} waited {wait_s} s for an answer to {cseq} {method}, saw {self.lines()}")

    def expect_nothing(self, what: str | int, wait_s: float = 0.3, *, but: Message | None = None, **where: str) -> None:
        """Fails if a message of this method or code comes. Headers may be named: those of calls before still come.
        `but`: what is sent again as long as the test doesn't answer it.
        """
        end = time.monotonic() + wait_s
        with suppress(Nothing):
            while True:
                message = self.expect(what, end - time.monotonic(), **where)
                if but is None or message.text != but.text:
                    raise Unwanted(f"{self.ip}:{self.port} got {message.first_line}")

    def expect_silence(self, call_id: str, wait_s: float = 0.1, *, but: Message | None = None) -> None:
        """Fails if anything of a call comes. An INVITE that nobody has answered yet is sent again, and so is `but`."""
        end = time.monotonic() + wait_s
        known = {one.text for one in self.seen if one.first_line.startswith("INVITE ") or one is but}
        while (message := self.receive(end - time.monotonic())) is not None:
            if message.header("Call-ID") == call_id and message.text not in known:
                raise AssertionError(f"{self.ip}:{self.port} got {message.first_line}")

    def reply_to_all(self, method: str, call_id: str, wait_s: float = 0.2) -> int:
        """Answers 200 to every request of a method that comes; how many there were."""
        replies, end = 0, time.monotonic() + wait_s
        while (message := self.receive(end - time.monotonic())) is not None:
            if not message.code and message.method == method and message.header("Call-ID") == call_id:
                self.reply(message, 200, "OK")
                replies += 1
        return replies

    def lines(self) -> list[str]:
        """First lines of all that came."""
        return [message.first_line for message in self.seen]

    def reply(self, request: Message, code: int, reason: str = "X", *, tag: str = "", **headers: str | None) -> None:
        """Answers a request; a 2xx to an INVITE has Contact and SDP. `headers`: more, or None for none."""
        if code >= 200:
            self.settled.add(_its(request))
        self.send(self.reply_text(request, code, reason, tag=tag, **headers), request.source)

    def reply_text(
        self, request: Message, code: int, reason: str = "X", *, tag: str = "", **headers: str | None
    ) -> str:
        """The text of an answer."""
        to = request.header("To")
        if tag and ";tag=" not in to:
            to += f";tag={tag}"
        with_contact = request.method in {"INVITE", "UPDATE"} and 100 < code < 300
        values: dict[str, str | None] = {"Contact": f"<sip:gw@{self.host}:{self.port}>" if with_contact else None}
        values |= {name.replace("_", "-"): value for name, value in headers.items()}
        body = SDP if request.method == "INVITE" and 200 <= code < 300 else ""
        lines = [
            f"SIP/2.0 {code} {reason}",
            *(f"Via: {via}" for via in request.headers("Via")),
            *(f"Record-Route: {route}" for route in request.headers("Record-Route") if "Record_Route" not in headers),
            f"From: {request.header('From')}",
            f"To: {to}",
            f"Call-ID: {request.header('Call-ID')}",
            f"CSeq: {request.header('CSeq')}",
            *(f"{name}: {value}" for name, value in values.items() if value is not None),
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
            "",
            body,
        ]
        return "\r\n".join(lines)

    def close(self) -> None:
        """Refuses what still rings here, which would ring on for whoever has this address next; the port is free."""
        if self.socket.fileno() < 0:
            return
        while self.receive(0) is not None:
            pass
        ringing = {_its(one): one for one in self.seen if not one.code and one.method in {"INVITE", "MESSAGE"}}
        for its, request in ringing.items():
            if its not in self.settled and not request.tag("To"):
                self.reply(request, 487, "Request Terminated", tag="gone")
                with suppress(Nothing):
                    self.expect("ACK", CLOSE_S if request.method == "INVITE" else 0, Call_ID=request.header("Call-ID"))
        self.socket.close()


def _its(request: Message) -> tuple[str, str]:
    return request.header("Via"), request.header("CSeq")


@dataclass
class Call:
    """A caller's end of one call."""

    agent: Agent
    number: str
    from_user: str = "+441632960000"
    call_id: str = ""
    from_tag: str = ""
    cseq: int = 1
    to_tag: str = ""
    target: str = ""
    routes: tuple[str, ...] = ()
    branch: str = ""
    branches: list[str] = field(default_factory=list)
    """Of its transactions, the INVITE's first."""
    answered_at: float = 0.0
    """When its answer came."""
    begun_s: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        number = next(_numbers)
        self.call_id = self.call_id or f"{number}-{time.time_ns()}@test"
        self.from_tag = self.from_tag or f"f{number}"
        self.target = f"sip:{self.number}@kambill"
        self.branch = f"z9hG4bK{number}x{time.time_ns()}"
        self.branches = [self.branch]

    def text(self, method: str, *, body: str = "", **headers: str | None) -> str:
        """A request of this call. `headers` replace the usual ones; None leaves one out."""
        agent = self.agent
        tag = f";tag={self.to_tag}" if self.to_tag else ""
        uri = headers.pop("uri", None) or self.target
        routes = headers.pop("routes", None)
        route = routes if routes is not None else ", ".join(f"<{one}>" for one in self.routes)
        values: dict[str, str | None] = {
            "Via": f"SIP/2.0/UDP {agent.host}:{agent.port};branch={self.branch}",
            "Route": route or None,
            "From": f"<sip:{self.from_user}@{agent.host}>;tag={self.from_tag}",
            "To": f"<sip:{self.number}@kambill>{tag}",
            "Call-ID": self.call_id,
            "CSeq": f"{self.cseq} {method}",
            "Contact": f"<sip:caller@{agent.host}:{agent.port}>",
            "Max-Forwards": "70",
            "Content-Type": "application/sdp" if body else None,
            "Content-Length": str(len(body)),
        }
        values |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{name}: {value}" for name, value in values.items() if value is not None]
        return "\r\n".join([f"{method} {uri} SIP/2.0", *lines, "", body])

    def new_branch(self) -> None:
        """Another transaction."""
        self.branch = f"z9hG4bK{next(_numbers)}x{time.time_ns()}"
        self.branches.append(self.branch)

    def invite(self, **headers: str | None) -> None:
        """Sends the INVITE."""
        self.agent.send(self.text("INVITE", body=SDP, **headers))

    def take(self, answer: Message) -> None:
        """Learns tag, target and routes from a 2xx (or 18x)."""
        self.to_tag, self.answered_at = answer.tag("To"), answer.at
        self.target = answer.contact
        record_routes = [uri for header in answer.headers("Record-Route") for uri in re.findall(r"<([^>]+)>", header)]
        self.routes = tuple(reversed(record_routes))

    def ack(self, **headers: str | None) -> None:
        """The ACK of a 2xx."""
        branch, self.branch = self.branch, self.branch + "a"
        self.agent.send(self.text("ACK", **headers))
        self.branch = branch

    def request(self, method: str, **headers: str | None) -> None:
        """A new request in the dialog."""
        self.cseq += 1
        self.new_branch()
        self.agent.send(self.text(method, **headers))

    def bye(self) -> Message:
        """Hangs up and waits for the answer."""
        self.request("BYE")
        return self.agent.expect(200, CSeq="BYE")

    def cancel(self) -> None:
        """Gives up: the INVITE's own branch and CSeq."""
        self.agent.send(self.text("CANCEL", Contact=None))
