"""What is seen of a message's headers at one look, by which others are not asked for at all."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kemi.store.headers import OURS, PASSED, passed_with
from tests.kemi import fake_ksr
from tests.kemi.fake_ksr import FakeKsr

fake_ksr.stand_in()

from kemi import guards, sip  # noqa: E402 -- they import KSR
from kemi.sip import header  # noqa: E402 -- likewise

MANY = [f"X-{number}: x" for number in range(header.ONE_BY_ONE_MAX + 1)]


@pytest.fixture
def ksr(monkeypatch: pytest.MonkeyPatch) -> FakeKsr:
    """The module of one test."""
    fake = FakeKsr()
    fake_ksr.put(monkeypatch, fake)
    return fake


def _seen(ksr: FakeKsr, text: str | None) -> sip.Seen:
    ksr.pv_values["$msg(hdrs)"] = text
    return sip.seen()


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Route: <sip:a;lr>", "route"),
        ("ROUTE: <sip:a;lr>", "route"),
        ("Route : <sip:a;lr>", "route"),
        ("rOuTe\t: <sip:a;lr>", "route"),
        ("r: <sip:a>", "refer-to"),
        ("y: x", "identity"),
        ("B: <sip:a>", "referred-by"),
        ("m: <sip:a>", "contact"),
        ("REPLACES: 1;to-tag=2;from-tag=3", "replaces"),
        ("p-asserted-IDENTITY: <sip:a>", "p-asserted-identity"),
    ],
)
def test_a_header_is_seen_however_its_name_is_written(ksr: FakeKsr, line: str, name: str) -> None:
    """Kamailio takes all of these for the same header."""
    for text in (f"Via: x\r\n{line}\r\nTo: y", f"{line}\r\n", f"Via: x\n{line}"):
        assert name in _seen(ksr, text).names


def test_what_is_not_there_is_not_seen(ksr: FakeKsr) -> None:
    """Names that stand in another name, or in a body, are no headers."""
    seen = _seen(ksr, "X-Route: a\r\nTo: <sip:route:1@a>\r\nSubject: Replaces: 7\r\n")
    assert seen.names[:3] == ["x-route", "to", "subject"]
    assert not {guards.REPLACES, guards.JOIN, "route"} & set(seen.names)


def test_each_header_counts_and_a_folded_line_at_most_too_often(ksr: FakeKsr) -> None:
    """Two Contacts are two; what goes on in the next line may be taken for one more, which only costs a question."""
    assert _seen(ksr, "Contact: <sip:a>\r\nm: <sip:b>\r\n").names.count("contact") == 2
    assert _seen(ksr, "Subject: x\r\n Contact: <sip:a>\r\nContact: <sip:b>\r\n").names.count("contact") == 2


def test_bodies_are_kamailios_and_nobody_is_asked_for_what_is_not_there(ksr: FakeKsr) -> None:
    """One Contact is asked for once, a missing Route never."""
    ksr.headers = {"Contact": ["<sip:a>"]}
    seen = sip.seen()
    assert (seen.bodies("Contact"), seen.bodies("Route"), seen.text("Require")) == (["<sip:a>"], [], "")


@pytest.mark.parametrize("text", ["Via: a\r\nTo: \x0b", "Via: a\rTo: b", "Via: a\r\nTo: \x00", "Via: \x7f", "", None])
def test_a_message_with_control_characters_or_unreadable_headers_is_not_clean(ksr: FakeKsr, text: str | None) -> None:
    """A lone CR is one too."""
    assert not _seen(ksr, text).is_clean


@pytest.mark.parametrize("text", ["Via: a\r\nTo: b", "Via: a\nTo: b\tc", "Subject: \u00a0\u00fc\u4e2d\r\n\tx"])
def test_tabs_line_ends_and_letters_of_all_languages_are_clean(ksr: FakeKsr, text: str) -> None:
    """What is clean by the slow look is clean by the quick one."""
    assert _seen(ksr, text).is_clean


@given(st.text(st.sampled_from("ab:\r\n\t\x00\x1f\x7f \u00a0"), min_size=1))
def test_the_quick_look_never_lets_more_pass_than_the_slow_one(text: str) -> None:
    """The quick one may only say yes where the slow one does."""
    if text.replace("\r\n", "").isprintable():
        assert header._CONTROLS.search(text) is None


@pytest.mark.parametrize("line", ["Identity: x", "y: x", "REMOTE-party-id: <sip:a>", "r: <sip:a>", "X-Unheard-Of:"])
def test_what_is_not_passed_on_is_taken_out_by_its_name_as_it_is_written(ksr: FakeKsr, line: str) -> None:
    """Once, however often it stands there."""
    sip.keep_headers(_seen(ksr, f"Via: x\r\n{line}\r\nk: timer\r\n{line}\r\n"), PASSED)
    assert ksr.calls == [("hdr.remove", line.partition(":")[0])]


@pytest.mark.parametrize("lines", ["Via: x\r\nTo: y\r\nk: timer\r\n", "SUPPORTED : timer\r\nx: 90\r\n"])
def test_a_message_that_has_nothing_else_is_left_alone(ksr: FakeKsr, lines: str) -> None:
    """Nothing is asked of Kamailio then."""
    sip.keep_headers(_seen(ksr, lines), PASSED)
    assert ksr.calls == []


@pytest.mark.parametrize(
    "lines", ["X-Blank : x", "Via: x\r\n and: y", f"{'x' * 65}: y", "\r\n".join(MANY), "X-\u00fc: y"]
)
def test_names_that_kamailio_would_not_know_again_go_by_what_is_kept(ksr: FakeKsr, lines: str) -> None:
    """So do very many: one look for all of them."""
    sip.keep_headers(_seen(ksr, f"Via: x\r\n{lines}\r\n"), PASSED | {"x.y"})
    ((expression,),) = ksr.called("textopsx.keep_hf_re")
    kept = re.compile(expression, re.IGNORECASE).match
    assert all(map(kept, ("Via", "supported", "K", "Content-Length", "l", "Session-Expires ", "x.y")))
    assert not any(map(kept, ("X-Via", "Via-x", "Subject", "s", "xzy", "Identity", "y", "")))
    assert ksr.called("hdr.remove") == []


def test_no_setting_passes_what_we_say_ourselves() -> None:
    """Names count in any case; what isn't ours is added to what must pass."""
    assert passed_with(["X-Tenant", "p-ASSERTED-identity", "Authorization"]) == PASSED | {"x-tenant"}
    assert not PASSED & OURS


_ASKED = sip.question("$rU", "$si", "$hdr(Contact)", "$dlg_var(ring)", "$tt")


def test_what_is_asked_together_is_what_each_says_alone(ksr: FakeKsr) -> None:
    """What isn't there is empty, numbers are text; Kamailio is asked once, and once more for what has none."""
    ksr.pv_values = {"$rU": "33123", "$si": "127.0.0.2", "$tt": 7}
    assert sip.texts(_ASKED) == ["33123", "127.0.0.2", "", "", "7"]
    del ksr.pv_values["$tt"]
    assert sip.texts(_ASKED) == ["33123", "127.0.0.2", "", "", ""]


@pytest.mark.parametrize("said", ["a\x1fb", "<null>", "\x1f<null>\x1f"])
def test_no_text_of_a_sender_moves_the_others(ksr: FakeKsr, said: str) -> None:
    """Neither the separator, nor what Kamailio writes for nothing."""
    ksr.pv_values = {"$rU": said, "$si": "127.0.0.2", "$tt": "t"}
    assert sip.texts(_ASKED) == [said, "127.0.0.2", "", "", "t"]


def test_what_is_no_text_is_told_as_by_each_alone(ksr: FakeKsr) -> None:
    """A question that has it raises; one that doesn't is answered."""
    ksr.pv_values = {"$rU": b"\xff", "$si": "127.0.0.2"}
    with pytest.raises(UnicodeDecodeError):
        sip.texts(_ASKED)
    assert sip.texts(sip.question("$si", "$tt")) == ["127.0.0.2", ""]


def test_an_answer_too_long_for_kamailio_is_asked_for_in_parts(ksr: FakeKsr) -> None:
    """It says nothing then."""
    ksr.pv_values = {"$rU": "33123", "$si": "127.0.0.2", "$tt": "t", "$dlg_var(ring)": "5"}
    ksr.headers = {"Contact": ["<sip:a>"]}
    ksr.limit = 10
    assert sip.texts(_ASKED) == ["33123", "127.0.0.2", "<sip:a>", "5", "t"]


@pytest.mark.parametrize(
    ("bodies", "uris"),
    [
        (["<sip:a;lr>"], ("sip:a;lr",)),
        (["<sip:a>, <sip:b>"], ("sip:a", "sip:b")),
        (["sip:a;q=1"], ("sip:a",)),
        (["<null>"], ("null",)),
        (["<sip:a>", "<sip:b>"], ("sip:a", "sip:b")),
        ([], ()),
    ],
)
def test_uris_are_those_of_all_headers_of_a_name(ksr: FakeKsr, bodies: list[str], uris: tuple[str, ...]) -> None:
    """Whether the first body is all there is, or not."""
    ksr.headers = {"Contact": bodies}
    (first,) = sip.texts(sip.question("$hdr(Contact)"))
    assert sip.seen().uris("Contact", first) == uris
    assert sip.uris(sip.headers("Contact")) == uris
