"""Python's collector of cycles, kept away from work that makes a million values and no cycle."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collector() -> Iterator[None]:
    """Looking through a million rates for cycles, again and again, takes longer than reading them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.freeze()  # what was made goes to the oldest generation, without being looked through now
            gc.unfreeze()
            gc.enable()
