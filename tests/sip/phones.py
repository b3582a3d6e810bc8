"""Telephones that sign in: REGISTER and INVITE with digest, step by step."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass, field
from itertools import count

from tests.sip.agents import SDP, WAIT_S, Agent, Call, Message

_numbers = count(1)
HASHES = {"MD5": "md5", "SHA-256": "sha256"}


def challenge_of(answer: Message) -> dict[str, str]:
    """The parameters of a 401's or 407's challenge."""
    header = answer.header("WWW-Authenticate") or answer.header("Proxy-Authenticate")
    return {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', header)}


@dataclass
class Phone:
    """One telephone: its socket, its name and its password."""

    agent: Agent
    user: str = "d1"
    password: str = "secret"
    realm: str = "kambill"
    call_id: str = ""
    cseq: int = 0
    contact: str = ""
    calls: list[Call] = field(default_factory=list)
    patience_s: float = WAIT_S
    """How long it waits for the answer to a REGISTER."""

    def __post_init__(self) -> None:
        self.call_id = f"reg{next(_numbers)}-{time.time_ns()}"
        self.contact = self.contact or f"sip:{self.user}@{self.agent.host}:{self.agent.port}"

    def credentials(self, challenge: dict[str, str], method: str, uri: str, **other: str) -> str:
        """The body of (Proxy-)Authorization. `other`: parameters that are not what they should be."""
        values = {"nonce": challenge["nonce"], "nc": "00000001", "cnonce": "c0ffee", "qop": "auth"}
        values |= {"algorithm": challenge.get("algorithm", "MD5"), "username": self.user, "realm": self.realm}
        values |= {"uri": uri} | other
        name = HASHES.get(values["algorithm"], "md5")

        def hashed(text: str) -> str:
            return hashlib.new(name, text.encode()).hexdigest()

        ha1 = hashed(f"{values['username']}:{values['realm']}:{self.password}")
        middle = f"{values['nonce']}:{values['nc']}:{values['cnonce']}:{values['qop']}"
        response = hashed(f"{ha1}:{middle}:{hashed(f'{method}:{uri}')}")
        plain = {"nc", "qop", "algorithm"}
        parts = [f"{key}={value}" if key in plain else f'{key}="{value}"' for key, value in values.items()]
        return f'Digest {", ".join(parts)}, response="{response}"'

    def register_text(self, contact: str | None = None, expires: int | None = 600, **headers: str) -> str:
        """A REGISTER, the next of its sequence."""
        self.cseq += 1
        agent = self.agent
        contact = f"<{self.contact}>" if contact is None else contact
        lines = [
            "REGISTER sip:kambill SIP/2.0",
            f"Via: SIP/2.0/UDP {agent.host}:{agent.port};branch=z9hG4bKr{next(_numbers)}x{time.time_ns()}",
            f"From: <sip:{self.user}@kambill>;tag=r{self.cseq}",
            f"To: <sip:{headers.pop('to', self.user)}@kambill>",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.cseq} REGISTER",
            *([f"Contact: {contact}"] if contact else []),
            *([f"Expires: {expires}"] if expires is not None else []),
            *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
            "Max-Forwards: 70",
            "User-Agent: test phone",
            "Content-Length: 0",
            "",
            "",
        ]
        return "\r\n".join(lines)

    def ask(self, text: str) -> Message:
        """Sends a REGISTER and waits for its answer."""
        self.agent.send(text)
        cseq = re.findall(r"CSeq: (\d+) ", text)[0]
        return self.agent.expect_answer("REGISTER", self.call_id, cseq, self.patience_s)

    def challenged(self) -> dict[str, str]:
        """The challenge of a REGISTER without credentials."""
        answer = self.ask(self.register_text())
        assert answer.code == 401, answer.text
        return challenge_of(answer)

    def register(self, contact: str | None = None, expires: int | None = 600, **headers: str) -> Message:
        """A REGISTER with a challenge of its own; the answer."""
        proof = self.credentials(self.challenged(), "REGISTER", "sip:kambill")
        return self.ask(self.register_text(contact, expires, Authorization=proof, **headers))

    def dial(self, number: str, **headers: str | None) -> Call:
        """An INVITE that was challenged and sent again with credentials; nobody has waited for what becomes of it."""
        call = Call(self.agent, number, from_user=self.user)
        call.invite(**headers)
        asked = self.agent.expect(407, Call_ID=call.call_id)
        call.to_tag = asked.tag("To")
        call.ack()
        call.to_tag = ""
        call.cseq += 1
        call.new_branch()
        proof = self.credentials(challenge_of(asked), "INVITE", call.target)
        self.agent.send(call.text("INVITE", body=SDP, **headers, Proxy_Authorization=proof))
        self.calls.append(call)
        return call
