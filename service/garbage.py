"""Python's look for garbage in rings of things that hold each other: so that no answer waits long for it.

A full look goes through everything that is there, and held up one answer of some hundred by a tenth of a second. What a
look has left is set aside, so that the next one goes through what came since: a few milliseconds. What becomes garbage
after it was set aside is found when all is looked through again, once an hour.
"""

from __future__ import annotations

import asyncio
import gc
from typing import Any

FULL = 2
"""The oldest generation: a look at it is one at everything."""
WARM_S = 600
"""After so long most of what a service keeps has been made."""
AGAIN_S = 3_600


def settle() -> None:
    """Looks through everything, and sets aside what stands."""
    if _set_aside not in gc.callbacks:
        gc.callbacks.append(_set_aside)
    gc.set_threshold(700)  # Python's own: a start has a higher one
    gc.unfreeze()
    gc.collect()


def _set_aside(phase: str, info: dict[str, Any]) -> None:
    if phase == "stop" and info["generation"] == FULL:
        gc.freeze()


def keep_settled(loop: asyncio.AbstractEventLoop) -> None:
    """Now, when the service is warm, and then each hour."""
    settle()
    loop.call_later(WARM_S, _again, loop)


def _again(loop: asyncio.AbstractEventLoop) -> None:
    settle()
    loop.call_later(AGAIN_S, _again, loop)
