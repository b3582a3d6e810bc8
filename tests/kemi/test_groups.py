"""The destination groups of a call's number: by one pointer, read only when somebody asks."""

from __future__ import annotations

import pytest

from kemi.quote import Look
from kemi.refusal import Refusal
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


def test_groups_that_are_not_there_are_a_hole(world: World) -> None:
    """A rule that asks for them must not be passed over."""
    world.do("groups", version="00" * 8)
    with pytest.raises(Refusal) as told:
        groups_of(world, "33612")
    assert (told.value.refused.code, told.value.refused.rule) == (503, "groups")
