"""Calls to somebody of ours: device to device, numbers with their lists, who pays what for being called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.kemi.world import CUSTOMER, EURO, LOWER, UPPER, terms
from tests.sip.agents import Agent, Call, Message
from tests.sip.calls import at_once, cancel
from tests.sip.phones import Phone
from tests.sip.proxy import Proxy, eventually

ANN, BOB, CAROL = 111, 112, 113
NUMBER, INBOUND = "442079460111", 9


@pytest.fixture
def furnished(proxy: Proxy) -> Iterator[Proxy]:
    """Ann and Bob are the customer's devices, Carol the upper reseller's own; 60 cents a minute for being called."""
    proxy.send(
        proxy.device_body(ANN, CUSTOMER),
        proxy.device_body(BOB, CUSTOMER),
        proxy.device_body(CAROL, UPPER),
        proxy.tariff_body(INBOUND, {"44": terms("0.60", 1, 1)}),
    )
    yield proxy
    proxy.send(
        *({"do": "number_gone", "id": one} for one in (1, 2)),
        *({"do": "device_gone", "id": one} for one in (ANN, BOB, CAROL)),
        {"do": "settings"},
    )


Phones = Callable[..., Phone]


@pytest.fixture
def phone(furnished: Proxy, agent: Callable[..., Agent]) -> Phones:
    """Makes registered telephones."""

    def make(ip: str, device: int, **fields: Any) -> Phone:
        made = Phone(agent(ip, 0), user=f"d{device}", **fields)
        assert made.register().code == 200
        return made

    return make


def lead(proxy: Proxy, *places: dict[str, Any], **fields: Any) -> None:
    """Where calls to the number go."""
    proxy.send(proxy.number_body(1, NUMBER, fields.pop("account", CUSTOMER), *places, **fields))


def pick_up(caller: Agent, call: Call, callee: Agent, invite: Message) -> Call:
    """The callee answers; the caller acknowledges. The callee's end, as a caller back."""
    callee.reply(invite, 180, "Ringing", tag="called")
    callee.reply(invite, 200, "OK", tag="called")
    call.take(caller.expect(200, Call_ID=call.call_id))
    call.ack()
    callee.expect("ACK", Call_ID=call.call_id)
    back = Call(callee, call.number, call_id=call.call_id, from_tag="called", cseq=100)
    back.to_tag, back.target = call.from_tag, invite.contact
    back.routes = tuple(reversed(call.routes))
    return back


def dial(caller: Agent, number: str) -> Call:
    """An INVITE on its way."""
    call = Call(caller, number)
    call.invite()
    return call


def give_up(call: Call, callee: Agent, invite: Message) -> None:
    """It rings, the caller gives up, the callee hears it."""
    callee.reply(invite, 180, "Ringing", tag="called")
    call.agent.expect(180, Call_ID=call.call_id)
    cancel(call)
    callee.reply(callee.expect("CANCEL", Call_ID=call.call_id), 200, "OK")
    callee.reply(invite, 487, "Request Terminated", tag="called")


def micros(cdr: dict[str, Any]) -> dict[int, int]:
    """Charges by account."""
    return {row["account"]: row["micros"] for row in cdr["charges"]}


def test_two_devices_call_each_other_by_name(furnished: Proxy, phone: Phones) -> None:
    """Free, both ways; the one behind a NAT is reached where it registered from, and hears the BYE there."""
    ann = phone("127.0.0.71", ANN)
    bob = phone("127.0.0.72", BOB, contact="sip:d112@192.168.1.9:5060")
    call = ann.dial("d112")
    invite = bob.agent.expect("INVITE", Call_ID=call.call_id)
    assert invite.uri == bob.contact
    assert "sip:d111@" in invite.header("From")
    bob.agent.reply(invite, 180, "Ringing", tag="b", Contact=f"<{bob.contact}>")
    bob.agent.reply(invite, 200, "OK", tag="b", Contact=f"<{bob.contact}>")
    answer = ann.agent.expect(200, Call_ID=call.call_id)
    assert answer.contact == f"sip:d112@{bob.agent.ip}:{bob.agent.port}"
    call.take(answer)
    call.ack()
    bob.agent.expect("ACK", Call_ID=call.call_id)
    ann.agent.reply(invite_back(bob.agent, call, invite, ann.agent), 200, "OK")
    call.bye()
    bye = bob.agent.expect("BYE", Call_ID=call.call_id)
    bob.agent.reply(bye, 200, "OK")
    cdr = furnished.cdr(call.call_id)
    assert (cdr["outcome"], cdr["device"], cdr["to_device"], cdr["gateway"]) == ("answered", ANN, BOB, 0)
    assert micros(cdr) == {}
    assert furnished.account(CUSTOMER).channels == 0


def invite_back(bob: Agent, call: Call, invite: Message, ann: Agent) -> Message:
    """Bob's re-INVITE, with the address of his own network again, as it reaches Ann."""
    back = Call(bob, call.number, call_id=call.call_id, from_tag="b", cseq=100)
    back.to_tag, back.target, back.routes = call.from_tag, invite.contact, tuple(reversed(call.routes))
    back.request("INVITE", Contact="<sip:d112@192.168.1.9:5060>")
    there = ann.expect("INVITE", Call_ID=call.call_id)
    assert there.contact == f"sip:d112@{bob.ip}:{bob.port}"
    return there


def test_no_name_of_another_tree_is_called(furnished: Proxy, phone: Phones) -> None:
    """Nor one that nobody has: the same answer. Carol's account stands above Ann's, so that they share a seller."""
    ann, carol = phone("127.0.0.71", ANN), phone("127.0.0.73", CAROL)
    furnished.send(furnished.account_body(7, parent=1), furnished.device_body(114, 7))
    answers = []
    for name in ("d114", "nobody"):
        call = ann.dial(name)
        answers.append(ann.agent.expect_final(call.call_id).first_line)
    assert answers == ["SIP/2.0 400 Not a telephone number"] * 2
    call = ann.dial("d113")
    give_up(call, carol.agent, carol.agent.expect("INVITE", Call_ID=call.call_id))
    furnished.send({"do": "device_gone", "id": 114})


def test_a_device_that_is_not_there_is_away(furnished: Proxy, phone: Phones) -> None:
    """480, with a record."""
    ann = phone("127.0.0.71", ANN)
    call = ann.dial("d112")
    assert ann.agent.expect_final(call.call_id).code == 480
    assert furnished.cdr(call.call_id)["rule"] == "away"


def test_places_of_a_device_are_tried_by_rank(furnished: Proxy, phone: Phones, agent: Callable[..., Agent]) -> None:
    """The highest q first; busy there, then the next one."""
    ann = phone("127.0.0.71", ANN)
    desk, cell = phone("127.0.0.74", BOB), phone("127.0.0.75", BOB)
    assert desk.register(f"<{desk.contact}>;q=0.9").code == 200
    assert cell.register(f"<{cell.contact}>;q=0.4").code == 200
    call = ann.dial("d112")
    desk.agent.reply(desk.agent.expect("INVITE", Call_ID=call.call_id), 486, "Busy Here", tag="desk")
    pick_up(ann.agent, call, cell.agent, cell.agent.expect("INVITE", Call_ID=call.call_id))
    call.bye()
    cell.agent.reply(cell.agent.expect("BYE", Call_ID=call.call_id), 200, "OK")
    assert [attempt[1] for attempt in furnished.cdr(call.call_id)["attempts"]] == [486, 200]


def test_a_number_is_called_from_outside_at_its_own_price(furnished: Proxy, phone: Phones, gateway: Agent) -> None:
    """A carrier's INVITE: the owner and all above it pay its tariff, held and settled; no carrier is owed."""
    bob = phone("127.0.0.72", BOB)
    lead(furnished, {"kind": "device", "id": BOB}, tariff=INBOUND)
    before = furnished.account(CUSTOMER).balance
    call = Call(gateway, f"+{NUMBER}", from_user="+33123")
    call.invite()
    invite = bob.agent.expect("INVITE", Call_ID=call.call_id)
    assert furnished.account(CUSTOMER).held == 100_000  # ten seconds
    back = pick_up(gateway, call, bob.agent, invite)
    back.bye()
    gateway.reply(gateway.expect("BYE", Call_ID=call.call_id), 200, "OK")
    cdr = furnished.cdr(call.call_id)
    assert (cdr["trunk"], cdr["device"], cdr["entrance"], cdr["number"], cdr["to_device"]) == (0, 0, 1, 1, BOB)
    assert (cdr["account"], cdr["ended_by"], cdr["cost"]) == (CUSTOMER, "callee", None)
    billed_s = -(-cdr["duration_ms"] // 1000)
    assert micros(cdr) == dict.fromkeys((CUSTOMER, LOWER, UPPER), billed_s * 10_000)
    after = furnished.account(CUSTOMER)
    assert (before - after.balance, after.held, after.channels) == (billed_s * 10_000, 0, 0)


def test_a_number_fails_over_from_device_to_trunk_to_uri(
    furnished: Proxy, phone: Phones, gateway: Agent, caller: Agent, agent: Callable[..., Agent]
) -> None:
    """Busy at the device, silence at the trunk, answered at the URI."""
    bob = phone("127.0.0.72", BOB)
    pbx, last = agent("127.0.0.76", 5060), agent("127.0.0.77", 5060)
    furnished.send(furnished.trunk_body(21, CUSTOMER, networks=["127.0.0.76/32"]))
    places = [{"kind": "device", "id": BOB}, {"kind": "trunk", "id": 21}, {"kind": "uri", "uri": "sip:box@127.0.0.77"}]
    lead(furnished, *places, tariff=INBOUND)
    call = Call(gateway, NUMBER)
    call.invite()
    bob.agent.reply(bob.agent.expect("INVITE", Call_ID=call.call_id), 486, "Busy Here", tag="bob")
    at_trunk = pbx.expect("INVITE", Call_ID=call.call_id)
    assert at_trunk.uri == f"sip:{NUMBER}@127.0.0.76:5060"
    invite = last.expect("INVITE", Call_ID=call.call_id)
    assert invite.uri == "sip:box@127.0.0.77"
    pick_up(gateway, call, last, invite)
    call.bye()
    last.reply(last.expect("BYE", Call_ID=call.call_id), 200, "OK")
    cdr = furnished.cdr(call.call_id)
    assert [attempt[1] for attempt in cdr["attempts"]] == [486, 408, 200]
    assert list(micros(cdr)) == [CUSTOMER, LOWER, UPPER]
    furnished.send({"do": "trunk_gone", "id": 21})


def test_a_place_that_answers_calls_is_no_flood(furnished: Proxy, gateway: Agent, agent: Callable[..., Agent]) -> None:
    """It sends more than a stranger may, and isn't banned: calls for the number go on. A stranger is."""
    place, stranger = agent("127.0.0.77", 5060), agent("127.0.0.177", 5060)
    lead(furnished, {"kind": "uri", "uri": "sip:box@127.0.0.77"})
    for _ in range(2):
        call = Call(gateway, NUMBER)
        call.invite()
        pick_up(gateway, call, place, place.expect("INVITE", Call_ID=call.call_id))
        call.bye()
        place.reply(place.expect("BYE", Call_ID=call.call_id), 200, "OK")
        for sender in (place, stranger):
            for _ in range(150):
                sender.send(Call(sender, NUMBER).text("OPTIONS"))
        eventually(lambda: stranger.ip in banned(furnished))
    assert place.ip not in banned(furnished)
    furnished.send({"do": "lift", "network": stranger.ip})


def banned(proxy: Proxy) -> set[str]:
    """Of the journal."""
    return {line["network"] for line in proxy.journal() if line["e"] == "banned"}


def test_an_owner_without_money_is_called_or_not_as_its_number_says(
    furnished: Proxy, phone: Phones, gateway: Agent
) -> None:
    """Refused: 503, the rule in the record. Allowed: it comes in, and nothing is charged."""
    bob = phone("127.0.0.72", BOB)
    furnished.send({"do": "credit", "account": CUSTOMER, "micros": -furnished.account(CUSTOMER).balance})
    lead(furnished, {"kind": "device", "id": BOB}, tariff=INBOUND)
    call = Call(gateway, NUMBER)
    call.invite()
    assert gateway.expect_final(call.call_id).code == 503
    assert furnished.cdr(call.call_id)["rule"] == "owner_funds"
    bob.agent.expect_silence(call.call_id)
    lead(furnished, {"kind": "device", "id": BOB}, tariff=INBOUND, without_funds="allow")
    call = Call(gateway, NUMBER)
    call.invite()
    pick_up(gateway, call, bob.agent, bob.agent.expect("INVITE", Call_ID=call.call_id))
    call.bye()
    bob.agent.reply(bob.agent.expect("BYE", Call_ID=call.call_id), 200, "OK")
    assert micros(furnished.cdr(call.call_id)) == {}
    assert furnished.account(CUSTOMER).balance == 0


def test_a_number_has_its_own_channels(furnished: Proxy, phone: Phones, gateway: Agent) -> None:
    """One call at once; the second is refused, the third comes when the first has ended."""
    bob = phone("127.0.0.72", BOB)
    lead(furnished, {"kind": "device", "id": BOB}, channels=1)
    first, second = Call(gateway, NUMBER), Call(gateway, NUMBER)
    first.invite()
    invite = bob.agent.expect("INVITE", Call_ID=first.call_id)
    second.invite()
    assert gateway.expect_final(second.call_id).code == 503
    assert furnished.cdr(second.call_id)["rule"] == "number_limit"
    give_up(first, bob.agent, invite)
    eventually(lambda: furnished.running() == [])
    third = Call(gateway, NUMBER)
    third.invite()
    give_up(third, bob.agent, bob.agent.expect("INVITE", Call_ID=third.call_id))


def test_a_number_has_its_own_calls_a_second(furnished: Proxy, phone: Phones, gateway: Agent) -> None:
    """One: the second within it is refused, whatever became of the first; later it rings."""
    bob = phone("127.0.0.72", BOB)
    lead(furnished, {"kind": "device", "id": BOB}, cps=1)
    (first, second), invite = at_once(lambda: dial(gateway, NUMBER), 2, 0.8, bob.agent)
    assert gateway.expect_final(second.call_id).first_line == "SIP/2.0 503 Temporarily unavailable"
    give_up(first, bob.agent, invite)
    cdr = furnished.cdr(second.call_id)
    assert (cdr["rule"], cdr["refused_by"], cdr["charges"]) == ("number_limit", CUSTOMER, [])
    bob.agent.expect_silence(second.call_id, 1)
    third = dial(gateway, NUMBER)
    give_up(third, bob.agent, bob.agent.expect("INVITE", Call_ID=third.call_id))


def test_nobody_has_the_number_or_it_is_suspended(furnished: Proxy, phone: Phones, gateway: Agent) -> None:
    """404 to the carrier; a suspended owner's is nobody's."""
    phone("127.0.0.72", BOB)
    lead(furnished, {"kind": "device", "id": BOB}, state="suspended")
    for number in (NUMBER, "442079460999"):
        call = Call(gateway, number)
        call.invite()
        assert gateway.expect_final(call.call_id).code == 404
    lead(furnished, {"kind": "device", "id": BOB})
    furnished.send(furnished.account_body(LOWER, parent=UPPER, state="suspended"))
    call = Call(gateway, NUMBER)
    call.invite()
    assert gateway.expect_final(call.call_id).code == 404


def test_who_calls_a_number_of_ours_pays_the_price_of_it_unless_that_is_free(
    furnished: Proxy, phone: Phones, caller: Agent, gateway: Agent
) -> None:
    """From a customer's trunk to a number of the upper reseller's: every level of the caller's; by setting, nobody."""
    carol = phone("127.0.0.73", CAROL)
    lead(furnished, {"kind": "device", "id": CAROL}, account=UPPER, tariff=INBOUND)
    for settings, payers in (({}, {CUSTOMER, LOWER, UPPER}), ({"on_net_free": True}, set())):
        furnished.send({"do": "settings", **settings})
        call = Call(caller, f"00{NUMBER}")
        call.invite()
        pick_up(caller, call, carol.agent, carol.agent.expect("INVITE", Call_ID=call.call_id))
        call.bye()
        carol.agent.reply(carol.agent.expect("BYE", Call_ID=call.call_id), 200, "OK")
        cdr = furnished.cdr(call.call_id)
        assert set(micros(cdr)) == payers
        assert (cdr["gateway"], cdr["cost"], cdr["number"]) == (0, None, 1)
        gateway.expect_silence(call.call_id, 0)


def test_an_owner_elsewhere_pays_beside_the_caller(furnished: Proxy, phone: Phones, caller: Agent) -> None:
    """Two who have nothing to do with each other: each its own, one call, nothing left on hold."""
    furnished.send(
        furnished.account_body(7, parent=1),
        {"do": "credit", "account": 7, "micros": EURO},
        furnished.device_body(114, 7),
    )
    owner = phone("127.0.0.78", 114)
    lead(furnished, {"kind": "device", "id": 114}, account=7, tariff=INBOUND)
    call = Call(caller, f"00{NUMBER}")
    call.invite()
    invite = owner.agent.expect("INVITE", Call_ID=call.call_id)
    assert furnished.account(7).held == 100_000
    pick_up(caller, call, owner.agent, invite)
    call.bye()
    owner.agent.reply(owner.agent.expect("BYE", Call_ID=call.call_id), 200, "OK")
    charged = micros(furnished.cdr(call.call_id))
    assert set(charged) == {CUSTOMER, LOWER, UPPER, 7}
    seven = furnished.account(7)
    assert (seven.balance, seven.held, seven.channels) == (EURO - charged[7], 0, 0)
    furnished.send({"do": "device_gone", "id": 114})


def test_kamailio_says_where_it_listens(furnished: Proxy) -> None:
    """So that no number is led there (`service.peers.numbers_api`)."""
    expected = {f"udp:127.0.0.1:{furnished.port}", f"udp:::1:{furnished.port}"}
    eventually(lambda: set(furnished.look(lambda snapshot: snapshot.sockets)) == expected)


def test_only_the_device_that_rings_can_answer(
    furnished: Proxy, phone: Phones, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """A 200 from another address, with the right Via: dropped, and the call is not answered."""
    bob = phone("127.0.0.72", BOB)
    lead(furnished, {"kind": "device", "id": BOB})
    call = Call(gateway, NUMBER)
    call.invite()
    invite = bob.agent.expect("INVITE", Call_ID=call.call_id)
    agent("127.0.0.79").send(bob.agent.reply_text(invite, 200, "OK", tag="thief"))
    gateway.expect_nothing(200, 0.5, Call_ID=call.call_id)
    assert all(not running.is_answered for running in furnished.running())
    give_up(call, bob.agent, invite)
