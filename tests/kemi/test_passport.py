"""Callers' signatures: what an Identity header says, what it is worth, and what is signed of a call."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kemi.authorize import Admitted
from kemi.failover import fail_over
from kemi.passport import (
    FRESH_S,
    NOTHING_SHOWN,
    PASSED_ON,
    Claims,
    Passport,
    Shown,
    origin_id_of,
    parse_identity,
    refusal_rule,
    verdict_of,
)
from kemi.refusal import Refused
from kemi.running import find
from tests.kemi.fake_ksr import FakeKsr
from tests.kemi.test_route import ksr, route, sip
from tests.kemi.world import CARRIER, CUSTOMER, LOWER, START, World

__all__ = ["ksr"]
stir = route.stir
NOW_S = START.wall_s
CALLER, CALLED = "441632960000", "33123"
URL = "https://certificates.example/a.pem"
HEAD = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": URL}
BODY = {"attest": "A", "dest": {"tn": [CALLED]}, "iat": NOW_S, "orig": {"tn": CALLER}, "origid": "x"}
CLAIMS = Claims("A", CALLER, (CALLED,), NOW_S, URL)


def _coded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def header(head: Any = HEAD, body: Any = BODY, *, parameters: str = f";info=<{URL}>;alg=ES256;ppt=shaken") -> str:
    """An Identity header; its signature is nobody's."""
    return f"{_coded(head)}.{_coded(body)}.{'s' * 86}{parameters}"


def test_what_a_header_says() -> None:
    """RFC 8224 and RFC 8588."""
    assert parse_identity(header()) == CLAIMS
    assert parse_identity(header(parameters=f'; info=<{URL}> ; ppt="shaken"')) == CLAIMS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b.c",
        header(HEAD | {"alg": "none"}),
        header(HEAD | {"ppt": "div"}),
        header(HEAD | {"x5u": "https://other.example/"}),
        header([HEAD]),
        header(b"{"),
        header(b"[" * 600),
        header(body=BODY | {"attest": "D"}),
        header(body=BODY | {"attest": ["A"]}),
        header(body=BODY | {"attest": {}}),
        header(body=BODY | {"iat": "1"}),
        header(body=BODY | {"iat": True}),
        header(body=BODY | {"orig": {"uri": "sip:a@b"}}),
        header(body=BODY | {"dest": {"tn": []}}),
        header(body=BODY | {"dest": {"tn": CALLED}}),
        header(body=BODY | {"dest": {"tn": [5]}}),
        header(parameters=""),
        header(parameters=";info=<https://other.example/>"),
        header() + "x" * 4096,
    ],
)
def test_what_is_no_passport(text: str) -> None:
    """Everything else, the merely unusual too."""
    assert parse_identity(text) is None


@given(
    st.one_of(
        st.text(max_size=300),
        st.builds(header, st.binary(max_size=60), st.binary(max_size=60)),
    )
)
def test_no_text_breaks_the_parser(text: str) -> None:
    """Of a stranger, whatever it is."""
    assert parse_identity(text) is None


@pytest.mark.parametrize(
    ("shown", "caller", "called", "at_s", "verdict"),
    [
        (Shown(CLAIMS, ""), CALLER, CALLED, NOW_S, "passed A"),
        (Shown(CLAIMS, ""), CALLER, CALLED, NOW_S + FRESH_S, "passed A"),
        (Shown(CLAIMS, ""), CALLER, CALLED, NOW_S + FRESH_S + 1, "failed stale"),
        (Shown(CLAIMS, ""), CALLER, CALLED, NOW_S - FRESH_S - 1, "failed stale"),
        (Shown(CLAIMS, ""), CALLER + "1", CALLED, NOW_S, "failed caller"),
        (Shown(CLAIMS, ""), "", CALLED, NOW_S, "failed caller"),
        (Shown(CLAIMS, ""), CALLER, CALLED + "1", NOW_S, "failed called"),
        (Shown(None, "malformed"), CALLER, CALLED, NOW_S, "failed malformed"),
        (Shown(CLAIMS, "signature"), CALLER, CALLED, NOW_S, "failed signature"),
        (Shown(CLAIMS, "certificate"), CALLER, CALLED, NOW_S, "failed certificate"),
        (NOTHING_SHOWN, CALLER, CALLED, NOW_S, "none"),
    ],
)
def test_what_it_is_worth(shown: Shown, caller: str, called: str, at_s: int, verdict: str) -> None:
    """Signed well, of this minute, about these two numbers."""
    assert verdict_of(shown, caller, called, at_s) == verdict


@pytest.mark.parametrize(
    ("rule", "verdict", "refused_by"),
    [
        ("note", "failed caller", ""),
        ("note", "none", ""),
        ("refuse", "none", ""),
        ("refuse", "passed C", ""),
        ("refuse", "failed caller", "identity_invalid"),
        ("refuse", "failed signature", "identity_invalid"),
        ("refuse", "failed stale", "identity_stale"),
        ("refuse", "failed certificate", "identity_certificate"),
        ("require", "none", "identity_missing"),
        ("require", "failed called", "identity_invalid"),
        ("require", "passed A", ""),
    ],
)
def test_who_is_refused(rule: str, verdict: str, refused_by: str) -> None:
    """By the setting."""
    assert refusal_rule(rule, verdict) == refused_by


def test_a_record_is_found_again_by_the_origid() -> None:
    """It is the call's key."""
    assert origin_id_of(bytes(range(16))) == "00010203-0405-0607-0809-0a0b0c0d0e0f"


@pytest.mark.parametrize(
    ("said", "code", "fault"),
    [
        ([], 0, ""),
        (["x"], 0, "malformed"),
        ([header()], 1, ""),
        ([header()], -251, "signature"),
        ([header()], -103, "certificate"),
        ([header()], -451, "certificate"),
        ([header(HEAD | {"ppt": "div"}), header()], 1, ""),
    ],
)
def test_what_kamailio_says_of_a_signature(ksr: FakeKsr, said: list[str], code: int, fault: str) -> None:
    """By the certificate that lies there under the name of its URL; other kinds of PASSporTs are passed over."""
    ksr.headers["Identity"] = said
    ksr.pv_values["$def(KAMBILL_STIR_CERTIFICATES)"] = "/folder"
    ksr.answers["secsipid.secsipid_check"] = code
    shown = stir.shown()
    assert (shown.fault, shown.claims) == (fault, CLAIMS if header() in said else None)
    path = f"/folder/{hashlib.sha256(URL.encode()).hexdigest()}.pem"
    assert ksr.called("secsipid.secsipid_check") == ([(header(), path)] if header() in said else [])


def test_a_call_that_cannot_be_signed_goes_on(ksr: FakeKsr, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the log says why."""
    monkeypatch.setattr(sip.log, "_said_s", {})
    ksr.pv_values |= {"$def(KAMBILL_STIR_KEY)": "/key.pem", "$def(KAMBILL_STIR_URL)": URL}
    ksr.answers["secsipid.secsipid_build_identity"] = -1
    stir.introduce(Passport("B", CALLER, CALLED, "id"))
    assert ksr.called("secsipid.secsipid_build_identity") == [(CALLER, CALLED, "B", "id", URL, "/key.pem")]
    assert ksr.called("hdr.append") == []
    ((line,),) = ksr.called("core.crit")
    assert "/key.pem" in line


def test_a_key_that_is_not_there_stops_the_start(ksr: FakeKsr, tmp_path: Path) -> None:
    """Only where signing is switched on."""
    stir.check_files()
    ksr.pv_values |= {"$def(WITH_STIR_SHAKEN)": "", "$def(KAMBILL_STIR_KEY)": str(tmp_path / "key.pem")}
    with pytest.raises(stir.Unusable, match="KAMBILL_STIR_KEY"):
        stir.check_files()
    (tmp_path / "key.pem").write_text("key")
    stir.check_files()


# --- calls


@pytest.fixture
def signing(world: World) -> World:
    """A Kamailio that signs, for gateway 1 but not for the others."""
    world.rooms.can_sign = True
    world.gateway(1, CARRIER, "127.0.0.11", signs=True)
    return world


def passport_of(world: World, **fields: Any) -> Passport | None:
    """What the gateway of a call is told, signed."""
    admitted = world.invite(**fields)
    assert isinstance(admitted, Admitted), admitted
    running = find(world.rooms, admitted.call)
    passport = admitted.target.parties.passport
    assert running is not None
    assert running.attested == (passport.attestation if passport else "")
    return passport


def test_a_known_customer_is_attested_in_part(signing: World) -> None:
    """B: anybody may write any number into From; the called number is E.164 whatever the gateway gets."""
    passport = passport_of(signing)
    assert passport is not None
    assert (passport.attestation, passport.caller, passport.called) == ("B", CALLER, CALLED)
    signing.hang_up(signing.running()[0].hex, code=487)
    assert signing.last_cdr()["attested"] == "B"


def test_a_listed_number_is_attested_in_full(signing: World) -> None:
    """What the operator has written down for the trunk; also where it takes the place of what was said."""
    signing.trunk(1, CUSTOMER, caller_rule="listed", caller_numbers=[CALLER])
    assert passport_of(signing).attestation == "A"  # type: ignore[union-attr]
    signing.trunk(1, CUSTOMER, caller_rule="replace", caller_numbers=["442079460000"])
    passport = passport_of(signing)
    assert passport is not None
    assert (passport.attestation, passport.caller) == ("A", "442079460000")


def test_a_number_of_the_account_is_attested_in_full(signing: World) -> None:
    """Of another account it is not."""
    body = {"state": "active", "tariff": 0, "channels": 0, "ring_s": 5, "without_funds": "refuse", "places": []}
    signing.do("number", id=1, number=CALLER, account=LOWER, **body)
    assert passport_of(signing).attestation == "B"  # type: ignore[union-attr]
    signing.do("number", id=1, number=CALLER, account=CUSTOMER, **body)
    assert passport_of(signing).attestation == "A"  # type: ignore[union-attr]


def test_who_comes_by_a_trunk_of_others_calls_is_attested_as_unknown(signing: World) -> None:
    """C, whatever its number; a good signature of somebody who knows still goes on."""
    listed = {"caller_rule": "listed", "caller_numbers": [CALLER]}
    signing.trunk(1, CUSTOMER, attestation="gateway", identity="note", **listed)
    assert passport_of(signing).attestation == "C"  # type: ignore[union-attr]
    shown = Shown(CLAIMS._replace(issued_s=signing.now.wall_s), "")
    assert passport_of(signing, shown=shown).attestation == PASSED_ON  # type: ignore[union-attr]


def test_who_is_unknown_or_wants_to_be_is_not_signed(signing: World) -> None:
    """But to a trusted gateway; no number, no signature; nor where Kamailio can't."""
    assert passport_of(signing, is_private=True) is None
    assert passport_of(signing, caller="anonymous") is None
    signing.gateway(1, CARRIER, "127.0.0.11", signs=True, trusted=True)
    assert passport_of(signing, is_private=True) is not None
    signing.rooms.can_sign = False
    assert passport_of(signing) is None


def test_failing_over_signs_for_who_wants_it(signing: World) -> None:
    """Gateway 1 fails, 2 gets no signature, and the record says so."""
    admitted = signing.invite()
    assert isinstance(admitted, Admitted)
    target = fail_over(signing.rooms, admitted.call, 503, signing.now)
    assert target is not None
    assert (target.gateway, target.parties.passport) == (2, None)
    running = find(signing.rooms, admitted.call)
    assert running is not None
    assert (running.attestation, running.attested) == ("B", "")


def test_a_good_signature_goes_on(signing: World) -> None:
    """As it came, while the number is the same; a number that we put in its place is ours to sign."""
    signing.trunk(1, CUSTOMER, identity="note")
    shown = Shown(CLAIMS._replace(issued_s=signing.now.wall_s), "")
    assert passport_of(signing, shown=shown).attestation == PASSED_ON  # type: ignore[union-attr]
    assert {call.identity for call in signing.running()} == {"passed A"}
    signing.trunk(1, CUSTOMER, identity="note", caller_rule="replace", caller_numbers=["442079460000"])
    assert passport_of(signing, shown=shown).attestation == "A"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("rule", "shown", "code"),
    [
        ("refuse", Shown(CLAIMS._replace(caller="442079460000"), ""), 438),
        ("refuse", Shown(CLAIMS._replace(issued_s=NOW_S - 100), ""), 403),
        ("refuse", Shown(CLAIMS, "certificate"), 437),
        ("require", NOTHING_SHOWN, 428),
    ],
)
def test_a_wrong_signature_is_refused(signing: World, rule: str, shown: Shown, code: int) -> None:
    """By the trunk's setting, told to the caller; the record has the rule and what was wrong."""
    signing.trunk(1, CUSTOMER, identity=rule)
    refused = signing.invite(shown=shown)
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert refused.rule.startswith("identity_")
    assert signing.last_cdr()["rule"] == refused.rule
    signing.trunk(1, CUSTOMER, identity="note")
    assert isinstance(signing.invite(shown=shown), Admitted)


def test_an_emergency_call_is_never_refused_for_it(signing: World) -> None:
    """Whatever its signature."""
    signing.trunk(1, CUSTOMER, identity="require")
    signing.do("special", id=1, account=1, trunk=0, number="112", prefix=False, kind="emergency", plan=1)
    assert isinstance(signing.invite("112", shown=NOTHING_SHOWN), Admitted)


def test_a_call_from_outside_is_judged_by_its_gateway(signing: World) -> None:
    """For a number of ours."""
    place = {"kind": "uri", "uri": "sip:x@127.0.0.9"}
    body = {"state": "active", "tariff": 0, "channels": 0, "ring_s": 5, "without_funds": "refuse", "places": [place]}
    signing.do("number", id=1, number="44201", account=CUSTOMER, **body)
    good = Shown(CLAIMS._replace(called=("44201",), issued_s=signing.now.wall_s), "")
    signing.gateway(2, CARRIER, "127.0.0.12", identity="refuse")
    assert isinstance(signing.come_in(ip="127.0.0.12", shown=good), Admitted)
    assert signing.running()[0].identity == "passed A"
    wrong = signing.come_in(ip="127.0.0.12", shown=Shown(CLAIMS, ""))
    assert isinstance(wrong, Refused)
    assert (wrong.code, wrong.rule) == (438, "identity_invalid failed called")
