"""Who calls: what the trunk's rules allow, and what a gateway is told of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kemi.authorize import Admitted
from kemi.caller import UNKNOWN, masked, user_of, wants_privacy
from kemi.failover import fail_over
from kemi.notes import Sent, invite_cseq, is_answered_by, is_word
from tests.kemi.test_translate import tell
from tests.kemi.world import CARRIER, CUSTOMER, World

LISTED = ["441632960001", "441632960002"]


def said(world: World, **fields: Any) -> Admitted:
    """A call that was admitted."""
    admitted = world.invite(**fields)
    assert isinstance(admitted, Admitted), admitted
    return admitted


@pytest.mark.parametrize(
    ("rule", "sent", "number"),
    [
        ("pass", "01632960005", "441632960005"),
        ("pass", "+33155", "33155"),
        ("pass", "alice", ""),
        ("pass", "", ""),
        ("listed", "00441632960002", "441632960002"),
        ("listed", "441632960003", "441632960001"),
        ("listed", "44163296000", "441632960001"),
        ("listed", "alice", "441632960001"),
        ("replace", "441632960002", "441632960001"),
        ("replace", "", "441632960001"),
    ],
)
def test_the_trunk_says_who_may_call(world: World, rule: str, sent: str, number: str) -> None:
    """As it is sent, one of a list, or always the same; both forms are recorded."""
    world.trunk(1, CUSTOMER, caller_rule=rule, caller_numbers=LISTED if rule != "pass" else [])
    admitted = said(world, caller=sent)
    (running,) = world.running()
    assert (running.caller, running.caller_sent) == (number, sent)
    assert admitted.target.parties.from_uri == (f"sip:{number}@127.0.0.1" if number else UNKNOWN)
    assert admitted.target.parties.asserted == ""


def test_an_asserted_identity_counts_from_a_trusted_trunk_only(world: World) -> None:
    """And the list counts for it too."""
    said(world, asserted="+33199")
    assert world.running()[-1].caller == "441632960000"
    world.trunk(1, CUSTOMER, trusted=True)
    said(world, asserted="+33199")
    assert "33199" in {one.caller for one in world.running()}
    world.trunk(1, CUSTOMER, trusted=True, caller_rule="listed", caller_numbers=LISTED)
    said(world, asserted="+33198")
    assert "441632960001" in {one.caller for one in world.running()}


@pytest.mark.parametrize(
    ("trusted", "private", "from_uri", "asserted"),
    [
        (False, False, "sip:+441632960000@127.0.0.1", ""),
        (False, True, UNKNOWN, ""),
        (True, False, "sip:+441632960000@127.0.0.1", "sip:+441632960000@127.0.0.1"),
        (True, True, UNKNOWN, "sip:+441632960000@127.0.0.1"),
    ],
)
def test_who_wants_to_stay_unknown_is_told_to_trusted_gateways_only(
    world: World, trusted: bool, private: bool, from_uri: str, asserted: str
) -> None:
    """RFC 3325: asserted to who is trusted, and marked."""
    world.gateway(1, CARRIER, "127.0.0.11", trusted=trusted, number_format="plus")
    parties = said(world, is_private=private).target.parties
    assert (parties.from_uri, parties.asserted, parties.is_private) == (from_uri, asserted, private)
    user = "anonymous" if private else "+441632960000"
    assert (parties.contact, parties.to_uri) == (f"sip:{user}@127.0.0.2:5060", "sip:+33123@127.0.0.11")


def test_the_next_gateway_is_told_in_its_own_way(world: World) -> None:
    """Privacy, rules and trust are looked at anew; the record of the call follows."""
    world.gateway(2, CARRIER, "127.0.0.12", trusted=True)
    tell(world, 1, CARRIER, "caller", gateway=2, prefix="44", strip=2, prepend="0")
    call = said(world, is_private=True).call
    target = fail_over(world.rooms, call, 503, world.now)
    assert target is not None
    assert target.parties.asserted == "sip:01632960000@127.0.0.1"
    assert target.parties.is_private
    (running,) = world.running()
    assert (running.sent_from, running.sent_to) == (UNKNOWN, "sip:33123@127.0.0.12")


def test_a_caller_of_whom_a_rule_leaves_nothing_is_unknown(world: World) -> None:
    """Rather than a header that is none."""
    tell(world, 1, CARRIER, "caller", gateway=1, prefix="44", prepend="1" * 32)
    assert said(world).target.parties.from_uri == UNKNOWN


@pytest.mark.parametrize(
    ("uri", "user"),
    [
        ("sip:+44207@host;user=phone", "+44207"),
        ("sips:alice:secret@host", "alice"),
        ("sip:44207;isub=1@host", "44207"),
        ("tel:+44-207.1(2);ext=5", "+4420712"),
        ("sip:host", ""),
        ("mailto:a@b", ""),
        ("", ""),
    ],
)
def test_the_user_of_a_uri(uri: str, user: str) -> None:
    """SIP and tel."""
    assert user_of(uri) == user


@pytest.mark.parametrize(
    ("privacy", "user", "host", "private"),
    [
        ("id", "44", "h", True),
        ("header;id;critical", "44", "h", True),
        ("USER", "44", "h", True),
        ("none", "44", "h", False),
        ("session", "44", "h", False),
        ("", "Anonymous", "h", True),
        ("", "44", "anonymous.invalid", True),
        ("", "44", "h", False),
        ("identity", "44", "h", False),
    ],
)
def test_what_asks_for_privacy(privacy: str, user: str, host: str, private: bool) -> None:
    """RFC 3323's words, and a From that says nothing."""
    assert wants_privacy(privacy, user, host) is private


@given(
    st.text(st.characters(codec="ascii", exclude_characters="@:"), max_size=20),
    st.sampled_from(["h", "[::1]:5060;x=y"]),
)
def test_a_masked_contact_leads_to_the_same_place(user: str, host: str) -> None:
    """Only the user is another one."""
    assert masked(f"sip:{user}@{host}", "sip:44@us") == f"sip:44@{host}"
    assert masked(f"sip:{host}", "sip:44@us") == f"sip:44@{host}"


def test_what_was_sent_is_noted_and_read() -> None:
    """Words of a note."""
    sent = Sent("f1", "sip:1@h", "sip:2@h", 7)
    assert Sent.from_note(sent.to_note()) == sent
    assert Sent.from_note("") is None
    assert (invite_cseq(sent.to_note()), invite_cseq("")) == (7, 0)
    replies = [("f1", 7), ("f1", 8), ("f", 7), ("f2", 7)]
    assert [is_answered_by(sent.to_note(), *reply) for reply in replies] == [True, False, False, False]
    assert is_answered_by("", "f1", 7)
    assert is_word(sent.from_uri)
