"""The decision about a 2xx: a stamp, a grant, or nothing passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kemi import answer
from kemi.answer import Callee, Denied, Draft, Grant, answered
from kemi.identify import Source
from kemi.rooms import Rooms
from kemi.store.dry import DryStore
from kemi.store.environment import Databases
from ratebook.model import Rate
from tests.kemi.test_exposure import limit as expose
from tests.kemi.test_limits import MINUTE, spend
from tests.kemi.world import CARRIER, CUSTOMER, EURO, LOWER, UPPER, World, assert_consistent, terms

CALLEE = Callee("to", "sip:callee@127.0.0.11", (), "udp:127.0.0.1:5060", Source("127.0.0.11", 5060, "udp"), 7, 9)


def test_the_answer_takes_a_standard_grant(world: World) -> None:
    """100 seconds, held at each level's price."""
    call = world.ring()
    assert world.pick_up(call) == Grant(100)
    assert [world.get(account).held for account in (CUSTOMER, LOWER, UPPER)] == [100_000, 50_000, 40_000]
    assert_consistent(world)


def test_the_same_200_again_passes_and_leaves_the_timer(world: World) -> None:
    """A retransmission of the leg that answered."""
    call = world.talk()
    assert world.pick_up(call) == Grant(None)


def test_a_second_200_of_another_leg_is_denied(world: World) -> None:
    """Its gateway gets ACK and BYE, the first leg talks on."""
    call = world.talk()
    denied = world.pick_up(call, to_tag="other")
    assert isinstance(denied, Denied)
    assert denied.rule == "second_answer"
    assert len(world.running()) == 1


def test_a_200_after_the_end_is_denied(world: World) -> None:
    """CANCEL was first."""
    call = world.ring()
    world.hang_up(call, code=487)
    denied = world.pick_up(call)
    assert isinstance(denied, Denied)
    assert denied.rule == "gone"
    assert_consistent(world)


def _dear_in_five_seconds(world: World) -> None:
    """The customer's price: 0.06 a minute, 60 from five seconds on."""
    change_s = world.now.wall_s + 5
    world.publish(
        CUSTOMER,
        Rate("", "anywhere", None, change_s, terms("0.06")),
        Rate("", "anywhere", change_s, None, terms("60")),
    )


def test_the_rate_in_effect_at_the_answer_holds(world: World) -> None:
    """It rang over the change: 3 seconds at a euro each."""
    _dear_in_five_seconds(world)
    call = world.ring()
    world.wait(5)
    assert world.pick_up(call) == Grant(10)
    world.wait(3)
    world.hang_up(call)
    assert world.charges()[CUSTOMER] == 3 * EURO


def test_an_answer_that_nobody_can_pay_ends_the_call(world: World) -> None:
    """Ten cents bought ten seconds before the change, and not one after it: settled, released, 402."""
    _dear_in_five_seconds(world)
    world.balance(CUSTOMER, 100_000)
    call = world.ring()
    world.wait(5)
    assert world.pick_up(call) == Denied("funds", 402, "Insufficient funds")
    assert world.running() == []
    assert (world.last_cdr()["rule"], world.charges()[CUSTOMER]) == ("funds", 0)
    assert_consistent(world)


# --- what is worked out before the lock


def _plain(_world: World) -> None:
    """As it is."""


def _limited(world: World) -> None:
    world.precautions(CUSTOMER, spend(100_000), MINUTE | {"limit": 86_400_000}, {"limit": 5})


def _exposed(world: World) -> None:
    expose(world, EURO)


def _taxed(world: World) -> None:
    world.taxes(LOWER, (0, 1, 119, 100))


def _partner_below(world: World) -> None:
    """Who is not charged pays nothing, and counts its channels all the same."""
    world.account(UPPER, parent=1, charged=False)


class Watched(DryStore):
    """A trial, and what it would write, by database and key."""

    def __init__(self, of: Databases) -> None:
        super().__init__(of)
        self.puts: dict[tuple[str, bytes], bytes] = {}
        self._begin, self.write = self.write, self._watched

    def _watched(self) -> Any:
        txn = self._begin()
        put = txn.put

        def noted(key: bytes, value: bytes, *, db: Any) -> bool:
            name = next(name for name, one in vars(self).items() if one is db)
            self.puts[name, key] = value
            return bool(put(key, value, db=db))

        txn.put = noted
        return txn


def _written(world: World, call: str) -> tuple[Grant | Denied, dict[tuple[str, bytes], bytes]]:
    """What an answer comes to, and what it writes; the store stays as it is."""
    store = Watched(world.rooms.store)
    decision = answered(Rooms.over(store, world.data_dir, world.rooms.rates), call, CALLEE, 0, world.now)
    store.close()
    return decision, store.puts


@pytest.mark.parametrize("situation", [_plain, _limited, _exposed, _taxed, _partner_below])
def test_what_was_worked_out_before_is_what_is_decided_inside(
    world: World, monkeypatch: pytest.MonkeyPatch, situation: Callable[[World], None]
) -> None:
    """To the byte: the same grant, holds, counters, record and event."""
    situation(world)
    call = world.ring()
    drafts: list[Draft | None] = []
    made = answer.draft_of
    monkeypatch.setattr(answer, "draft_of", lambda *asked: drafts.append(made(*asked)) or drafts[-1])
    sooner = _written(world, call)
    monkeypatch.setattr(answer, "draft_of", lambda *_: None)
    assert sooner == _written(world, call)
    assert sooner[0] == Grant(100)
    assert drafts[0] is not None
    assert drafts[0].record in sooner[1].values()


@pytest.mark.parametrize("short", [{"channels": 0}, {"limit": 60_000}])
def test_where_it_is_not_so_nothing_of_it_is_written(world: World, short: dict[str, int]) -> None:
    """Little money, or little of a limit: a first hold's length, as ever."""
    if "limit" in short:
        world.precautions(CUSTOMER, MINUTE | short)
    else:
        world.balance(CUSTOMER, 150_000)
    assert world.pick_up(world.ring()) == Grant(10)
    assert world.running()[0].grant_s == 10
    assert_consistent(world)


def _suspended(world: World, _call: str) -> None:
    world.account(UPPER, parent=1, state="suspended")


def _trunk_suspended(world: World, _call: str) -> None:
    world.trunk(1, CUSTOMER, state="suspended")


def _spent(world: World, _call: str) -> None:
    world.balance(CUSTOMER, 10_000 + 5_000)


def _spent_by_another(world: World, _call: str) -> None:
    world.balance(CUSTOMER, 50_000)
    world.ring()


def _cut(world: World, call: str) -> None:
    world.do("cut", call=call)


def _gone(world: World, call: str) -> None:
    world.hang_up(call, code=487)


def _used_up(world: World, _call: str) -> None:
    world.precautions(CUSTOMER, spend(1))


@pytest.mark.parametrize("meanwhile", [_suspended, _trunk_suspended, _spent, _spent_by_another, _cut, _gone, _used_up])
def test_what_happens_before_the_lock_counts(
    world: World, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[World, str], None]
) -> None:
    """Between the look and the lock the store moves: the decision is that of an answer that came after it."""
    world.precautions(CUSTOMER, spend(100_000))
    call = world.ring()
    made, drafts = answer.draft_of, []

    def late(*asked: Any) -> Draft | None:
        drafts.append(made(*asked))
        meanwhile(world, call)
        return drafts[-1]

    monkeypatch.setattr(answer, "draft_of", late)
    decision = world.pick_up(call)
    assert drafts[0] is not None
    assert decision != Grant(100)
    assert (decision == Grant(10)) is (meanwhile in {_spent, _spent_by_another, _used_up}), decision
    assert len([one for one in world.running() if one.hex == call]) == isinstance(decision, Grant)
    assert_consistent(world)


def test_a_provider_with_a_limit_holds_the_cost_of_the_grant(world: World) -> None:
    """Worked out before, moved inside."""
    expose(world, EURO)
    assert world.pick_up(world.ring()) == Grant(100)
    held = world.running()[0].provider
    assert held is not None
    assert (held.account, held.held) == (CARRIER, 20_000)
    assert_consistent(world)
