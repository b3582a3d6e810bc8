"""STIR/SHAKEN by real calls: signed going out, checked coming in. Keys and certificates are made here."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kemi.world import CARRIER, CUSTOMER
from tests.sip.agents import Agent, Call, Message, Nothing
from tests.sip.proxy import Proxy
from tests.sip.tls import Authority

URL = "https://certificates.example/shaken.pem"
CALLER, CALLED = "441632960000", "33123"


class Signer:
    """A key with its certificate, that signs what a test wants said."""

    def __init__(self, authority: Authority, name: str, days: int = 10) -> None:
        self.certificate, self.key = authority.issue(name, days=days)

    def sign(self, url: str = URL, **changed: Any) -> str:
        """An Identity header of this second about the two numbers, but for what is changed."""
        head = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": url}
        body = {"attest": "A", "dest": {"tn": [CALLED]}, "iat": int(time.time()), "orig": {"tn": CALLER}, "origid": "x"}
        text = ".".join(_coded(json.dumps(part).encode()) for part in (head, body | changed))
        command = ["openssl", "dgst", "-sha256", "-sign", str(self.key)]
        der = subprocess.run(command, input=text.encode(), check=True, capture_output=True, timeout=120).stdout
        return f"{text}.{_coded(_fixed(der))};info=<{url}>;alg=ES256;ppt=shaken"


def _coded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _fixed(der: bytes) -> bytes:
    """The two numbers of an ECDSA signature, 32 bytes each (RFC 7518 3.4)."""
    parts, at = [], 2
    for _ in range(2):
        length = der[at + 1]
        parts.append(int.from_bytes(der[at + 2 : at + 2 + length], "big").to_bytes(32, "big"))
        at += 2 + length
    return b"".join(parts)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whose certificates count."""
    return Authority(tmp_path_factory.mktemp("stir"), "STI-CA")


@pytest.fixture(scope="module")
def signer(authority: Authority) -> Signer:
    """Ours, and that of who calls us."""
    return Signer(authority, "shaken.example")


@pytest.fixture(scope="module")
def edge(authority: Authority, signer: Signer) -> Iterator[Proxy]:
    """Gateway 1 gets signatures. Trunk 1 is looked at by nobody; 2 notes, 3 refuses what is wrong, 4 wants one."""
    folder = authority.folder / "certificates"
    folder.mkdir()
    (folder / f"{hashlib.sha256(URL.encode()).hexdigest()}.pem").write_bytes(signer.certificate.read_bytes())
    proxy = Proxy(
        local=f"#!define WITH_STIR_SHAKEN\n#!define KAMBILL_STIR_KEY {signer.key}\n#!define KAMBILL_STIR_URL {URL}\n"
        f"#!define KAMBILL_STIR_CERTIFICATES {folder}\n#!define KAMBILL_STIR_AUTHORITIES {authority.certificate}\n"
    )
    try:
        proxy.start()
        proxy.furnish()
        gateway = proxy.gateway_body(1, CARRIER, "127.0.0.11") | {"signs": True}
        rules = {2: "note", 3: "refuse", 4: "require"}
        trunks = [
            proxy.trunk_body(number, CUSTOMER, networks=[f"127.0.0.{20 + number}/32"], identity=rule)
            for number, rule in rules.items()
        ]
        proxy.send(gateway, *trunks)
        yield proxy
        assert "kambill: fault" not in proxy.tail()
    finally:
        proxy.close()


@pytest.fixture
def gateway(edge: Proxy) -> Iterator[Agent]:
    """Gateway 1."""
    agent = Agent("127.0.0.11", 5060, (edge.ip, edge.port))
    yield agent
    agent.close()


def invite(edge: Proxy, gateway: Agent, trunk: int, identity: str | None) -> tuple[int, Message | None, dict[str, Any]]:
    """A call with an Identity header: its final code, the INVITE that the gateway got, the record."""
    caller = Agent("127.0.0.2" if trunk == 1 else f"127.0.0.{20 + trunk}", 0, (edge.ip, edge.port))
    try:
        call = Call(caller, "0033123")
        call.invite(Identity=identity)
        arrived = _arrived(gateway, call)
        if arrived is not None:
            gateway.reply(arrived, 486, "Busy Here", tag="x")
        final = caller.expect_final(call.call_id)
        return final.code, arrived, edge.cdr(call.call_id)
    finally:
        caller.close()


def _arrived(gateway: Agent, call: Call) -> Message | None:
    """The INVITE at the gateway; None: it got none in half a second."""
    try:
        return gateway.expect("INVITE", 0.5, Call_ID=call.call_id)
    except Nothing:
        return None


def claims_of(identity: str) -> dict[str, Any]:
    """What an Identity header says."""
    body = identity.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


def test_signed_out_and_checked_in(edge: Proxy, gateway: Agent) -> None:
    """What one gateway is told, another Kambill believes: the same header comes back by a trunk that is looked at."""
    _, arrived, cdr = invite(edge, gateway, 1, None)
    assert arrived is not None
    (identity,) = arrived.headers("Identity")
    claims = claims_of(identity)
    assert (claims["attest"], claims["orig"]["tn"], claims["dest"]["tn"]) == ("B", CALLER, [CALLED])
    assert claims["origid"].replace("-", "") == cdr["call"]
    assert f";info=<{URL}>" in identity
    assert (cdr["attested"], cdr["identity"]) == ("B", "")
    code, again, cdr = invite(edge, gateway, 3, identity)
    assert (code, cdr["identity"], cdr["attested"]) == (486, "passed B", "pass")
    assert again is not None
    assert again.headers("Identity") == [identity]


def test_callers_of_a_trunk_that_brings_others_calls_are_unknown(edge: Proxy, gateway: Agent) -> None:
    """C, signed as every other one: another Kambill checks it and says so."""
    edge.send(edge.trunk_body(5, CUSTOMER, networks=["127.0.0.25/32"], attestation="gateway"))
    _, arrived, cdr = invite(edge, gateway, 5, None)
    assert arrived is not None
    (identity,) = arrived.headers("Identity")
    assert claims_of(identity)["attest"] == cdr["attested"] == "C"
    _, _, checked = invite(edge, gateway, 3, identity)
    assert checked["identity"] == "passed C"


def test_what_nobody_asked_about_does_not_go_on(edge: Proxy, gateway: Agent, signer: Signer) -> None:
    """Trunk 1's own header is taken out; ours takes its place."""
    mine = signer.sign()
    _, arrived, cdr = invite(edge, gateway, 1, mine)
    assert arrived is not None
    (identity,) = arrived.headers("Identity")
    assert identity != mine
    assert (cdr["identity"], cdr["attested"]) == ("", "B")


def _wrong_signature(text: str) -> str:
    return re.sub(r"\.([\w-])([\w-]{85});", lambda m: f".{'A' if m[1] != 'A' else 'B'}{m[2]};", text)


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("tampered caller", 438, "failed caller"),
        ("tampered called", 438, "failed called"),
        ("another signature", 438, "failed signature"),
        ("stale", 403, "failed stale"),
        ("of tomorrow", 403, "failed stale"),
        ("unknown certificate", 437, "failed certificate"),
        ("no passport", 438, "failed malformed"),
    ],
)
def test_what_is_refused(edge: Proxy, gateway: Agent, signer: Signer, name: str, code: int, said: str) -> None:
    """And never reaches the gateway; who only notes lets it through and writes it down."""
    now_s = int(time.time())
    identity = {
        "tampered caller": lambda: signer.sign(orig={"tn": "442079460000"}),
        "tampered called": lambda: signer.sign(dest={"tn": ["33124"]}),
        "another signature": lambda: _wrong_signature(signer.sign()),
        "stale": lambda: signer.sign(iat=now_s - 90),
        "of tomorrow": lambda: signer.sign(iat=now_s + 90),
        "unknown certificate": lambda: signer.sign("https://certificates.example/other.pem"),
        "no passport": lambda: "nonsense;info=<x>",
    }[name]()
    answered, arrived, cdr = invite(edge, gateway, 3, identity)
    assert (answered, arrived) == (code, None)
    assert cdr["rule"].endswith(said)
    answered, arrived, cdr = invite(edge, gateway, 2, identity)
    assert (answered, cdr["identity"]) == (486, said)
    assert arrived is not None
    assert claims_of(arrived.header("Identity"))["attest"] == "B"


@pytest.mark.parametrize(("folder", "days"), [("ours", -1), ("others", 10)])
def test_a_certificate_of_nobody_that_counts(
    edge: Proxy, gateway: Agent, authority: Authority, tmp_path: Path, folder: str, days: int
) -> None:
    """Though it lies in the folder: out of date, or of another authority."""
    by = authority if folder == "ours" else Authority(tmp_path / "others", "Somebody")
    wrong = Signer(by, f"{folder}.example", days)
    url = f"https://certificates.example/{folder}.pem"
    name = f"{hashlib.sha256(url.encode()).hexdigest()}.pem"
    (authority.folder / "certificates" / name).write_bytes(wrong.certificate.read_bytes())
    answered, arrived, _ = invite(edge, gateway, 3, wrong.sign(url))
    assert (answered, arrived) == (437, None)


def test_a_missing_signature_is_refused_where_one_is_wanted(edge: Proxy, gateway: Agent, signer: Signer) -> None:
    """428; where wrong ones are refused, none is no fault."""
    assert invite(edge, gateway, 4, None)[:2] == (428, None)
    code, _, cdr = invite(edge, gateway, 3, None)
    assert (code, cdr["identity"]) == (486, "none")
    assert invite(edge, gateway, 4, signer.sign())[2]["identity"] == "passed A"


def test_an_unknown_certificate_costs_no_time(edge: Proxy, gateway: Agent, signer: Signer) -> None:
    """Its URL leads to an address that swallows everything: it is not asked."""
    identity = signer.sign("http://192.0.2.1/never.pem")
    caller = Agent("127.0.0.23", 0, (edge.ip, edge.port))
    try:
        call = Call(caller, "0033123")
        begun = time.monotonic()
        call.invite(Identity=identity)
        final = caller.expect_final(call.call_id)
        assert (final.code, final.at - begun < 1.0) == (437, True)
    finally:
        caller.close()


def test_without_its_key_kamailio_does_not_start(tmp_path: Path) -> None:
    """It says which file is missing."""
    proxy = Proxy(local=f"#!define WITH_STIR_SHAKEN\n#!define KAMBILL_STIR_KEY {tmp_path}/none.pem\n")
    try:
        with pytest.raises(AssertionError, match="Kamailio has ended"):
            proxy.start()
        assert "KAMBILL_STIR_KEY" in proxy.tail()
    finally:
        proxy.close()
