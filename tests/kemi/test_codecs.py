"""Codecs of an offer: which gateways take it, and what each gets of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kemi.authorize import Admitted, Refused
from kemi.codecs import fits, limited
from kemi.failover import fail_over
from kemi.running import find
from tests.kemi.world import CARRIER, World

PAYLOADS = {"0": "PCMU", "3": "GSM", "8": "PCMA", "9": "G722", "18": "G729"}
HEAD = "v=0\r\no=u 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
OFFER = (
    f"{HEAD}m=audio 4000 RTP/AVP 0 8 111 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:111 opus/48000/2\r\n"
    "a=fmtp:111 useinbandfec=1\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n"
)


def test_codecs_stand_in_the_gateways_order() -> None:
    """By static number, by rtpmap, whatever their capitals; keys that are pressed stay, and stand last."""
    assert limited(("OPUS", "PCMA"), OFFER) == (
        f"{HEAD}m=audio 4000 RTP/AVP 111 8 101\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n"
        "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n"
    )


def test_a_number_that_an_rtpmap_names_is_what_it_says() -> None:
    """96 is nothing by itself; nor is a dynamic number that nobody names."""
    offer = f"{HEAD}m=audio 4000 RTP/AVP 96 97\r\na=rtpmap:96 G722/8000\r\n"
    assert fits(("G722",), offer)
    assert "RTP/AVP 96\r\n" in limited(("G722",), offer)
    assert not fits(("PCMU",), offer)


def test_an_offer_of_others_does_not_fit() -> None:
    """Keys alone are no speech."""
    assert not fits(("G729",), OFFER)
    assert not fits(("TELEPHONE-EVEN",), OFFER)
    assert fits(("G729", "PCMU"), OFFER)


@pytest.mark.parametrize("sdp", ["", HEAD, HEAD + "m=image 4000 udptl t38\r\n", HEAD + "m=audio 0 RTP/AVP 0\r\n"])
def test_where_no_audio_is_offered_nothing_is_judged(sdp: str) -> None:
    """A late offer, fax, a stream that is off: it fits, and stays as it is."""
    assert fits(("G729",), sdp)
    assert limited(("PCMU",), sdp) == sdp


def test_other_streams_stay_and_one_without_a_codec_is_switched_off() -> None:
    """Port 0 (RFC 3264); attributes of a stream are its own."""
    video = "m=video 4002 RTP/AVP 0 99\r\na=rtpmap:99 H264/90000\r\n"
    second = "m=audio 4004 RTP/SAVP 18\r\n"
    got = limited(("PCMA",), OFFER + video + second)
    assert video in got
    assert "m=audio 0 RTP/SAVP 18\r\n" in got
    assert "m=audio 4000 RTP/AVP 8 101\r\n" in got


@given(st.text(alphabet="m=audio 0189 RTP/AVP\r\na=rtpmap:PCMU", max_size=120), st.sampled_from(["PCMU", "PCMA"]))
def test_no_text_is_too_odd(text: str, codec: str) -> None:
    """Never an exception; what is done once is done."""
    once = limited((codec,), text)
    assert limited((codec,), once) == once
    assert fits((codec,), text) in {True, False}


@given(st.lists(st.sampled_from([*PAYLOADS]), min_size=1, unique=True), st.permutations(["PCMU", "G729"]))
def test_only_wanted_codecs_are_left(payloads: list[str], wanted: list[str]) -> None:
    """In the wanted order, each that was offered."""
    offer = f"{HEAD}m=audio 4000 RTP/AVP {' '.join(payloads)}\r\n"
    expected = [one for name in wanted for one in payloads if PAYLOADS[one] == name]
    assert fits(wanted, offer) == bool(expected)
    (line,) = re.findall(r"m=audio (\d+) RTP/AVP ([0-9 ]+)", limited(wanted, offer))
    assert line == (("4000", " ".join(expected)) if expected else ("0", " ".join(payloads)))


def test_a_gateway_that_takes_no_codec_of_the_offer_is_passed_over(world: World) -> None:
    """The cheapest takes G729 alone: the next one gets the call, when failing over too; a late offer fits."""
    world.gateway(1, CARRIER, "127.0.0.11", codecs=["G729"])
    admitted = world.invite(offer=lambda: OFFER)
    assert isinstance(admitted, Admitted)
    assert (admitted.target.gateway, admitted.target.parties.codecs) == (2, ())
    target = fail_over(world.rooms, admitted.call, 503, world.now, 0, lambda: OFFER)
    assert target is not None
    assert target.gateway == 3
    late = world.invite()
    assert isinstance(late, Admitted)
    assert (late.target.gateway, late.target.parties.codecs) == (1, ("G729",))


def test_where_no_gateway_takes_the_offer_there_is_no_route(world: World) -> None:
    """503, nothing held; an offer is read only where somebody wants to know."""
    for number in (1, 2, 3):
        world.gateway(number, CARRIER, f"127.0.0.1{number}", codecs=["G729"])
    refused = world.invite(offer=lambda: OFFER)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.rule) == (503, "route")
    assert world.running() == []
    for number in (1, 2, 3):
        world.gateway(number, CARRIER, f"127.0.0.1{number}")

    def unasked() -> str:
        raise AssertionError("nobody needs it")

    admitted = world.invite(offer=unasked)
    assert isinstance(admitted, Admitted)
    assert find(world.rooms, admitted.call) is not None
