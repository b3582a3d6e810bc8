"""Limits, lists and high-risk ranges inside the authorising transaction: what passes, what it holds, who is told."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kemi.answer import Denied
from kemi.authorize import Admitted, authorise
from kemi.grants import extend
from kemi.identify import Source, identify
from kemi.meter import tick
from kemi.refusal import Refused
from kemi.settlement import delivered
from kemi.store.calls import RunningCall
from kemi.store.carry import begin_store
from kemi.store.limits import destination_of
from kemi.store.rules import Entry, NumberList, Ranges
from ratebook.groups import Group
from tests.kemi.world import BOOT, CUSTOMER, LOWER, ROOT, START, UPPER, FakeDialogs, World, assert_consistent, terms

MINUTE = {"measure": "minutes", "limit": 60_000}
CENT = 10_000
"""Of a euro, in micro-units; the customer pays six of them a minute."""
RULE = CUSTOMER * 10


def spend(cents: int, **more: Any) -> dict[str, Any]:
    """A limit of so many cents an hour."""
    return {"measure": "spend", "limit": cents * CENT} | more


def refused(decision: object) -> tuple[int, str, str]:
    """Code, reason and rule of a refusal."""
    assert isinstance(decision, Refused), decision
    return decision.code, decision.reason, decision.rule


def alarms(world: World) -> list[tuple[int, str, int]]:
    """Rule, action and what was seen, of each that was given."""
    return [(one["rule"], one["action"], one["seen"]) for one in world.events("alarm")]


# --- calls


def test_so_many_calls_an_hour_and_no_more(world: World) -> None:
    """The third of two is refused, with its reason in the record; the next hour begins anew."""
    world.precautions(CUSTOMER, {"limit": 2})
    for _ in range(2):
        world.hang_up(world.ring(), "caller", 487)
    assert refused(world.invite()) == (403, "Limit reached", f"limit {RULE}")
    assert (world.last_cdr()["rule"], world.last_cdr()["refused_by"]) == (f"limit {RULE}", CUSTOMER)
    assert world.counter(RULE).used == 2
    world.wait(3600)
    assert isinstance(world.invite(), Admitted)
    assert_consistent(world)


def test_a_limit_above_is_not_told_below(world: World) -> None:
    """The reseller's own rule: its customer learns nothing of it, the record does."""
    world.precautions(LOWER, {"limit": 1})
    world.ring()
    assert refused(world.invite()) == (503, "Temporarily unavailable", f"limit {LOWER * 10}")
    assert world.last_cdr()["refused_by"] == LOWER


def test_a_trunk_has_limits_of_its_own(world: World) -> None:
    """Calls by another trunk of the account don't count for it."""
    world.trunk(2, CUSTOMER, tech_prefix="9")
    world.precautions(CUSTOMER, {"limit": 1, "trunk": 2})
    world.ring()
    world.ring()
    world.ring("9" + "+33123")
    assert refused(world.invite("9" + "+33123"))[2] == f"limit {RULE}"


def test_only_numbers_of_the_group_count(world: World) -> None:
    """And a rule of a group that is not there holds for none."""
    world.groups(Group("premium", ("3389",)))
    world.precautions(CUSTOMER, {"limit": 1, "group": "premium"}, {"limit": 0, "group": "gone"})
    world.ring("+33123")
    world.ring("+33123")
    world.ring("+338912")
    assert refused(world.invite("+338912"))[2] == f"limit {RULE}"


def test_emergency_numbers_have_no_limit(world: World) -> None:
    """Nor a list, nor a range."""
    world.do("special", id=1, account=ROOT, trunk=0, number="112", kind="emergency", prefix=False, plan=1)
    world.precautions(CUSTOMER, {"limit": 0}, numbers=[[0, "called", "112", True, False]])
    world.do("ranges", ranges=[["1", 1, 0]])
    assert isinstance(world.invite("112"), Admitted)
    assert world.running()[0].limits == ()


def test_no_rule_costs_no_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of groups or counters: an account without any is only looked for once a process."""
    world.groups(Group("premium", ("3389",)))
    world.ring()

    def never(*_: object) -> None:
        raise AssertionError("nothing to be read")

    monkeypatch.setattr("kemi.store.limits.read", never)
    monkeypatch.setattr("kemi.quote.Look.groups", never)
    call = world.talk()
    world.hang_up(call)


# --- money and minutes


def test_money_that_is_held_counts(world: World) -> None:
    """A cent holds ten seconds of one call: a second call at once would come to more."""
    world.precautions(CUSTOMER, spend(1))
    call = world.ring()
    assert world.counter(RULE).held == CENT
    assert refused(world.invite())[2] == f"limit {RULE}"
    assert alarms(world) == [(RULE, "block", CENT)]
    world.hang_up(call, "caller", 487)
    assert (world.counter(RULE).held, world.counter(RULE).used) == (0, 0)
    assert isinstance(world.invite(), Admitted)
    assert_consistent(world)


def test_a_running_call_ends_where_its_limit_does(world: World) -> None:
    """Two cents are twenty seconds; the alarm is given when it gets no more, once."""
    world.precautions(CUSTOMER, spend(2))
    call = world.talk()
    for _ in range(30):
        world.wait(1)
        tick(world.rooms, FakeDialogs().seen(), world.now)
    assert find_settled(world, call) == (20_000, 2 * CENT)
    assert (world.counter(RULE).used, world.counter(RULE).held) == (2 * CENT, 0)
    assert alarms(world) == [(RULE, "block", 2 * CENT)]
    assert refused(world.invite())[0] == 403
    assert len(alarms(world)) == 1


def find_settled(world: World, call: str) -> tuple[int, int]:
    """Length and charge of the customer."""
    cdr = next(one["cdr"] for one in world.events("settled") if one["cdr"]["call"] == call)
    return cdr["duration_ms"], cdr["charges"][0]["micros"]


def test_minutes_hold_the_seconds_of_each_grant(world: World) -> None:
    """One minute an hour, by two calls at once: together 60 s, exactly."""
    world.precautions(CUSTOMER, MINUTE)
    one, two = world.talk(), world.ring()
    assert not isinstance(world.pick_up(two), Denied)
    for _ in range(70):
        world.wait(1)
        tick(world.rooms, FakeDialogs().seen(), world.now)
    assert world.running() == []
    assert find_settled(world, one)[0] + find_settled(world, two)[0] == 60_000
    assert world.counter(RULE)[-2:] == (60_000, 0)
    assert [rule for rule, *_ in alarms(world)] == [RULE]


def test_what_is_settled_frees_the_rest(world: World) -> None:
    """A call that ends early gives back what it held."""
    world.precautions(CUSTOMER, MINUTE)
    call = world.talk()
    world.wait(5)
    world.hang_up(call)
    assert world.counter(RULE)[-2:] == (5_000, 0)


def test_a_warning_lets_calls_go_on_and_is_given_once(world: World) -> None:
    """In each window."""
    world.precautions(CUSTOMER, spend(1, action="warn"), {"limit": 1, "action": "warn"})
    for _ in range(3):
        call = world.talk()
        world.wait(20)
        world.hang_up(call)
    assert [(rule, action) for rule, action, _ in alarms(world)] == [(RULE, "warn"), (RULE + 1, "warn")]
    world.wait(3600)
    world.talk()
    assert [rule for rule, *_ in alarms(world)] == [RULE, RULE + 1, RULE]


def test_a_lowered_limit_ends_what_runs(world: World) -> None:
    """What is held already is paid; the rule may alarm anew."""
    world.precautions(CUSTOMER, spend(1000))
    call = world.talk()
    granted = world.running()[0].grant_s
    world.precautions(CUSTOMER, spend(1))
    world.wait(granted - 2)
    extended = extend(world.rooms, bytes.fromhex(call), world.now)
    assert extended is not None
    assert not extended.grew
    assert [rule for rule, *_ in alarms(world)] == [RULE]
    world.precautions(CUSTOMER)
    again = extend(world.rooms, bytes.fromhex(call), world.now)
    assert again is not None
    assert again.grew


def test_an_answer_that_a_limit_cannot_pay_is_refused_by_it(world: World) -> None:
    """It was lowered while the call rang."""
    world.precautions(CUSTOMER, spend(5))
    call = world.ring()
    world.precautions(CUSTOMER, spend(0))
    assert world.pick_up(call) == Denied(f"limit {RULE}", 403, "Limit reached")
    assert (world.last_cdr()["rule"], alarms(world)) == (f"limit {RULE}", [(RULE, "block", CENT)])
    assert_consistent(world)


def test_an_uncharged_account_has_no_spend(world: World) -> None:
    """The root pays nobody: such a rule counts nothing, one of calls does."""
    world.precautions(ROOT, spend(0), {"limit": 1})
    world.ring()
    assert refused(world.invite())[2] == f"limit {ROOT * 10 + 1}"
    assert world.counter(ROOT * 10).held == 0


def test_what_a_limit_held_survives_its_rule(world: World) -> None:
    """Taken away while a call runs: nothing is left of it, and nothing breaks."""
    world.precautions(CUSTOMER, spend(100))
    call = world.talk()
    world.precautions(CUSTOMER)
    world.wait(5)
    assert world.hang_up(call)
    assert_consistent(world)


# --- suspension


def test_suspension_stops_the_account_and_cuts_its_calls(world: World) -> None:
    """At the refused call: the account's state, a mark for the meter, one alarm."""
    world.precautions(LOWER, {"limit": 2, "action": "suspend"})
    talking = world.talk()
    world.ring()
    world.invite()
    assert not world.get(LOWER).is_active
    assert refused(world.invite())[2] == "suspended"
    dialogs = FakeDialogs()
    world.wait(1)
    tick(world.rooms, dialogs.seen(), world.now)
    assert [seconds for seconds, *_ in dialogs.set] == [1]
    world.wait(1)
    assert world.hang_up(talking, "grant")
    assert [one["cdr"]["ended_by"] for one in world.events("settled")] == ["suspension"]
    assert [(rule, action) for rule, action, _ in alarms(world)] == [(LOWER * 10, "suspend")]
    ringing = world.running()[0]
    assert isinstance(world.pick_up(ringing.hex), Denied)
    assert_consistent(world)


def test_suspension_of_a_trunk_leaves_the_others(world: World) -> None:
    """Its calls are cut, those by another trunk of the account go on."""
    world.trunk(2, CUSTOMER, tech_prefix="9")
    world.precautions(CUSTOMER, {"limit": 1, "trunk": 2, "action": "suspend"})
    other, bad = world.talk(), world.ring("9+33123")
    world.pick_up(bad)
    world.invite("9+33123")
    assert refused(world.invite("9+33123"))[:2] == (403, "Trunk inactive")
    tick(world.rooms, FakeDialogs().seen(), world.now)
    cut = {call.hex: call.cut_by for call in world.running()}
    assert cut == {other: "", bad: "suspension"}
    assert isinstance(world.invite(), Admitted)


def test_a_running_call_may_be_what_suspends(world: World) -> None:
    """The limit leaves it no longer grant: the account stops, and the call with it."""
    world.precautions(CUSTOMER, spend(2, action="suspend"))
    world.talk()
    for _ in range(25):
        world.wait(1)
        tick(world.rooms, FakeDialogs().seen(), world.now)
    assert world.running() == []
    assert not world.get(CUSTOMER).is_active
    assert world.counter(RULE).used <= 2 * CENT


def test_a_reset_begins_anew(world: World) -> None:
    """What was used is forgotten, what runs is held; it may alarm again."""
    world.precautions(CUSTOMER, {"limit": 1})
    world.ring()
    world.invite()
    world.do("limit_reset", account=CUSTOMER, rule=RULE)
    world.do("limit_reset", account=CUSTOMER, rule=99)
    assert isinstance(world.invite(), Admitted)
    world.invite()
    assert len(alarms(world)) == 2


# --- destinations


def test_new_destinations_are_counted_once_each(world: World) -> None:
    """By the prefix of the account's rate, or the first four digits where that is empty."""
    world.precautions(CUSTOMER, {"measure": "destinations", "limit": 2})
    world.ring("+331231")
    world.ring("+331239")
    world.ring("+4930")
    world.ring("+4940")
    assert refused(world.invite("+355"))[2] == f"limit {RULE}"
    assert isinstance(world.invite("+331230"), Admitted)
    world.do("met", account=CUSTOMER, trunk=0, destinations=["355"])
    assert isinstance(world.invite("+355"), Admitted)


def test_the_first_call_to_a_destination_is_short(world: World) -> None:
    """All of them until one has been talked on; then as long as any."""
    world.precautions(CUSTOMER, {"measure": "first_call", "limit": 20, "window_s": 0})
    call, other = world.talk("+33123"), world.ring("+33124")
    assert [one.call_max_s for one in world.running()] == [20, 20]
    world.hang_up(other, "caller", 487)
    for _ in range(30):
        world.wait(1)
        tick(world.rooms, FakeDialogs().seen(), world.now)
    assert find_settled(world, call)[0] == 20_000
    assert [one.call_max_s for one in (running(world, "+33124"), running(world, "+34"))] == [0, 20]


def running(world: World, called: str) -> RunningCall:
    """A new call."""
    call = world.ring(called)
    return next(one for one in world.running() if one.hex == call)


def test_a_call_that_was_not_answered_makes_nothing_known(world: World) -> None:
    """Else a ring would open the way."""
    world.precautions(CUSTOMER, {"measure": "first_call", "limit": 20, "window_s": 0})
    world.hang_up(world.ring(), "caller", 487)
    assert running(world, "+33123").call_max_s == 20


def test_destinations_are_named_by_rate_or_digits() -> None:
    """A catch-all rate names none."""
    assert [destination_of("33", "33123"), destination_of("", "33123"), destination_of("", "112")] == [
        "33",
        "3312",
        "112",
    ]


# --- lists and ranges


@pytest.mark.parametrize(
    ("entries", "number", "passes"),
    [
        ([], "4420", True),
        ([("44", False, False)], "4420", False),
        ([("44", False, False)], "45", True),
        ([("4420", True, False)], "44201", True),
        ([("4420", True, False)], "4420", False),
        ([("44", False, True)], "45", False),
        ([("44", False, True)], "44", True),
        ([("44", False, True), ("447", False, False)], "4471", False),
        ([("44", False, True), ("447", False, False)], "33", True),
        ([("44", False, False), ("4420", True, True)], "4420", True),
        ([("", False, False), ("44", False, True)], "33", False),
        ([("44", False, True)], "4", False),
        ([("44", False, True)], "", False),
    ],
)
def test_lists_of_numbers(entries: list[tuple[str, bool, bool]], number: str, passes: bool) -> None:
    """The whole number, then the longest beginning; a list of allowed ones alone closes the rest."""
    listed = NumberList(Entry(0, "called", digits, whole, allows) for digits, whole, allows in entries)
    assert listed.allows(number) == passes


def test_lists_of_called_and_calling_numbers(world: World) -> None:
    """Of the account, a trunk, or somebody above, who is not told below."""
    world.trunk(2, CUSTOMER, tech_prefix="9")
    world.precautions(CUSTOMER, numbers=[[0, "called", "3389", False, False], [2, "called", "44", False, False]])
    assert refused(world.invite("+338912"))[:2] == (403, "Number blocked")
    assert refused(world.invite("9+441"))[2] == "called_list"
    assert isinstance(world.invite("+441"), Admitted)
    world.precautions(LOWER, numbers=[[0, "caller", "441632960", False, False]])
    assert refused(world.invite()) == (503, "Temporarily unavailable", "caller_list")
    assert world.last_cdr()["refused_by"] == LOWER
    assert isinstance(world.invite(caller="+4930123"), Admitted)


def test_high_risk_ranges_are_closed_until_everybody_of_the_path_opens_them(world: World) -> None:
    """The nearest says why; the longest prefix is the range."""
    world.do("ranges", ranges=[["88", 7, 0], ["8816", 8, CUSTOMER]])
    assert refused(world.invite("+8821")) == (403, "Destination closed", "high_risk 7")
    for account in (CUSTOMER, LOWER):
        world.precautions(account, opened=[7])
    assert refused(world.invite("+8821")) == (503, "Temporarily unavailable", "high_risk 7")
    world.precautions(UPPER, opened=[7])
    assert isinstance(world.invite("+8821"), Admitted)
    assert isinstance(world.invite("+8816"), Admitted)
    world.precautions(LOWER, opened=[7], closed=[8])
    assert refused(world.invite("+8816"))[2] == "high_risk 8"
    world.do("ranges", ranges=[])
    assert isinstance(world.invite("+8816"), Admitted)


def test_numbers_in_no_range() -> None:
    """Shorter than the prefix, or another."""
    ranges = Ranges([["881", 1, 0]])
    assert [ranges.find(number) is None for number in ("88", "882", "8810")] == [True, True, False]


def test_calls_to_numbers_of_ours_count_too(world: World) -> None:
    """Lists and limits of who calls; what comes in by a gateway is no call of the owner's."""
    world.device(1, LOWER)
    world.at(1)
    world.number(1, LOWER, {"kind": "device", "id": 1})
    world.precautions(CUSTOMER, {"limit": 1}, numbers=[[0, "called", "44209", False, False]])
    world.number(9, LOWER, {"kind": "device", "id": 1})
    assert isinstance(world.call_ours(), Admitted)
    assert refused(world.call_ours())[2] == f"limit {RULE}"
    assert [rule for rule, *_ in alarms(world)] == [RULE]
    assert refused(world.call_ours("+44209"))[2] == "called_list"
    world.precautions(LOWER, {"limit": 0})
    assert isinstance(world.come_in(), Admitted)
    assert_consistent(world)


@pytest.fixture
def called(world: World) -> World:
    """Number 1 is the customer's, who pays 60 cents a minute for being called, and so do those above it."""
    world.device(1, CUSTOMER)
    world.at(1)
    world.tariff(9, {"": terms("0.60")})
    world.number(1, CUSTOMER, {"kind": "device", "id": 1}, tariff=9)
    return world


@pytest.mark.parametrize("whose", [CUSTOMER, UPPER])
@pytest.mark.parametrize("without_funds", ["refuse", "allow"])
def test_being_called_is_spent_too(called: World, whose: int, without_funds: str) -> None:
    """Whoever calls a number that its owner pays for spends the owner's hour: up to its limit, and whoever is above has
    one too. The caller learns nothing of it.
    """
    called.number(1, CUSTOMER, {"kind": "device", "id": 1}, tariff=9, without_funds=without_funds)
    called.precautions(whose, spend(35))
    before = called.get(CUSTOMER).balance
    for _ in range(3):
        answer = called.come_in()
        assert isinstance(answer, Admitted)
        called.pick_up(answer.call)
        called.wait(10)
        called.hang_up(answer.call)
    assert refused(called.come_in()) == (503, "Temporarily unavailable", f"limit {whose * 10}")
    assert before - called.get(CUSTOMER).balance == 30 * CENT
    assert [rule for rule, *_ in alarms(called)] == [whose * 10]
    called.wait(3600)
    assert isinstance(called.come_in(), Admitted)
    assert_consistent(called)


def test_a_call_that_somebody_pays_for_being_called_ends_at_its_limit(called: World) -> None:
    """Beside a caller of ours, who pays its own: 25 cents are 25 seconds, and what it holds is given back."""
    called.account(7, parent=ROOT)
    called.credit(7, 100 * CENT)
    called.number(1, 7, {"kind": "device", "id": 1}, tariff=9)
    called.precautions(7, spend(25), {"measure": "minutes", "limit": 1}, {"limit": 0}, spend(1) | {"group": "x"})
    answer = called.call_ours()
    assert isinstance(answer, Admitted)
    called.pick_up(answer.call)
    for _ in range(5):
        extend(called.rooms, bytes.fromhex(answer.call), called.now)
    assert called.running()[0].grant_s == 25
    assert_consistent(called)
    called.wait(60)
    called.hang_up(answer.call)
    assert (called.get(7).balance, called.counter(70).used, called.counter(70).held) == (75 * CENT, 25 * CENT, 0)
    assert_consistent(called)


def test_who_is_let_in_without_funds_spends_nothing(called: World) -> None:
    """Nothing is charged, so that no limit is asked."""
    called.number(1, CUSTOMER, {"kind": "device", "id": 1}, tariff=9, without_funds="allow")
    called.precautions(CUSTOMER, spend(1))
    called.balance(CUSTOMER, 0)
    assert isinstance(called.come_in(), Admitted)
    assert called.counter(RULE).held == 0


def test_being_called_may_suspend_an_account(called: World) -> None:
    """At once, as its own calls do; who is called and who calls keep what they hold."""
    called.account(7, parent=ROOT)
    called.credit(7, 100 * CENT)
    called.number(1, 7, {"kind": "device", "id": 1}, tariff=9)
    called.precautions(7, spend(15) | {"action": "suspend"})
    assert isinstance(called.call_ours(), Admitted)
    assert refused(called.call_ours())[0] == 503
    assert not called.get(7).is_active
    assert_consistent(called)


# --- records


def test_a_message_counts_as_a_call_and_its_price(world: World) -> None:
    """No minutes of it."""
    for account in (CUSTOMER, LOWER, UPPER, 5):
        world.tariff(account, {"": terms("0.06", message_fee_nanos=20_000_000)})
    world.precautions(CUSTOMER, spend(3), {"limit": 5}, MINUTE)
    trunk = identify(world.rooms, Source("127.0.0.2", 5060, "udp"), "+33123")
    assert trunk is not None
    sent = authorise(world.rooms, trunk, world.invitation(), world.now, is_message=True)
    assert isinstance(sent, Admitted)
    assert world.counter(RULE).held == 2 * CENT
    assert delivered(world.rooms, sent.call, world.now)
    assert [world.counter(RULE + one)[-2:] for one in range(3)] == [(2 * CENT, 0), (1, 0), (0, 0)]
    again = authorise(world.rooms, trunk, world.invitation(), world.now, is_message=True)
    assert refused(again)[2] == f"limit {RULE}"


def test_a_clock_set_back_forgives_nothing(world: World) -> None:
    """The later window goes on counting; what is held goes on into the next one."""
    world.precautions(CUSTOMER, {"limit": 2}, spend(100))
    world.ring()
    world.now = world.now._replace(wall_ms=world.now.wall_ms - 3_600_000)
    world.ring()
    assert refused(world.invite())[2] == f"limit {RULE}"
    world.wait(7200)
    world.ring()
    assert (world.counter(RULE).used, world.counter(RULE + 1).held) == (1, 3 * CENT)


def test_a_clock_that_was_a_year_ahead_stops_nobody_for_a_year(world: World) -> None:
    """Once it is right again: what was used meanwhile counts for the present window, and the next one begins."""
    world.precautions(CUSTOMER, {"limit": 1})
    right = world.now
    world.now = right._replace(wall_ms=right.wall_ms + 365 * 24 * 3_600_000)
    world.hang_up(world.talk())
    world.now = right
    assert refused(world.invite())[2] == f"limit {RULE}"
    world.wait(3600)
    world.ring()


def test_a_store_that_begins_anew_holds_what_runs(world: World) -> None:
    """Windows begin at nothing; the call carried over holds its part, and settles it."""
    world.precautions(CUSTOMER, spend(100), MINUTE)
    call = world.talk()
    held = [world.counter(RULE + one).held for one in range(2)]
    clerk = world.clerk()
    clerk.tick(world.now)
    clerk.close()
    world.close()
    (world.run_dir / "hot" / "data.mdb").unlink()
    begin_store(world.run_dir, world.data_dir, BOOT, START.wall_ms, world.now).close()
    world.rooms.close()
    assert world.rooms.has_store()
    world.commands = 0
    world.precautions(CUSTOMER, spend(100), MINUTE)
    assert [world.counter(RULE + one).held for one in range(2)] == held
    world.wait(5)
    world.hang_up(call)
    assert [world.counter(RULE + one)[-2:] for one in range(2)] == [(CENT // 2, 0), (5_000, 0)]


steps = st.lists(
    st.tuples(st.sampled_from(("ring", "answer", "end", "tick")), st.integers(0, 5), st.integers(1, 400)),
    min_size=5,
    max_size=40,
)


@settings(max_examples=25, deadline=None)
@given(steps, st.integers(1, 12), st.integers(20, 300))
def test_no_window_comes_to_more_than_its_limit(plan: list[tuple[str, int, int]], cents: int, seconds: int) -> None:
    """Whatever calls do: in each hour at most so much is settled, and what is held stays below it too."""
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        world.precautions(CUSTOMER, spend(cents), {"measure": "minutes", "limit": seconds * 1000})
        for what, which, wait_s in plan:
            calls = world.running()
            if what == "ring":
                world.invite()
            elif what == "answer" and calls:
                world.pick_up(calls[which % len(calls)].hex)
            elif what == "end" and calls:
                world.hang_up(calls[which % len(calls)].hex)
            for _ in range(wait_s if what == "tick" else 1):
                world.wait(1)
                if world.running():
                    tick(world.rooms, FakeDialogs().seen(), world.now)
            for number in (0, 1):
                counter = world.counter(RULE + number)
                assert counter.used + counter.held <= counter.limit
            assert_consistent(world)
        spent: dict[int, int] = {}
        talked: dict[int, int] = {}
        for event in world.events("settled"):
            hour = event["wall_ms"] // 3_600_000
            spent[hour] = spent.get(hour, 0) + event["cdr"]["charges"][0]["micros"]
            talked[hour] = talked.get(hour, 0) + event["cdr"]["duration_ms"]
        world.close()
    assert all(micros <= cents * CENT for micros in spent.values())
    assert all(ms <= seconds * 1000 for ms in talked.values())
