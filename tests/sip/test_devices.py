"""Devices: they sign in, register, call and hang up, and nobody else does in their name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.kemi.world import CUSTOMER, LOWER, ROOT
from tests.sip.agents import Agent
from tests.sip.calls import at_once, hang_up
from tests.sip.phones import Phone, challenge_of
from tests.sip.proxy import Proxy, eventually

CALLER, CALLEE = 101, 102


@pytest.fixture
def furnished(proxy: Proxy) -> Iterator[Proxy]:
    """The company with two devices of the customer's; afterwards there are none, so that strangers meet silence."""
    proxy.send(proxy.device_body(CALLER, CUSTOMER, caller_number="441632960001"), proxy.device_body(CALLEE, CUSTOMER))
    yield proxy
    proxy.send(*({"do": "device_gone", "id": one} for one in (CALLER, CALLEE)))


Phones = Callable[..., Phone]


@pytest.fixture
def phone(furnished: Proxy, agent: Callable[..., Agent]) -> Phones:
    """Makes telephones on addresses that no trunk has."""
    return lambda ip="127.0.0.51", user="d101", **fields: Phone(agent(ip, 0), user=user, **fields)


def places(proxy: Proxy, device: int) -> list[str]:
    """The contacts of a device."""
    return [one.contact for one in proxy.look(lambda snapshot: list(snapshot.locations())) if one.device == device]


def test_a_device_registers_and_goes(furnished: Proxy, phone: Phones) -> None:
    """401, 200 with its contact; expires 0 takes it out."""
    one = phone()
    answer = one.register()
    assert answer.code == 200
    assert f"<{one.contact}>" in answer.header("Contact")
    assert places(furnished, CALLER) == [one.contact]
    assert one.register(expires=0).code == 200
    assert places(furnished, CALLER) == []


def test_a_wrong_password_and_an_unknown_name_hear_the_same(furnished: Proxy, phone: Phones) -> None:
    """The same code and text; neither is registered."""
    answers = []
    for one in (phone("127.0.0.52", password="guess"), phone("127.0.0.53", user="nobody")):
        answer = one.register()
        answers.append((answer.first_line, sorted(challenge_of(answer).keys() - {"nonce"}), len(answer.text)))
    assert answers[0][:2] == answers[1][:2]
    assert answers[0][0] == "SIP/2.0 401 Unauthorized"
    assert "stale" not in answers[0][1]
    assert places(furnished, CALLER) == []


def test_a_nonce_is_good_for_one_request(furnished: Proxy, phone: Phones) -> None:
    """The same credentials again: challenged, as stale, and nothing changes."""
    one = phone()
    proof = one.credentials(one.challenged(), "REGISTER", "sip:kambill")
    assert one.ask(one.register_text(Authorization=proof)).code == 200
    again = one.ask(one.register_text(expires=0, Authorization=proof))
    assert again.code == 401
    assert challenge_of(again)["stale"] == "true"
    assert places(furnished, CALLER) == [one.contact]


def test_the_same_register_again_is_a_retransmission(furnished: Proxy, phone: Phones) -> None:
    """Its answer was lost: it gets the same one, though its nonce is used up."""
    one = phone()
    proof = one.credentials(one.challenged(), "REGISTER", "sip:kambill")
    text = one.register_text(Authorization=proof)
    assert [one.ask(text).code, one.ask(text).code] == [200, 200]


def test_a_nonce_belongs_to_the_address_that_it_was_sent_to(furnished: Proxy, phone: Phones) -> None:
    """Right credentials with somebody else's nonce are a challenge, and no failure of anybody's."""
    proof = phone().credentials(phone().challenged(), "REGISTER", "sip:kambill")
    other = phone("127.0.0.54")
    answer = other.ask(other.register_text(Authorization=proof))
    assert (answer.code, "stale" in challenge_of(answer)) == (401, False)
    assert places(furnished, CALLER) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"algorithm": "SHA-256"},
        {"realm": "elsewhere"},
        {"qop": "auth-int"},
        {"nc": "00000002"},
        {"nonce": "00" * 32},
        {"username": "d102"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_credentials_that_are_not_as_asked_register_nobody(
    furnished: Proxy, phone: Phones, wrong: dict[str, str]
) -> None:
    """Another algorithm, realm, quality, count, nonce or name: challenged anew."""
    one = phone("127.0.0.55")
    proof = one.credentials(one.challenged(), "REGISTER", "sip:kambill", **wrong)
    code = one.ask(one.register_text(Authorization=proof)).code
    assert code == (403 if "username" in wrong else 401)  # d102's password is the same: it may not register d101
    assert places(furnished, CALLER) == []


def test_credentials_for_another_request_are_refused(furnished: Proxy, phone: Phones) -> None:
    """RFC 7616 3.4.6: 400."""
    one = phone()
    proof = one.credentials(one.challenged(), "REGISTER", "sip:elsewhere")
    assert one.ask(one.register_text(Authorization=proof)).code == 400


def test_sha_256_where_it_is_set_and_then_no_md5(furnished: Proxy, phone: Phones) -> None:
    """One algorithm for all; the weaker one is no way in."""
    furnished.send({"do": "settings", "digest": "SHA-256"})
    try:
        one = phone("127.0.0.56")
        challenge = one.challenged()
        assert challenge["algorithm"] == "SHA-256"
        weak = one.credentials(challenge | {"algorithm": "MD5"}, "REGISTER", "sip:kambill")
        assert one.ask(one.register_text(Authorization=weak)).code == 401
        assert one.register().code == 200
    finally:
        furnished.send({"do": "settings"})


def test_five_failures_lock_a_name_out_from_one_address_only(furnished: Proxy, phone: Phones) -> None:
    """403 from there, even with the right password; the same name signs in from elsewhere, another one from there."""
    good = phone("127.0.0.57")
    assert good.register().code == 200
    bad = phone("127.0.0.58", password="guess")
    assert [bad.register().code for _ in range(5)] == [401] * 5
    bad.password = "secret"
    assert bad.register().code == 403
    assert good.register().code == 200
    assert phone("127.0.0.58", user="d102").register().code == 200


def test_what_a_register_may_ask(furnished: Proxy, phone: Phones) -> None:
    """Too brief: 423 with the least; several contacts by q; too many: 403 and nothing changes; star: all are gone."""
    one = phone()
    brief = one.register(expires=5)
    assert (brief.code, brief.header("Min-Expires")) == (423, "60")
    two = f"<{one.contact}>;q=0.5, <sip:desk@192.0.2.7>;q=0.9;expires=100"
    answer = one.register(two)
    assert [contact.split(";")[1] for contact in answer.headers("Contact")] == ["q=0.9", "q=0.5"]
    many = ", ".join(f"<sip:{number}@192.0.2.7>" for number in range(5))
    assert one.register(many).code == 403
    assert len(places(furnished, CALLER)) == 2
    assert one.register("*", expires=600).code == 400
    assert one.register("*", expires=0).code == 200
    assert places(furnished, CALLER) == []


def test_a_device_registers_nobody_else(furnished: Proxy, phone: Phones) -> None:
    """Its own name only."""
    assert phone().register(to="d102").code == 403
    assert places(furnished, CALLEE) == []


def test_a_device_that_is_suspended_or_gone_is_nowhere(furnished: Proxy, phone: Phones) -> None:
    """Its places go with the command; it can't come back."""
    one = phone("127.0.0.59")
    assert one.register().code == 200
    furnished.send(furnished.device_body(CALLER, CUSTOMER, state="suspended"))
    assert places(furnished, CALLER) == []
    assert one.register().first_line == "SIP/2.0 403 Device inactive"
    furnished.send({"do": "device_gone", "id": CALLER})
    assert one.register().code == 401


PROOF = 'Digest username="d101", realm="kambill", nonce="0", uri="sip:x", response="0", qop=auth, nc=1, cnonce="c"'


def test_a_call_of_a_device_is_priced_held_and_charged(furnished: Proxy, phone: Phones, gateway: Agent) -> None:
    """407, then as any call: the tariffs of every level, the device in the record, its number to the carrier."""
    one = phone()
    call = one.dial("0033123")
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    assert "Proxy-Authorization" not in invite.text
    assert "d101" not in invite.header("From")
    assert "sip:441632960001@" in invite.header("From")
    assert not invite.headers("P-Asserted-Identity")
    gateway.reply(invite, 180, "Ringing", tag="to1")
    gateway.reply(invite, 200, "OK", tag="to1")
    answer = one.agent.expect(200, Call_ID=call.call_id)
    assert "sip:d101@" in answer.header("From")
    call.take(answer)
    call.ack(Proxy_Authorization=PROOF)  # RFC 3261 22.3: that of its INVITE
    assert "Proxy-Authorization" not in gateway.expect("ACK", Call_ID=call.call_id).text
    call.request("INFO", Authorization=PROOF, Proxy_Authorization=PROOF)
    info = gateway.expect("INFO", Call_ID=call.call_id)
    assert "Authorization" not in info.text
    gateway.reply(info, 200, "OK")
    one.agent.expect(200, CSeq="INFO")
    hang_up(call, gateway)
    cdr = furnished.cdr(call.call_id)
    assert (cdr["outcome"], cdr["device"], cdr["trunk"], cdr["account"]) == ("answered", CALLER, 0, CUSTOMER)
    assert cdr["caller"] == "441632960001"
    assert cdr["charges"][0]["account"] == CUSTOMER
    assert cdr["charges"][0]["micros"] > 0
    assert furnished.account(CUSTOMER).held == 0


def test_a_telephone_behind_a_nat_hears_the_bye(furnished: Proxy, phone: Phones, gateway: Agent) -> None:
    """Its Contact is of its own network: the carrier gets the address that it sends from, and a BYE reaches it."""
    one = phone()
    call = one.dial("0033123", Contact="<sip:d101@192.168.1.7:5060>")
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    assert invite.contact == f"sip:441632960001@{one.agent.ip}:{one.agent.port}"
    gateway.reply(invite, 200, "OK", tag="to2")
    call.take(one.agent.expect(200, Call_ID=call.call_id))
    call.ack()
    gateway.expect("ACK", Call_ID=call.call_id)
    running = eventually(furnished.running)[0]
    furnished.send({"do": "cut", "call": running.hex, "by": "test"})
    bye = one.agent.expect("BYE")
    assert bye.uri == f"sip:d101@{one.agent.ip}:{one.agent.port}"
    one.agent.reply(bye, 200, "OK")
    gateway.reply(gateway.expect("BYE"), 200, "OK")


def test_a_call_without_the_password_goes_nowhere(furnished: Proxy, phone: Phones, gateway: Agent) -> None:
    """Challenged again, the same for a name that nobody has; nothing is held, nothing reaches the gateway."""
    for one in (phone("127.0.0.60", password="guess"), phone("127.0.0.61", user="nobody")):
        call = one.dial("0033123")
        again = one.agent.expect(407, Call_ID=call.call_id, CSeq="2 INVITE")
        assert again.first_line == "SIP/2.0 407 Proxy Authentication Required"
        gateway.expect_silence(call.call_id)
    assert furnished.account(CUSTOMER).held == 0


def test_a_device_calls_no_longer_than_it_may(furnished: Proxy, phone: Phones, gateway: Agent) -> None:
    """Its longest call is in the grant; its channels are its own."""
    furnished.send(furnished.device_body(CALLER, CUSTOMER, call_max_s=7, channels=1))
    one = phone()
    call = one.dial("0033123")
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    second = one.dial("0033123")
    assert one.agent.expect_final(second.call_id).code == 503
    gateway.reply(invite, 200, "OK", tag="to3")
    call.take(one.agent.expect(200, Call_ID=call.call_id))
    call.ack()
    gateway.expect("ACK", Call_ID=call.call_id)
    assert [running.grant_s for running in furnished.running()] == [7]
    hang_up(call, gateway)
    assert furnished.cdr(second.call_id)["rule"] == "device_limit"


def test_a_device_begins_no_more_calls_a_second_than_it_may(furnished: Proxy, phone: Phones, gateway: Agent) -> None:
    """Two: the third at once is refused, of whichever place and whatever became of the first two; a second later it
    calls again. After half of one there is room for one more.
    """
    furnished.send(furnished.device_body(CALLER, CUSTOMER, cps=2))
    one = phone()
    (first, second, third), invite = at_once(lambda: one.dial("0033123"), 3, 0.4, gateway)
    ringing = (first, invite), (second, gateway.expect("INVITE", Call_ID=second.call_id))
    assert one.agent.expect_final(third.call_id).first_line == "SIP/2.0 503 Temporarily unavailable"
    for call, invite in ringing:
        gateway.reply(invite, 486, "Busy Here", tag="to")
        assert one.agent.expect_final(call.call_id).code == 486
    gateway.expect_silence(third.call_id, 1)
    cdr = furnished.cdr(third.call_id)
    assert (cdr["rule"], cdr["device"], cdr["refused_by"], cdr["charges"]) == ("device_limit", CALLER, CUSTOMER, [])
    later = one.dial("0033123")
    gateway.reply(gateway.expect("INVITE", Call_ID=later.call_id), 486, "Busy Here", tag="to")
    assert one.agent.expect_final(later.call_id).code == 486


def test_nobody_else_ends_a_devices_call(furnished: Proxy, phone: Phones, gateway: Agent, caller: Agent) -> None:
    """A BYE with the right tags from another address: 481, and the call goes on."""
    one = phone()
    call = one.dial("0033123")
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    gateway.reply(invite, 200, "OK", tag="to4")
    call.take(one.agent.expect(200, Call_ID=call.call_id))
    call.ack()
    gateway.expect("ACK", Call_ID=call.call_id)
    own, call.agent = call.agent, caller
    call.request("BYE")
    caller.expect(481, CSeq="BYE")
    call.agent = own
    hang_up(call, gateway)
    assert furnished.cdr(call.call_id)["ended_by"] == "caller"


def test_a_stranger_who_asks_something_else_hears_nothing(furnished: Proxy, agent: Callable[..., Agent]) -> None:
    """OPTIONS from nowhere: silence, as where there are no devices."""
    stranger = agent("127.0.0.62")
    one = Phone(stranger)
    stranger.send(one.register_text().replace("REGISTER", "OPTIONS"))
    stranger.expect_silence(one.call_id, 0.3)


NASTY = {
    "bytes that are no text in the credentials": (b"cnonce=", b"cnonce=\xff"),
    "bytes that are no text in the Contact": (b"Contact: <sip:", b"Contact: <sip:\xff"),
    "bytes that are no text in the To": (b"To: <sip:", b"To: <sip:\xff"),
    "bytes that are no text in the Call-ID": (b"Call-ID: ", b"Call-ID: \xff"),
    "an open quote": (b'username="', b'username=""'),
    "a thousand parameters": (b"Digest ", b"Digest " + b"x=1, " * 1000),
    "sixty Contacts": (b"Contact: ", b"Contact: " + b"<sip:a@192.0.2.1>, " * 60),
    "sixty Authorizations": (b"Authorization: ", b"Authorization: Digest x\r\n" * 60 + b"Authorization: "),
    "a Contact of quotes": (b"Contact: <", b'Contact: "' + b'\\"' * 300 + b"<"),
    "a high CSeq": (b"CSeq: 2 ", b"CSeq: 4294967295 "),
    "an Expires that is none": (b"Expires: 600", b"Expires: " + b"9" * 500),
    "a To of somebody with a long name": (b"To: <sip:d101", b"To: <sip:" + b"d" * 1000),
    "an extension that nobody knows": (b"Expires: ", b"Require: timer\r\nRequire: nosuch\r\nExpires: "),
    "no Call-ID": (b"Call-ID: reg", b"X-Call-ID: reg"),
    "an escaped line break": (b"To: <sip:d101", b"To: <sip:d101%0d%0aX-Evil:%201"),
}


@pytest.mark.parametrize(("there", "instead"), NASTY.values(), ids=NASTY)
def test_what_nobody_should_send_registers_nobody(
    furnished: Proxy, phone: Phones, there: bytes, instead: bytes
) -> None:
    """With right credentials for all else: no fault (the fixture looks), nothing kept, and the next one registers."""
    one = phone("127.0.0.63")
    proof = one.credentials(one.challenged(), "REGISTER", "sip:kambill")
    raw = one.register_text(Authorization=proof).encode()
    assert there in raw
    one.agent.send(raw.replace(there, instead, 1))
    while (answer := one.agent.receive(0.3)) is not None:
        assert answer.code != 200
    assert places(furnished, CALLER) == []
    assert phone("127.0.0.64").register().code == 200


def test_a_route_by_us_is_none_and_any_other_is_refused(furnished: Proxy, phone: Phones, gateway: Agent) -> None:
    """Telephones with an outbound proxy say so in each INVITE; nobody says where it goes beyond."""
    ours = f"<sip:{furnished.ip}:{furnished.port};lr>"
    one = phone()
    call = one.dial("0033123", Route=ours)
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    assert invite.header("Route") == ""
    gateway.reply(invite, 486, "Busy Here", tag="busy")
    assert one.agent.expect_final(call.call_id).code == 486
    other = one.dial("0033123", Route=f"{ours}, <sip:127.0.0.98:5060;lr>")
    assert one.agent.expect_final(other.call_id).code == 403


def test_the_way_to_a_telephone_is_kept_open(furnished: Proxy, phone: Phones) -> None:
    """OPTIONS to the place, from where it registered, 25 s after that; its answer goes nowhere."""
    one = phone("127.0.0.65")
    registered = one.register("<sip:d101@192.168.1.7:5060>")
    assert registered.code == 200
    options = one.agent.expect("OPTIONS", 60)
    assert 20 < options.at - registered.at < 28
    assert (options.uri, options.source) == ("sip:d101@192.168.1.7:5060", (furnished.ip, furnished.port))
    one.agent.reply(options, 200, "OK")
    assert one.register(expires=0).code == 200


def test_an_emergency_call_of_a_device(furnished: Proxy, phone: Phones, gateway: Agent) -> None:
    """Its account is suspended and has no money: it signs in, and the carrier gets 112 of the device's number."""
    furnished.send(
        {"do": "special", "id": 1, "account": ROOT, "trunk": 0, "plan": 1, "number": "112", "prefix": False}
        | {"kind": "emergency"},
        {"do": "credit", "account": CUSTOMER, "micros": -furnished.account(CUSTOMER).balance},
        furnished.account_body(CUSTOMER, parent=LOWER, state="suspended"),
    )
    one = phone()
    call = one.dial("112")
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    assert invite.uri.startswith("sip:112@")
    assert "sip:441632960001@" in invite.header("From")
    gateway.reply(invite, 200, "OK", tag="to9")
    call.take(one.agent.expect(200, Call_ID=call.call_id))
    call.ack()
    gateway.expect("ACK", Call_ID=call.call_id)
    hang_up(call, gateway)
    cdr = furnished.cdr(call.call_id)
    assert (cdr["kind"], cdr["device"], cdr["outcome"], cdr["charges"]) == ("emergency", CALLER, "answered", [])
    furnished.send({"do": "special_gone", "id": 1})


def test_a_device_that_wants_to_stay_unknown(furnished: Proxy, phone: Phones, gateway: Agent) -> None:
    """The carrier is asked to tell nobody, and isn't told itself; the device hears its own name."""
    one = phone()
    call = one.dial("0033123", Privacy="id")
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    assert "<sip:anonymous@anonymous.invalid>" in invite.header("From")
    assert invite.contact == f"sip:anonymous@{one.agent.ip}:{one.agent.port}"
    assert (invite.headers("P-Asserted-Identity"), invite.header("Privacy")) == ([], "id")
    gateway.reply(invite, 486, "Busy Here", tag="to10")
    final = one.agent.expect_final(call.call_id)
    assert (final.code, "sip:d101@" in final.header("From")) == (486, True)
    call.to_tag = final.tag("To")
    call.ack()
