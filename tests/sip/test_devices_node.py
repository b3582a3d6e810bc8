"""Devices and numbers on a whole node: made by command, known to the call path, in the books, there after a kill."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from tests.sip.agents import WAIT_S, Agent, Call, Nothing
from tests.sip.node import Node
from tests.sip.phones import Phone
from tests.sip.proxy import eventually

MOMENT_S = 6.0
"""Between a command and its effect, seen by calls that are made one after the other."""


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """Everything up."""
    made = Node()
    try:
        made.open()
        yield made
    finally:
        made.close()


def make(node: Node, username: str) -> str:
    """The password of a new device of the customer's."""
    made = node.kambill("device", "make", "--account", "customer", "--username", username)
    return str(made["password"])


def phone(node: Node, ip: str, user: str, password: str) -> Phone:
    """A registered telephone. Until Kamailio has heard of its device it is a stranger, who gets no answer."""
    made = Phone(Agent(ip, 0, (node.ip, node.port)), user=user, password=password, patience_s=0.5)
    eventually(lambda: registers(made))
    made.patience_s = WAIT_S
    return made


def registers(made: Phone) -> bool:
    """Whether it is let in."""
    try:
        return made.register().code == 200
    except Nothing:
        return False


def talk(caller: Agent, call: Call, callee: Agent) -> None:
    """Answered, acknowledged, hung up by the caller a second later."""
    invite = callee.expect("INVITE", Call_ID=call.call_id)
    callee.reply(invite, 200, "OK", tag="called")
    call.take(caller.expect(200, Call_ID=call.call_id))
    call.ack()
    callee.expect("ACK", Call_ID=call.call_id)
    time.sleep(1.1)
    call.bye()
    callee.reply(callee.expect("BYE", Call_ID=call.call_id), 200, "OK")


def test_two_devices_a_number_and_the_books(node: Node) -> None:
    """Made by commands; they call each other, are called from outside, killed, revoked; the doctor is content."""
    ann_password = make(node, "ann")
    bob_password = make(node, "bob")
    node.kambill("number", "make", "--number", "442079460000", "--account", "customer", "--device", "ann")
    ann, bob = phone(node, "127.0.0.81", "ann", ann_password), phone(node, "127.0.0.82", "bob", bob_password)
    shown = node.kambill("device", "registrations")["items"]
    assert {one["username"]: one["address"] for one in shown} == {
        one.user: f"{one.agent.ip}:{one.agent.port}" for one in (ann, bob)
    }
    by_name = bob.dial("ann")
    talk(bob.agent, by_name, ann.agent)
    by_number = bob.dial("00442079460000")
    talk(bob.agent, by_number, ann.agent)
    gateway = Agent("127.0.0.11", 5060, (node.ip, node.port))
    from_outside = Call(gateway, "+442079460000")
    from_outside.invite()
    talk(gateway, from_outside, ann.agent)

    node.stop(signal.SIGKILL)
    node.start()
    after_the_kill = bob.dial("ann")
    talk(bob.agent, after_the_kill, ann.agent)

    node.settle_down()
    calls = {cdr["call_id"]: cdr for cdr in node.ledger_cdrs()}
    assert [calls[one.call_id]["outcome"] for one in (by_name, by_number, from_outside, after_the_kill)] == (
        ["answered"] * 4
    )
    paid = [[row["micros"] for row in calls[one.call_id]["charges"]] for one in (by_name, by_number)]
    billed_s = calls[by_number.call_id]["charges"][0]["billed_s"]
    assert paid == [[], [billed_s * 1_000, billed_s * 500, billed_s * 400]]
    assert calls[by_number.call_id]["device"] == "bob"
    assert node.doctor()["ok"], node.doctor()

    node.kambill("device", "edit", "ann", "--state", "suspended")
    eventually(lambda: node.kambill("device", "registrations")["total"] == 1, MOMENT_S)
    eventually(lambda: ann.register().first_line == "SIP/2.0 403 Device inactive", MOMENT_S)  # Kamailio has heard of it
    refused = bob.dial("ann")
    assert bob.agent.expect_final(refused.call_id).code == 404
    for one in (ann.agent, bob.agent, gateway):
        one.close()


def refusal(caller: Agent, call: Call) -> str:
    """Empty: a stranger's, who hears nothing, or is asked for a password where there are telephones."""
    try:
        refused = caller.expect_final(call.call_id, 0.1)
    except Nothing:
        return ""
    return "" if refused.code == 407 else refused.first_line


def test_a_trunk_and_what_is_changed_of_it_count_at_once(node: Node) -> None:
    """Made, moved to other networks, given a prefix, suspended, removed: each a moment after the command."""
    here, there = (Agent(ip, 5060, (node.ip, node.port)) for ip in ("127.0.0.83", "127.0.0.84"))
    gateway = Agent("127.0.0.11", 5060, (node.ip, node.port))

    def rings(caller: Agent, number: str = "0033123") -> str:
        """The number by which the gateway is asked, or how a call is refused; empty: as a stranger's."""
        call = Call(caller, number)
        call.invite()
        try:
            invite = gateway.expect("INVITE", 0.3, Call_ID=call.call_id)
        except Nothing:
            return refusal(caller, call)
        gateway.reply(invite, 486, "Busy Here", tag="busy")
        gateway.expect("ACK", Call_ID=call.call_id)
        assert caller.expect_final(call.call_id).code == 486
        return invite.uri.split(":")[1].split("@")[0]

    assert rings(here) == ""
    made = ["--account", "customer", "--name", "t2", "--network", "127.0.0.83", "--plan", "standard"]
    node.kambill("trunk", "make", *made)
    eventually(lambda: rings(here) == "33123", MOMENT_S)
    node.kambill("trunk", "edit", "t2", "--network", "127.0.0.84")
    eventually(lambda: rings(there) == "33123", MOMENT_S)
    assert rings(here) == ""
    node.kambill("trunk", "edit", "t2", "--tech-prefix", "77#")
    eventually(lambda: rings(there, "77#0033123") == "33123", MOMENT_S)
    assert rings(there) == ""
    node.kambill("trunk", "edit", "t2", "--state", "suspended")
    eventually(lambda: "403" in rings(there, "77#0033123"), MOMENT_S)
    node.kambill("trunk", "remove", "t2")
    eventually(lambda: rings(there, "77#0033123") == "", MOMENT_S)
    for one in (here, there, gateway):
        one.close()
