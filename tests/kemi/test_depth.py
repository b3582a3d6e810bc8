"""The tree of accounts is as deep as it may be: every level of it is held, charged and refused as any other."""

from __future__ import annotations

import pytest

from kemi.authorize import Refused
from kemi.store.accounts import DEPTH_MAX, BrokenPath, path_of
from service.accounts import rules
from tests.kemi.world import EURO, ROOT, World, assert_consistent, terms


def plant(world: World, depth: int) -> list[int]:
    """A line of accounts below the operator, each of which pays a thousandth a minute more than the one above it; the
    trunk is the last one's.
    """
    line = list(range(101, 101 + depth))
    for parent, account in zip([ROOT, *line], line, strict=False):
        world.account(account, parent=parent)
        world.credit(account, 1000 * EURO)
        world.tariff(account, {"": terms(f"0.{18 + account - 100:03}")})
    world.trunk(1, line[-1])
    return line


@pytest.mark.parametrize("depth", [10, 40, DEPTH_MAX])
def test_a_call_is_charged_at_every_level(world: World, depth: int) -> None:
    """Exactly, of a minute; each seller keeps its thousandth, the operator what is beyond the carrier's 0.012."""
    line = plant(world, depth)
    call = world.talk()
    assert all(world.get(account).held for account in line)
    world.wait(60)
    assert world.hang_up(call)
    assert world.charges() == {account: (18 + account - 100) * 1_000 for account in line}
    assert world.last_cdr()["cost"]["micros"] == 12_000
    assert [world.get(account).balance for account in line] == [
        1000 * EURO - (18 + account - 100) * 1_000 for account in line
    ]
    assert_consistent(world)


@pytest.mark.parametrize("level", [0, DEPTH_MAX // 2, DEPTH_MAX - 1])
def test_a_call_without_money_at_one_level_is_refused(world: World, level: int) -> None:
    """Whichever it is; nothing is held anywhere."""
    line = plant(world, DEPTH_MAX)
    world.balance(line[level], 0)
    refused = world.invite()
    assert isinstance(refused, Refused)
    assert refused.account == line[level]
    assert not any(world.get(account).held for account in line)


def test_the_call_path_knows_as_many_levels_as_the_tree_may_have() -> None:
    """Else accounts could be made that nobody can call from."""
    assert rules.DEPTH_MAX == DEPTH_MAX


def test_accounts_in_a_circle(world: World) -> None:
    """Are found out, and not gone round for ever."""
    world.account(8, parent=7)
    world.account(7, parent=8)
    with world.rooms.store.read() as txn, pytest.raises(BrokenPath, match="ancestors"):
        path_of(world.rooms.store, txn, 7)
