"""Kambill's own routes, or the guards' proxy, with a count at each entry: functions of Python, and of Kamailio.

Each process writes a line for every message, what it was and both counts, to a file of its own beside this one. What
one entry calls inside another one (the branch of an INVITE inside its relay) is counted for itself.
"""

# It wraps methods of another module on purpose.
# mypy: ignore-errors

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, os.environ["KAMBILL_HOME"])

import KSR

from kemi import route

_guards = Path("@FOLDER@/guards.py")
if _guards.exists():
    exec(compile(_guards.read_text(), "guards.py", "exec"))
else:
    mod_init = route.mod_init

COUNTED = tuple(name for name in route.CALLBACKS if name.startswith("ksr_") and not name.endswith("_tick"))
_open: list[list[int]] = []
"""Counts of the entries at hand, the innermost last."""


def _kamailios() -> frozenset[int]:
    modules = [KSR, *(one for one in vars(KSR).values() if isinstance(one, ModuleType))]
    return frozenset(id(one) for module in modules for one in vars(module).values() if callable(one))


KAMAILIOS = _kamailios()


def _seen(_frame: Any, event: str, arg: Any) -> None:
    if event == "call":
        _open[-1][0] += 1
    elif event == "c_call" and id(arg) in KAMAILIOS:
        _open[-1][1] += 1


def _what(entry: str, words: tuple[Any, ...]) -> str:
    """How the message at hand is named."""
    if entry == "ksr_request_route":
        return KSR.pv.get("$rm")
    if entry == "ksr_reply_route":
        return f"{KSR.pv.get('$rs')} {KSR.pv.get('$rm')}"
    return " ".join([entry, *[word for word in words if isinstance(word, str)]])


def counting(entry: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """The entry, with a line about what it called."""

    def counted(self: Any, *args: Any) -> Any:
        sys.setprofile(None)
        what = _what(entry, args)
        _open.append([0, 0])
        sys.setprofile(_seen)
        try:
            return method(self, *args)
        finally:
            sys.setprofile(None)
            counts = _open.pop()
            with (Path("@FOLDER@") / f"counts-{os.getpid()}.jsonl").open("a") as file:
                file.write(json.dumps([what, *counts]) + "\n")
            if _open:
                sys.setprofile(_seen)

    return counted


for _entry in COUNTED:
    setattr(route.Kambill, _entry, counting(_entry, getattr(route.Kambill, _entry)))
