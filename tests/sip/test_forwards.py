"""Redirections of telephones and trunks on the wire: who forwards makes another call and pays it, or nobody goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.kemi.world import CUSTOMER, EURO, LOWER, UPPER
from tests.sip.agents import Agent, Call, Message
from tests.sip.calls import answer, cancel, hang_up
from tests.sip.phones import Phone
from tests.sip.proxy import Proxy, eventually
from tests.sip.test_hygiene import NO_TEXT
from tests.sip.test_numbers import micros, pick_up

OWNER, BOB, CARL = 7, 111, 112
NUMBER, OTHER = "442079460111", "442079460112"


@pytest.fixture
def house(proxy: Proxy) -> Iterator[Proxy]:
    """Bob and Carl, devices of an account of its own, have a number each; Bob may forward."""
    proxy.send(
        proxy.account_body(OWNER, parent=1, tariff=UPPER),
        {"do": "credit", "account": OWNER, "micros": 1000 * EURO},
        proxy.device_body(BOB, OWNER, forwards=True),
        proxy.device_body(CARL, OWNER),
        proxy.number_body(1, NUMBER, OWNER, {"kind": "device", "id": BOB}),
        proxy.number_body(2, OTHER, OWNER, {"kind": "device", "id": CARL}),
    )
    yield proxy
    proxy.send(
        {"do": "credit", "account": OWNER, "micros": -proxy.account(OWNER).balance},
        *({"do": "number_gone", "id": one} for one in (1, 2)),
        *({"do": "device_gone", "id": one} for one in (BOB, CARL)),
    )


@pytest.fixture
def bob(house: Proxy, agent: Callable[..., Agent]) -> Phone:
    """Registered."""
    phone = Phone(agent("127.0.0.72", 0), user=f"d{BOB}")
    assert phone.register().code == 200
    return phone


@pytest.fixture
def carl(house: Proxy, agent: Callable[..., Agent]) -> Phone:
    """Registered."""
    phone = Phone(agent("127.0.0.73", 0), user=f"d{CARL}")
    assert phone.register().code == 200
    return phone


def dial(caller: Agent, bob: Phone, to: str, code: int = 302) -> Call:
    """The customer's switch calls Bob's number, who sends it elsewhere."""
    call = Call(caller, f"00{NUMBER}")
    call.invite()
    redirect(bob, bob.agent.expect("INVITE", Call_ID=call.call_id), to, code)
    return call


def redirect(phone: Phone, invite: Message, to: str, code: int = 302) -> None:
    """A telephone answers so."""
    phone.agent.reply(invite, 180, "Ringing", tag="fwd")
    phone.agent.reply(invite, code, "Moved", tag="fwd", Contact=f"<{to}>")
    phone.agent.expect("ACK", Call_ID=invite.header("Call-ID"))


def test_who_forwards_out_pays_for_that_call(house: Proxy, caller: Agent, gateway: Agent, bob: Phone) -> None:
    """Two records of one dialog: the caller's price of the number, and the owner's price of the call out."""
    call = dial(caller, bob, "sip:0033123@kambill")
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    assert invite.uri.startswith("sip:33123@")
    assert [(house.account(one).held, house.account(one).channels) for one in (CUSTOMER, OWNER)] == [
        (10_000, 1),
        (4_000, 1),
    ]
    back = pick_up(caller, call, gateway, invite)
    back.request("INFO")
    caller.reply(caller.expect("INFO", Call_ID=call.call_id), 200, "OK")
    gateway.expect(200, CSeq="INFO")
    call.request("INFO")
    gateway.reply(gateway.expect("INFO", Call_ID=call.call_id), 200, "OK")
    caller.expect(200, CSeq="INFO")
    back.bye()
    caller.reply(caller.expect("BYE", Call_ID=call.call_id), 200, "OK")
    bob.agent.expect_nothing("BYE", 0.2, Call_ID=call.call_id)
    cdrs = {cdr["account"]: cdr for cdr in eventually(lambda: two(house, call))}
    seconds = -(-cdrs[OWNER]["duration_ms"] // 1000)
    assert micros(cdrs[CUSTOMER]) == {CUSTOMER: seconds * 1000, LOWER: seconds * 500, UPPER: seconds * 400}
    assert micros(cdrs[OWNER]) == {OWNER: seconds * 400}
    assert (cdrs[CUSTOMER]["gateway"], cdrs[OWNER]["gateway"], cdrs[OWNER]["device"]) == (0, 1, BOB)
    assert cdrs[OWNER]["cost"]["micros"] == seconds * 200
    assert [attempt[1] for attempt in cdrs[CUSTOMER]["attempts"]] == [302, 200]
    assert {(house.account(one).held, house.account(one).channels) for one in (CUSTOMER, OWNER)} == {(0, 0)}


def two(house: Proxy, call: Call) -> list[dict[str, object]]:
    """Both records, as soon as they are there."""
    found = house.cdrs(call.call_id)
    return found if len(found) == 2 else []


def test_a_private_caller_stays_so(house: Proxy, caller: Agent, gateway: Agent, bob: Phone) -> None:
    """Neither Bob nor the gateway is told who calls; the records say that it is nobody's of those to know."""
    call = Call(caller, f"00{NUMBER}")
    call.invite(Privacy="id")
    there = bob.agent.expect("INVITE", Call_ID=call.call_id)
    redirect(bob, there, "sip:0033123@kambill")
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    for one in (there, invite):
        assert "anonymous" in one.header("From")
        assert "441632960000" not in one.text
    gateway.reply(invite, 486, "Busy", tag="g")
    assert caller.expect_final(call.call_id).code == 486
    cdrs = {cdr["account"]: cdr for cdr in eventually(lambda: two(house, call))}
    assert {one: (cdrs[one]["private"], cdrs[one]["forwarded"]) for one in cdrs} == {
        CUSTOMER: (True, False),
        OWNER: (True, True),
    }


def test_a_call_from_outside_is_forwarded_to_a_telephone(house: Proxy, gateway: Agent, bob: Phone, carl: Phone) -> None:
    """Bob sends the carrier's call to Carl's number; given up while it rings, both calls are over."""
    call = Call(gateway, f"+{NUMBER}")
    call.invite()
    redirect(bob, bob.agent.expect("INVITE", Call_ID=call.call_id), f"sip:+{OTHER}@{house.ip}:{house.port}")
    invite = carl.agent.expect("INVITE", Call_ID=call.call_id)
    assert len(house.running()) == 2
    carl.agent.reply(invite, 180, "Ringing", tag="c")
    gateway.expect(180, Call_ID=call.call_id)
    cancel(call)
    carl.agent.reply(carl.agent.expect("CANCEL", Call_ID=call.call_id), 200, "OK")
    carl.agent.reply(invite, 487, "Request Terminated", tag="c")
    eventually(lambda: house.running() == [])
    assert [cdr["outcome"] for cdr in eventually(lambda: two(house, call))] == ["cancelled"] * 2


@pytest.mark.parametrize("to", ["sip:0044900@127.0.0.98", f"sip:+{NUMBER}@kambill", "sip:nobody@kambill"])
def test_nobody_goes_elsewhere_or_in_circles(
    house: Proxy, caller: Agent, gateway: Agent, bob: Phone, agent: Callable[..., Agent], to: str
) -> None:
    """A foreign host, the number itself, nobody: 503, nothing reaches anybody, nothing is held."""
    elsewhere = agent("127.0.0.98", 5060)
    call = dial(caller, bob, to)
    assert caller.expect_final(call.call_id).code == 503
    for one in (elsewhere, gateway, bob.agent):
        one.expect_silence(call.call_id, 0.05)
    eventually(lambda: house.running() == [])
    assert house.account(CUSTOMER).held == house.account(OWNER).held == 0


def test_who_may_not_forward(house: Proxy, caller: Agent, gateway: Agent, carl: Phone) -> None:
    """A telephone without the setting: 503, and no leg."""
    call = Call(caller, f"00{OTHER}")
    call.invite()
    redirect(carl, carl.agent.expect("INVITE", Call_ID=call.call_id), "sip:0033123@kambill")
    assert caller.expect_final(call.call_id).code == 503
    gateway.expect_silence(call.call_id)
    assert [cdr["outcome"] for cdr in house.cdrs(call.call_id)] == ["failed"]


def test_who_forwards_without_money_is_refused(house: Proxy, caller: Agent, gateway: Agent, bob: Phone) -> None:
    """Its own record says 402; the caller hears 503 and pays nothing."""
    house.send({"do": "credit", "account": OWNER, "micros": -house.account(OWNER).balance})
    call = dial(caller, bob, "sip:0033123@kambill")
    assert caller.expect_final(call.call_id).code == 503
    gateway.expect_silence(call.call_id)
    cdrs = {cdr["account"]: cdr for cdr in eventually(lambda: two(house, call))}
    assert (cdrs[OWNER]["rule"], cdrs[OWNER]["sip_code"]) == ("funds", 402)
    assert micros(cdrs[CUSTOMER]) == dict.fromkeys((CUSTOMER, LOWER, UPPER), 0)


def test_a_contact_that_costs_too_much_is_passed_over(
    house: Proxy, caller: Agent, gateway: Agent, bob: Phone, carl: Phone
) -> None:
    """Bob names a number that he has no money for, and, as the worse place, Carl, who is free: Carl rings."""
    house.send({"do": "credit", "account": OWNER, "micros": -house.account(OWNER).balance})
    call = Call(caller, f"00{NUMBER}")
    call.invite()
    invite = bob.agent.expect("INVITE", Call_ID=call.call_id)
    contacts = f"<sip:d{CARL}@kambill>;q=0.2, <sip:0033123@kambill>;q=0.9"
    bob.agent.reply(invite, 302, "Moved", tag="fwd", Contact=contacts)
    bob.agent.expect("ACK", Call_ID=call.call_id)
    pick_up(caller, call, carl.agent, carl.agent.expect("INVITE", Call_ID=call.call_id))
    gateway.expect_silence(call.call_id)
    call.bye()
    carl.agent.reply(carl.agent.expect("BYE", Call_ID=call.call_id), 200, "OK")
    cdrs = eventually(lambda: found if len(found := house.cdrs(call.call_id)) == 3 else None)
    told = sorted((cdr["account"], cdr["outcome"], cdr["rule"]) for cdr in cdrs)
    assert told == [(CUSTOMER, "answered", ""), (OWNER, "answered", ""), (OWNER, "refused", "funds")]


def test_a_forward_without_money_goes_to_the_next_place(
    house: Proxy, caller: Agent, gateway: Agent, bob: Phone, carl: Phone
) -> None:
    """The number leads to Bob and then to Carl: he rings, answers, and only the caller pays."""
    places = [{"kind": "device", "id": one} for one in (BOB, CARL)]
    house.send(house.number_body(1, NUMBER, OWNER, *places))
    house.send({"do": "credit", "account": OWNER, "micros": -house.account(OWNER).balance})
    call = dial(caller, bob, "sip:0033123@kambill")
    pick_up(caller, call, carl.agent, carl.agent.expect("INVITE", Call_ID=call.call_id))
    gateway.expect_silence(call.call_id)
    call.bye()
    carl.agent.reply(carl.agent.expect("BYE", Call_ID=call.call_id), 200, "OK")
    cdrs = {cdr["account"]: cdr for cdr in eventually(lambda: two(house, call))}
    seconds = -(-cdrs[CUSTOMER]["duration_ms"] // 1000)
    assert micros(cdrs[CUSTOMER]) == {CUSTOMER: seconds * 1000, LOWER: seconds * 500, UPPER: seconds * 400}
    assert [attempt[1] for attempt in cdrs[CUSTOMER]["attempts"]] == [302, 200]
    assert (cdrs[OWNER]["rule"], cdrs[OWNER]["sip_code"]) == ("funds", 402)


@pytest.mark.parametrize("code", [503, 486])
def test_a_forward_that_fails_goes_to_the_next_place(
    house: Proxy, caller: Agent, gateway: Agent, bob: Phone, carl: Phone, agent: Callable[..., Agent], code: int
) -> None:
    """It rings at the last gateway, and fails there: Carl rings, answers, and Bob pays nothing."""
    places = [{"kind": "device", "id": one} for one in (BOB, CARL)]
    house.send(house.number_body(1, NUMBER, OWNER, *places))
    others = [agent(f"127.0.0.1{last}", 5060) for last in (2, 3)] if code == 503 else []
    call = dial(caller, bob, "sip:0033123@kambill")
    for one in (gateway, *others):
        invite = one.expect("INVITE", Call_ID=call.call_id)
        one.reply(invite, 180, "Ringing", tag="g")
        one.reply(invite, code, "No", tag="g")
    invite = carl.agent.expect("INVITE", Call_ID=call.call_id)
    assert (house.account(OWNER).held, house.account(CUSTOMER).held) == (0, 10_000)
    pick_up(caller, call, carl.agent, invite)
    call.request("INFO")
    carl.agent.reply(carl.agent.expect("INFO", Call_ID=call.call_id), 200, "OK")
    caller.expect(200, CSeq="INFO")
    call.bye()
    carl.agent.reply(carl.agent.expect("BYE", Call_ID=call.call_id), 200, "OK")
    cdrs = {cdr["account"]: cdr for cdr in eventually(lambda: two(house, call))}
    seconds = -(-cdrs[CUSTOMER]["duration_ms"] // 1000)
    assert micros(cdrs[CUSTOMER]) == {CUSTOMER: seconds * 1000, LOWER: seconds * 500, UPPER: seconds * 400}
    assert [attempt[1] for attempt in cdrs[CUSTOMER]["attempts"]] == [302, code, 200]
    assert (cdrs[OWNER]["outcome"], cdrs[OWNER]["sip_code"], micros(cdrs[OWNER])) == ("failed", code, {OWNER: 0})
    assert {(house.account(one).held, house.account(one).channels) for one in (CUSTOMER, OWNER)} == {(0, 0)}


def test_a_forward_that_fails_is_given_up_at_the_next_place(
    house: Proxy, caller: Agent, gateway: Agent, bob: Phone, carl: Phone
) -> None:
    """CANCEL while Carl rings: he stops, and both records are there, free."""
    places = [{"kind": "device", "id": one} for one in (BOB, CARL)]
    house.send(house.number_body(1, NUMBER, OWNER, *places))
    call = dial(caller, bob, "sip:0033123@kambill")
    gateway.reply(gateway.expect("INVITE", Call_ID=call.call_id), 486, "Busy", tag="g")
    invite = carl.agent.expect("INVITE", Call_ID=call.call_id)
    carl.agent.reply(invite, 180, "Ringing", tag="c")
    caller.expect(180, Call_ID=call.call_id)
    cancel(call)
    carl.agent.reply(carl.agent.expect("CANCEL", Call_ID=call.call_id), 200, "OK")
    carl.agent.reply(invite, 487, "Request Terminated", tag="c")
    eventually(lambda: house.running() == [])
    outcomes = {cdr["account"]: cdr["outcome"] for cdr in eventually(lambda: two(house, call))}
    assert outcomes == {CUSTOMER: "cancelled", OWNER: "failed"}


def test_a_trunk_forwards_and_its_gateway_fails_over(
    house: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """A PBX with a number; the first gateway is out of order, the second one's answer is everybody's."""
    pbx, second = agent("127.0.0.76", 5060), agent("127.0.0.12", 5060)
    trunk = house.trunk_body(21, OWNER, networks=["127.0.0.76/32"], forwards=True)
    house.send(trunk, house.number_body(1, NUMBER, OWNER, {"kind": "trunk", "id": 21}))
    call = Call(caller, f"00{NUMBER}")
    call.invite()
    invite = pbx.expect("INVITE", Call_ID=call.call_id)
    pbx.reply(invite, 302, "Moved", tag="p", Contact="<tel:+33-123>")
    gateway.reply(gateway.expect("INVITE", Call_ID=call.call_id), 503, "Full", tag="g")
    pick_up(caller, call, second, second.expect("INVITE", Call_ID=call.call_id))
    call.bye()
    second.reply(second.expect("BYE", Call_ID=call.call_id), 200, "OK")
    cdrs = {cdr["account"]: cdr for cdr in eventually(lambda: two(house, call))}
    assert [attempt[:2] for attempt in cdrs[OWNER]["attempts"]] == [[1, 503], [2, 200]]
    assert (cdrs[OWNER]["trunk"], cdrs[CUSTOMER]["trunk"]) == (21, 1)
    house.send({"do": "trunk_gone", "id": 21})


def test_nobody_forwards_in_anothers_name(
    house: Proxy, caller: Agent, gateway: Agent, bob: Phone, agent: Callable[..., Agent]
) -> None:
    """A caller that knows what tm makes branches of would have Bob pay for where it wants to go."""
    call = Call(caller, f"00{NUMBER}")
    call.invite()
    invite = bob.agent.expect("INVITE", Call_ID=call.call_id)
    for forger in (caller, agent("127.0.0.99")):
        for server in ("any", NO_TEXT):
            forged = bob.agent.reply_text(invite, 302, "Moved", tag="f", Contact="<sip:0033123@kambill>", Server=server)
            forger.send(forged.encode("latin-1"))
    gateway.expect_silence(call.call_id, 0.3)
    bob.agent.reply(invite, 486, "Busy Here", tag="fwd")
    assert caller.expect_final(call.call_id).code == 486
    assert [cdr["account"] for cdr in house.cdrs(call.call_id)] == [CUSTOMER]


def test_nor_in_that_of_another_call(
    house: Proxy, caller: Agent, gateway: Agent, bob: Phone, agent: Callable[..., Agent]
) -> None:
    """Its answer names another From-tag, or the tags of a call that has the same Call-ID and is answered."""
    first, _ = answer(caller, gateway)
    call = Call(caller, f"00{NUMBER}", call_id=first.call_id)
    call.invite()
    invite = bob.agent.expect("INVITE", Call_ID=call.call_id)
    forged = bob.agent.reply_text(invite, 302, "Moved", tag="f", Contact="<sip:0033123@kambill>")
    caller.send(forged.replace(f";tag={call.from_tag}", ";tag=another"))
    caller.send(forged.replace("CSeq: 1", "CSeq: 2"))
    gateway.expect_nothing("INVITE", 0.3)
    assert not house.account(OWNER).held
    forged = forged.replace(f";tag={call.from_tag}", f";tag={first.from_tag}")
    caller.send(forged.replace(";tag=f\r", f";tag={first.to_tag}\r"))
    assert caller.expect_final(call.call_id).code == 503
    gateway.expect_nothing("INVITE", 0.3)
    assert [cdr["account"] for cdr in house.cdrs(call.call_id)] == [CUSTOMER]
    hang_up(first, gateway)
