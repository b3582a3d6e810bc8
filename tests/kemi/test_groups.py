"""The destination groups of a call's number: by one pointer, read only when somebody asks."""

from __future__ import annotations

import pytest

from kemi.authorize import Admitted
from kemi.failover import fail_over
from kemi.quote import Look
from kemi.refusal import Refusal, Refused
from ratebook.groups import Group
from tests.kemi.world import World

MOBILE = Group("mobile", ("336", "4915"))


def groups_of(world: World, number: str) -> tuple[str, ...]:
    """As the call path asks."""
    store = world.rooms.store
    with store.read() as txn, world.rooms.rates.snapshot() as rates:
        look = Look(store, txn, store.configuration(txn), rates, number, world.now.wall_s, world.now.boot_ms)
        return look.groups()


def test_without_groups_no_number_is_in_one(world: World) -> None:
    """Nothing was ever published."""
    assert groups_of(world, "33612") == ()


def test_a_command_switches_them(world: World) -> None:
    """All at once, also to none."""
    world.groups(MOBILE)
    assert (groups_of(world, "33612"), groups_of(world, "33712")) == (("mobile",), ())
    world.groups(Group("others", ("337",)))
    assert (groups_of(world, "33612"), groups_of(world, "33712")) == ((), ("others",))
    world.do("groups", version="")
    assert groups_of(world, "33712") == ()


def test_a_plan_pins_a_group(world: World) -> None:
    """Its numbers go by one gateway, and fail over nowhere; others by all. Without groups the rule holds for none."""
    world.plan(rules=[["only", [3], [], [], ["mobile"]]])
    assert world.invite("+33612").target.gateway == 1  # type: ignore[union-attr]
    world.groups(MOBILE)
    admitted = world.invite("+33612")
    assert isinstance(admitted, Admitted)
    assert admitted.target.gateway == 3
    assert fail_over(world.rooms, admitted.call, 503, world.now) is None
    other = world.invite("+33712")
    assert isinstance(other, Admitted)
    assert other.target.gateway == 1
    assert fail_over(world.rooms, other.call, 503, world.now) is not None


def test_a_plan_whose_groups_are_not_there(world: World) -> None:
    """Refused: nobody knows whether the number is one of those."""
    world.plan(rules=[["exclude", [1], [], [], ["mobile"]]])
    world.do("groups", version="00" * 8)
    refused = world.invite("+33612")
    assert isinstance(refused, Refused)
    assert (refused.code, refused.rule) == (503, "groups")


def test_groups_that_are_not_there_are_a_hole(world: World) -> None:
    """A rule that asks for them must not be passed over."""
    world.do("groups", version="00" * 8)
    with pytest.raises(Refusal) as told:
        groups_of(world, "33612")
    assert (told.value.refused.code, told.value.refused.rule) == (503, "groups")
