"""Kamailio killed with calls ringing and talking: no leg outlives its grant, no hold its call, no charge comes twice.

The gateway's own log is the truth: when it answered, when BYE came.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kemi.world import CARRIER, CUSTOMER, EURO
from tests.sip.agents import SDP, Agent, Call
from tests.sip.calls import answer, hang_up
from tests.sip.phones import Phone
from tests.sip.proxy import Proxy, eventually
from tests.sip.test_numbers import pick_up

GRANT_S = 4
ANN, BOB = 111, 112


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """One of its own, that tests may kill. Money for GRANT_S seconds of one call."""
    proxy = Proxy()
    try:
        proxy.start()
        proxy.furnish()
        short = 1000 * GRANT_S - 1000 * EURO
        proxy.send({"do": "settings", "first_hold_s": GRANT_S}, {"do": "credit", "account": CUSTOMER, "micros": short})
        yield proxy
    finally:
        proxy.close()


def kill_and_start(proxy: Proxy, down_s: float = 0) -> None:
    """Kill -9 of everything, as systemd's control group does, and a new start."""
    proxy.stop(signal.SIGKILL)
    time.sleep(down_s)
    proxy.start()


def lasting(proxy: Proxy) -> None:
    """Money and a first hold that last over a restart, however long it takes."""
    proxy.send({"do": "settings", "first_hold_s": 600}, {"do": "credit", "account": CUSTOMER, "micros": EURO})


def settled(proxy: Proxy, call: Call) -> dict[str, object]:
    """The only record of a call."""
    proxy.cdr(call.call_id, 8)
    (cdr,) = proxy.cdrs(call.call_id)
    return {name: cdr[name] for name in ("outcome", "ended_by")} | {
        "billed_s": cdr["charges"][0]["billed_s"],
        "micros": cdr["charges"][0]["micros"],
    }


def test_a_call_answered_just_before_the_kill_ends_at_its_grant(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """BYE to both at the fourth second, give or take one, and the bill says so."""
    call, _ = answer(caller, gateway)
    time.sleep(0.2)
    kill_and_start(proxy)
    back_s = time.monotonic() - call.answered_at
    bye = gateway.expect("BYE", Call_ID=call.call_id)
    assert bye.at - call.answered_at < max(GRANT_S, back_s) + 1.2
    assert (bye.tag("From"), bye.tag("To"), bye.uri) == (call.from_tag, call.to_tag, call.target)
    gateway.reply(bye, 200, "OK")
    other = caller.expect("BYE")
    assert (other.tag("From"), other.tag("To"), other.uri) == (
        call.to_tag,
        call.from_tag,
        f"sip:caller@{caller.ip}:{caller.port}",
    )
    caller.reply(other, 200, "OK")
    cdr = settled(proxy, call)
    assert (cdr["outcome"], cdr["ended_by"]) == ("answered", "grant")
    assert cdr["billed_s"] in {3, 4}
    eventually(lambda: proxy.account(CUSTOMER).held == 0)
    assert proxy.running() == []


def test_a_call_goes_on_over_a_restart_and_is_hung_up(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """INFO passes, the caller's BYE ends both sides, one charge."""
    lasting(proxy)
    call, back = answer(caller, gateway)
    kill_and_start(proxy)
    back.request("INFO")
    caller.reply(caller.expect("INFO"), 200, "OK")
    gateway.expect(200, CSeq="INFO")
    call.request("INFO")
    gateway.reply(gateway.expect("INFO"), 200, "OK")
    caller.expect(200, CSeq="INFO")
    hang_up(call, gateway)
    cdr = settled(proxy, call)
    assert (cdr["outcome"], cdr["ended_by"]) == ("answered", "caller")
    assert proxy.account(CUSTOMER).held == 0


def test_a_telephone_behind_a_nat_and_a_choosy_gateway(
    proxy: Proxy, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """After the restart both are treated as before: the telephone's answers say where it is, offers are limited."""
    device, choosy = proxy.device_body(ANN, CUSTOMER), proxy.gateway_body(1, CARRIER, "127.0.0.11")
    lasting(proxy)
    proxy.send(device, choosy | {"codecs": ["PCMU"]})
    phone = Phone(agent("127.0.0.71", 0), user=f"d{ANN}")
    within = f"<sip:d{ANN}@192.168.1.9:5060>"
    call = phone.dial("0033123", Contact=within)
    invite = gateway.expect("INVITE", Call_ID=call.call_id)
    back = pick_up(phone.agent, call, gateway, invite)
    kill_and_start(proxy)
    back.request("INVITE", Contact=f"<{call.target}>")
    again = phone.agent.expect("INVITE", Call_ID=call.call_id)
    phone.agent.reply(again, 200, "OK", Contact=within)
    assert gateway.expect(200, CSeq="INVITE").contact.endswith(f"@{phone.agent.ip}:{phone.agent.port}")
    call.cseq += 1
    call.new_branch()
    phone.agent.send(call.text("INVITE", body=SDP.replace("AVP 0", "AVP 8 0"), Contact=within))
    again = gateway.expect("INVITE", Call_ID=call.call_id)
    assert again.contact == invite.contact
    assert "RTP/AVP 0\r\n" in again.text
    gateway.reply(again, 200, "OK")
    phone.agent.expect(200, CSeq=f"{call.cseq} INVITE")
    hang_up(call, gateway)
    assert settled(proxy, call)["outcome"] == "answered"


@pytest.mark.parametrize("is_wiped", [False, True])
def test_what_becomes_of_a_transfer_is_heard_after_the_restart(
    proxy: Proxy, agent: Callable[..., Agent], is_wiped: bool
) -> None:
    """The NOTIFY of a REFER before it, by the store or by the journal; one that nobody asked for is refused still."""
    devices = [proxy.device_body(one, CUSTOMER, transfers="account") for one in (ANN, BOB)]
    proxy.send(*devices)
    ann, bob = (Phone(agent(ip, 0), user=f"d{one}") for ip, one in (("127.0.0.71", ANN), ("127.0.0.72", BOB)))
    assert bob.register().code == 200
    call = ann.dial(f"d{BOB}")
    back = pick_up(ann.agent, call, bob.agent, bob.agent.expect("INVITE", Call_ID=call.call_id))
    call.request("REFER", Refer_To="<sip:0033123@kambill>")
    bob.agent.reply(bob.agent.expect("REFER", Call_ID=call.call_id), 202, "Accepted")
    ann.agent.expect(202, CSeq="REFER")
    if is_wiped:
        eventually(lambda: [line["side"] for line in proxy.journal() if line["e"] == "referred"] == ["caller"])
        proxy.stop(signal.SIGKILL)
        shutil.rmtree(proxy.run_dir / "hot")
        proxy.start()
        proxy.furnish()
        proxy.send(*devices)
    else:
        kill_and_start(proxy)
    back.request("NOTIFY", Event="refer", Subscription_State="terminated;reason=noresource")
    ann.agent.reply(ann.agent.expect("NOTIFY", Call_ID=call.call_id), 200, "OK")
    bob.agent.expect(200, CSeq="NOTIFY")
    call.request("NOTIFY", Event="refer", Subscription_State="active")
    assert ann.agent.expect_answer("NOTIFY", call.call_id, str(call.cseq)).code == 405
    call.cseq -= 1
    call.bye()
    bob.agent.reply(bob.agent.expect("BYE", Call_ID=call.call_id), 200, "OK")


def test_a_bye_is_heard_as_soon_as_a_new_store_is_filled(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Whose address it comes from is not known before, if it isn't where requests to it go: no answer, so that it is
    sent again. A 481 ends one side.
    """
    lasting(proxy)
    call, _ = answer(caller, gateway, Contact="<sip:caller@127.0.0.3:5060>")
    eventually(lambda: [line for line in proxy.journal() if line["e"] == "answered"] != [])
    proxy.stop(signal.SIGKILL)
    shutil.rmtree(proxy.run_dir / "hot")
    proxy.start()
    call.request("BYE")
    again = call.text("BYE")
    caller.expect_silence(call.call_id, 0.5)
    proxy.furnish()
    caller.send(again)
    caller.expect(200, CSeq="BYE")
    gateway.reply(gateway.expect("BYE", Call_ID=call.call_id), 200, "OK")
    assert settled(proxy, call)["ended_by"] == "caller"
    assert proxy.running() == []


def test_a_grant_that_ended_while_down_is_billed_as_the_grant(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """Down for longer than the money lasts: BYE to both at once, billed at most the grant."""
    call, _ = answer(caller, gateway)
    kill_and_start(proxy, GRANT_S + 1)
    started_at = time.monotonic()
    bye = gateway.expect("BYE", Call_ID=call.call_id)
    assert bye.at - started_at < 2.5
    gateway.reply(bye, 200, "OK")
    caller.reply(caller.expect("BYE"), 200, "OK")
    cdr = settled(proxy, call)
    assert (cdr["billed_s"], cdr["micros"]) == (GRANT_S, 1000 * GRANT_S)


def test_a_late_200_after_the_restart_reaches_nobody(proxy: Proxy, caller: Agent, gateway: Agent) -> None:
    """It rang when Kamailio died: the hold is back, the 200 is dropped, no call is free."""
    call = Call(caller, "0033123")
    call.invite()
    invite = gateway.expect("INVITE")
    gateway.reply(invite, 180, "Ringing", tag="late")
    caller.expect(180)
    kill_and_start(proxy)
    gateway.reply(invite, 200, "OK", tag="late")
    caller.expect_nothing(200, 0.5)
    assert proxy.account(CUSTOMER).held == 0
    cdr = settled(proxy, call)
    assert (cdr["outcome"], cdr["ended_by"], cdr["micros"]) == ("failed", "restart", 0)


def test_a_worker_that_dies_takes_all_with_it_and_nothing_is_lost(
    proxy: Proxy, caller: Agent, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """Kamailio ends when one of its processes does; the next start goes on from the store."""
    call, _ = answer(caller, gateway)
    proxy.kill_worker()
    assert proxy.process is not None
    eventually(lambda: proxy.process is None or proxy.process.poll() is not None)
    kill_and_start(proxy)
    gateway.reply(gateway.expect("BYE", Call_ID=call.call_id), 200, "OK")
    caller.reply(caller.expect("BYE"), 200, "OK")
    assert settled(proxy, call)["outcome"] == "answered"


def test_one_that_does_not_end_keeps_nobody_down_for_long(proxy: Proxy) -> None:
    """A process dies, and another one can't end: as when the dead one had a lock of Kamailio's memory. Its own 60 s
    would be calls refused for a minute.
    """
    assert proxy.process is not None
    process = proxy.process
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[1]), signal.SIGSTOP)
    proxy.kill_worker()
    eventually(lambda: process.poll() is not None, 25)
    proxy.stop(signal.SIGKILL)
    proxy.start()
    assert proxy.running() == []


def test_a_call_from_ipv6_has_its_byes_after_a_restart(
    proxy: Proxy, gateway: Agent, agent: Callable[..., Agent]
) -> None:
    """Each side by its own socket."""
    proxy.send(proxy.trunk_body(3, CUSTOMER, networks=["::1/128"]))
    caller = agent("::1")
    call, _ = answer(caller, gateway)
    kill_and_start(proxy)
    gateway.reply(gateway.expect("BYE", Call_ID=call.call_id), 200, "OK")
    bye = caller.expect("BYE")
    assert bye.header("Via").startswith(f"SIP/2.0/UDP [::1]:{proxy.port}")
    caller.reply(bye, 200, "OK")
    assert settled(proxy, call)["ended_by"] == "grant"
