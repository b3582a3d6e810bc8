"""The entry points: what a stranger, a fault and a missing store make of them. Kamailio is the strict fake."""

from __future__ import annotations

from pathlib import Path

import pytest

from kemi.running import find
from kemi.store.environment import StoreFull, StoreTooLarge
from kemi.store.journal import JournalStopped
from tests.kemi import fake_ksr
from tests.kemi.fake_ksr import FakeKsr
from tests.kemi.world import CUSTOMER, FakeDialogs, World

fake_ksr.stand_in()

from kemi import calls_in, calls_on, closings, in_dialog, meter, route, sip  # noqa: E402 -- they import KSR

INVITE = {
    "$rm": "INVITE",
    "$rU": "0033123",
    "$si": "127.0.0.2",
    "$sp": 5060,
    "$proto": "udp",
    "$Ri": "127.0.0.1",
    "$Rp": 5060,
    "$ci": "c1",
    "$ft": "f1",
    "$cs": "1",
    "$fU": "+441632960000",
    "$fu": "sip:+441632960000@127.0.0.2",
    "$tu": "sip:0033123@127.0.0.1",
    "$ru": "sip:0033123@127.0.0.1",
    "$(mb{line.at,0})": "INVITE sip:0033123@127.0.0.1 SIP/2.0\r\n",
    "$via0(branch)": "z9hG4bK1",
    "$jsonrpl(body)": '{"result": [{"socket": {"proto": "udp", "ipaddress": "127.0.0.1", "port": "5060"}}]}',
}


@pytest.fixture
def ksr(monkeypatch: pytest.MonkeyPatch) -> FakeKsr:
    """The module of one test, with a good INVITE at hand and a Kamailio that does what it is asked."""
    fake = FakeKsr()
    fake_ksr.put(monkeypatch, fake)
    fake.pv_values = dict(INVITE)
    fake.headers = {"Contact": ["<sip:caller@127.0.0.2:5060>"]}
    fake.answers = {
        "sanity.sanity_check": 1,
        "maxfwd.process_maxfwd": 1,
        "tm.t_newtran": 1,
        "tm.t_relay": 1,
        "tm.t_set_fr": 1,
        "tm.t_on_failure": None,
        "tm.t_on_branch": None,
        "tm.t_use_uac_headers": 1,
        "hdr.append": 1,
        "dialog.var_sets": 1,
        "dialog.dlg_manage": 1,
        "pv.seti": None,
        "core.seturi": 1,
        "core.resetdsturi": 1,
        "rr.record_route": 1,
        "statistics.update_stat": 1,
    }
    return fake


@pytest.fixture
def kambill(world: World, ksr: FakeKsr) -> route.Kambill:
    """One process of Kamailio's, on the world's store."""
    process = route.Kambill(world.run_dir, world.data_dir)
    assert process.child_init(2) == 0
    process.rooms = world.rooms  # one process opens a store once
    ksr.calls.clear()  # what a process asks at its start, and is told once
    return process


def counted(ksr: FakeKsr) -> list[str]:
    """The counters that rose."""
    return [name for name, _ in ksr.called("statistics.update_stat")]


def test_an_invite_goes_out_in_a_dialog_that_ends_itself(kambill: route.Kambill, ksr: FakeKsr, world: World) -> None:
    """timeout_bye before dlg_manage, the call key beside it, then the relay with the plan's timers."""
    assert kambill.ksr_request_route(None) == 1
    (call,) = world.running()
    names = [name for name, *_ in ksr.calls]
    assert names.index("pv.seti") < names.index("dialog.dlg_manage") < names.index("tm.t_relay")
    assert ksr.called("pv.seti") == [("$dlg_ctx(timeout_bye)", 1)]
    sent = "f1 sip:441632960000@127.0.0.1 sip:33123@127.0.0.11 1"
    assert ksr.called("dialog.var_sets") == [("call", call.hex), ("sent", sent)]
    assert ksr.called("core.seturi") == [("sip:33123@127.0.0.11:5060",)]
    assert ksr.called("tm.t_set_fr") == [(60_000, 2000)]


def test_a_stranger_hears_nothing_and_is_counted(kambill: route.Kambill, ksr: FakeKsr, world: World) -> None:
    """No reply, no transaction."""
    ksr.pv_values["$si"] = "192.0.2.1"
    kambill.ksr_request_route(None)
    assert ksr.calls == [("statistics.update_stat", "kambill_unlisted", 1)]
    assert world.running() == []


def test_without_a_store_every_invite_gets_503(kambill: route.Kambill, ksr: FakeKsr, world: World) -> None:
    """Nobody can be known then."""
    (world.run_dir / "hot" / "data.mdb").unlink()
    kambill.ksr_request_route(None)
    assert ksr.called("sl.send_reply") == [(503, "Temporarily unavailable")]


@pytest.mark.parametrize("name", ["$ci", "$ft", "$fu", "$tu", "$ru", "$rU", "$via0(branch)"])
def test_bytes_that_are_no_text_are_answered_400(kambill: route.Kambill, ksr: FakeKsr, world: World, name: str) -> None:
    """Before any money is touched; counted, not logged as a fault."""
    ksr.pv_values[name] = b"\xff"
    kambill.ksr_request_route(None)
    assert ksr.called("sl.send_reply") == [(400, "Bad Request")]
    assert counted(ksr) == ["kambill_undecodable"]
    assert (world.running(), ksr.called("core.crit")) == ([], [])


def test_bytes_of_a_stranger_are_not_answered(kambill: route.Kambill, ksr: FakeKsr) -> None:
    """Silence, as for anything that it sends."""
    ksr.pv_values |= {"$rU": b"\xff", "$si": "192.0.2.1"}
    kambill.ksr_request_route(None)
    assert ksr.called("sl.send_reply") == []


def test_a_dialog_that_cannot_be_made_gives_the_hold_back(kambill: route.Kambill, ksr: FakeKsr, world: World) -> None:
    """A call without a timer must not go out: 500."""
    ksr.answers["dialog.dlg_manage"] = -1
    kambill.ksr_request_route(None)
    assert ksr.called("tm.t_reply") == [(500, "Server Internal Error")]
    assert ksr.called("tm.t_relay") == []
    assert world.get(CUSTOMER).held == 0


def test_when_nothing_can_be_sent_each_gateway_is_tried_and_the_hold_goes_back(
    kambill: route.Kambill, ksr: FakeKsr, world: World
) -> None:
    """Three relays, then 503."""
    ksr.answers["tm.t_relay"] = -1
    kambill.ksr_request_route(None)
    assert len(ksr.called("tm.t_relay")) == 3
    assert ksr.called("tm.t_reply") == [(503, "Temporarily unavailable")]
    assert (world.running(), world.get(CUSTOMER).held) == ([], 0)


def test_a_retransmission_ends_at_its_transaction(kambill: route.Kambill, ksr: FakeKsr, world: World) -> None:
    """Nothing is authorised."""
    ksr.answers["tm.t_newtran"] = 0
    kambill.ksr_request_route(None)
    assert world.running() == []


def test_a_fault_is_answered_500_with_one_line(
    kambill: route.Kambill, ksr: FakeKsr, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it happened; and no more than a few lines a second."""

    def broken(*_args: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(calls_in, "identify", broken)
    for _ in range(50):
        assert kambill.ksr_request_route(None) == 1
    assert ksr.called("sl.send_reply") == [(500, "Server Internal Error")] * 50
    lines = [line for (line,) in ksr.called("core.crit")]
    assert len(lines) <= route.FAULTS_PER_SECOND + 1
    assert "test_route.py" in lines[0]
    assert "ZeroDivisionError('oh')" in lines[0]
    assert counted(ksr) == ["kambill_faults"] * 50


@pytest.mark.parametrize(
    "fault",
    [
        JournalStopped(Path("/data/journal"), OSError(28, "No space left on device")),
        StoreTooLarge(Path("/run/hot.new"), OSError(28, "No space left on device")),
    ],
)
def test_what_the_operator_mends_is_said_once_in_a_while(
    kambill: route.Kambill, ksr: FakeKsr, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    """In its own words, by every tenth of a second's round that fails; each is counted."""

    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(route.Clerk, "tick", fail)
    for _ in range(50):
        assert kambill.ksr_clerk_tick() == 1
    assert ksr.called("core.crit") == [(f"kambill: {fault}\n",)]
    assert counted(ksr) == ["kambill_faults"] * 50


def test_kamailios_own_exit_passes(kambill: route.Kambill, ksr: FakeKsr, monkeypatch: pytest.MonkeyPatch) -> None:
    """SystemExit is how KSR.x.exit works."""

    def leave(*_args: object) -> None:
        raise SystemExit

    monkeypatch.setattr(calls_in, "identify", leave)
    with pytest.raises(SystemExit):
        kambill.ksr_request_route(None)


@pytest.mark.parametrize(
    ("method", "code", "passes"), [("INVITE", 200, False), ("INVITE", 180, True), ("BYE", 200, True)]
)
def test_a_fault_in_the_reply_route_never_lets_an_answer_pass(
    kambill: route.Kambill,
    ksr: FakeKsr,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    code: int,
    passes: bool,
) -> None:
    """Nor does it eat anything else."""
    running = find(world.rooms, world.ring())
    assert running is not None

    def broken(*_args: object) -> None:
        raise ZeroDivisionError

    said = {"$ci": running.call_id, "$ft": running.from_tag, "$cs": "1", "$si": "127.0.0.11"}
    ksr.pv_values = said | {"$rm": method, "$rs": code}
    ksr.answers["tm.t_check_trans"] = 1
    monkeypatch.setattr(calls_on, "reply", broken)
    assert (kambill.ksr_reply_route(None) == 1) is passes
    assert bool(ksr.called("core.set_drop")) is not passes


def test_a_reply_of_which_nobody_can_tell_whom_it_is_of_goes_no_further(
    kambill: route.Kambill, ksr: FakeKsr, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store can't be read, again and again: dropped, and no fault comes out to Kamailio."""

    def broken(*_unused: object) -> None:
        raise ZeroDivisionError

    ksr.pv_values = {"$rm": "INVITE", "$rs": 486, "$cs": "1"}
    ksr.answers["tm.t_check_trans"] = 1
    monkeypatch.setattr(calls_on, "asked_by", broken)
    assert kambill.ksr_reply_route(None) == sip.DROP
    assert counted(ksr) == ["kambill_faults"] * 2


def test_a_stray_reply_is_dropped_and_counted(kambill: route.Kambill, ksr: FakeKsr) -> None:
    """Of no transaction."""
    ksr.pv_values = {"$rm": "OPTIONS", "$rs": 200}
    ksr.answers["tm.t_check_trans"] = -1
    assert kambill.ksr_reply_route(None) == sip.DROP
    assert counted(ksr) == ["kambill_dropped"]


def test_an_answer_of_an_unknown_call_is_dropped_without_a_transaction_at_hand(
    kambill: route.Kambill, ksr: FakeKsr
) -> None:
    """Asking tm first would cost the worker its next request."""
    ksr.pv_values = {"$rm": "INVITE", "$rs": 200, "$ci": "unknown", "$ft": "f", "$tt": "t"}
    assert kambill.ksr_reply_route(None) == sip.DROP
    assert ksr.called("tm.t_check_trans") == []


@pytest.mark.parametrize("event", ["unknown", "dialog:start"])
def test_dialog_events_that_end_nothing_are_not_heard(
    kambill: route.Kambill, ksr: FakeKsr, world: World, event: str
) -> None:
    """Kamailio sends `unknown` at 180 and ACK."""
    kambill.ksr_request_route(None)
    ksr.pv_values["$dlg_var(call)"] = world.running()[0].hex
    kambill.ksr_dialog_event(None, event)
    assert len(world.running()) == 1
    kambill.ksr_dialog_event(None, "dialog:failed")
    assert world.running() == []


def told(world: World) -> list[str]:
    """To whom the meter says BYE within a second."""
    dialogs = FakeDialogs()
    world.wait(1)
    meter.tick(world.rooms, dialogs.seen(), world.now)
    return sorted(to for to, text in dialogs.sent if text.startswith("BYE "))


@pytest.mark.parametrize(("method", "to_tag", "codes"), [("INVITE", "", [503]), ("BYE", "to", []), ("CANCEL", "", [])])
def test_who_ends_a_call_in_a_full_store_is_to_say_it_again(
    kambill: route.Kambill,
    ksr: FakeKsr,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    to_tag: str,
    codes: list[int],
) -> None:
    """No answer, no transaction that would swallow the next one; who begins one is told."""

    def full(*_: object) -> None:
        raise StoreFull

    call = world.talk() if to_tag else world.ring()
    monkeypatch.setattr(in_dialog, "hung_up", full)
    monkeypatch.setattr(calls_in, "given_up", full)
    monkeypatch.setattr(calls_in, "authorise", full)
    ksr.answers |= {"tm.t_check_trans": -1 if method != "CANCEL" else 1, "sl.send_reply": 1}
    ksr.pv_values |= {"$rm": method, "$ft": "from", "$tt": to_tag, "$cs": "2", "$dlg_var(call)": call}
    ksr.pv_values |= {"$T_inv($si)": "127.0.0.2"}
    assert kambill.ksr_request_route(None) == 1
    assert [code for code, _ in ksr.called("sl.send_reply")] == codes
    assert bool(ksr.called("tm.t_newtran")) is bool(codes)
    assert not [line for (line,) in ksr.called("core.crit") if line != calls_in.FULL + "\n"]
    assert len(world.running()) == 1


@pytest.mark.parametrize("sends", [True, False])
def test_the_other_side_hears_who_hangs_up_also_where_kamailio_can_send_no_bye(
    kambill: route.Kambill, ksr: FakeKsr, world: World, monkeypatch: pytest.MonkeyPatch, *, sends: bool
) -> None:
    """Whatever keeps its dialog from it: the bill is over, and so must be the call."""
    monkeypatch.setattr(in_dialog, "now", lambda: world.now)
    call = world.talk()
    ksr.answers |= {"tm.t_check_trans": -1, "dialog.dlg_get": 1, "dialog.dlg_bye": 1 if sends else -1}
    ksr.answers |= {"dialog.dlg_set_timeout_id": 1, "tm.t_reply": 1}
    ksr.pv_values |= {"$rm": "BYE", "$ft": "from", "$tt": "to", "$cs": "2", "$dlg_var(call)": call}
    assert kambill.ksr_request_route(None) == 1
    assert world.running() == []
    assert told(world) == ([] if sends else ["sip:callee@127.0.0.11"])


@pytest.mark.parametrize("sends", [True, False])
def test_both_sides_hear_the_end_of_money_also_where_kamailio_can_send_no_bye(
    kambill: route.Kambill, ksr: FakeKsr, world: World, monkeypatch: pytest.MonkeyPatch, *, sends: bool
) -> None:
    """The timer of a dialog comes, and none of its BYEs went before."""
    monkeypatch.setattr(closings, "now", lambda: world.now)
    ksr.pv_values |= {"$dlg_var(call)": world.talk(), "$ft": "from", "$tt": "to"}
    if sends:
        kambill.ksr_tm_event(None, "tm:local-request")
        kambill.ksr_tm_event(None, "tm:local-request")
    kambill.ksr_dialog_event(None, "dialog:end")
    assert world.running() == []
    assert told(world) == ([] if sends else ["sip:callee@127.0.0.11", "sip:caller@127.0.0.2:5060"])


@pytest.mark.usefixtures("ksr")
def test_every_callback_that_kamailio_is_told_of_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kamailio 5.6 would be silent about one that is missing."""
    route.mod_init()
    monkeypatch.delattr(route.Kambill, "ksr_failure")
    with pytest.raises(AttributeError, match="lacks ksr_failure"):
        route.mod_init()


def test_a_branch_is_introduced_by_our_values_only(kambill: route.Kambill, ksr: FakeKsr) -> None:
    """From, To and Contact are replaced; without an INVITE on its way nothing is touched."""
    kambill.ksr_branch(None)
    assert ksr.called("hdr.append") == []
    kambill.ksr_request_route(None)
    kambill.ksr_branch(None)
    ((appended,),) = ksr.called("hdr.append")
    assert appended.split("\r\n") == [
        "From: <sip:441632960000@127.0.0.1>;tag=f1",
        "To: <sip:33123@127.0.0.11>",
        "Contact: <sip:441632960000@127.0.0.2:5060>",
        "",
    ]
