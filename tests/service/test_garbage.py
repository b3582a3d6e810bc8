"""What a look for garbage leaves is set aside; what becomes garbage is found, sooner or later."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from service import garbage


class _Ring:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.callbacks.remove(garbage._set_aside)
    gc.unfreeze()
    gc.set_threshold(*threshold)


def test_what_a_look_leaves_is_not_looked_at_again() -> None:
    """Neither what stood, nor what a later look has left; and settling twice is settling."""
    garbage.settle()
    garbage.settle()
    assert gc.callbacks.count(garbage._set_aside) == 1
    kept = [_Ring() for _ in range(1_000)]
    aside = gc.get_freeze_count()
    gc.collect()
    assert gc.get_freeze_count() >= aside + len(kept)
    assert len(gc.get_objects(garbage.FULL)) < len(kept)


def test_garbage_is_found_even_if_it_was_set_aside() -> None:
    """What came since by every look, what stood before when all is looked through."""
    old = _Ring()
    garbage.settle()
    new = _Ring()
    seen_old, seen_new = weakref.ref(old), weakref.ref(new)
    del old, new
    gc.collect()
    assert (seen_new() is None, seen_old() is None) == (True, False)
    garbage.settle()
    assert seen_old() is None
