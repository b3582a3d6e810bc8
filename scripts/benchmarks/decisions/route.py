"""Kambill's own routes with a clock at each decision. Run by Kamailio in the place of kemi/route.py.

Each process writes a line for every decision, name and nanoseconds, to a file of its own beside this one.
"""

# It replaces names of other modules on purpose.
# mypy: ignore-errors

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

sys.path.insert(0, os.environ["KAMBILL_HOME"])

from kemi import calls_in, calls_on, in_dialog, route

_FLUSH_EACH = 500
_lines: list[str] = []


def timed(name: str, decide: Callable[..., Any]) -> Callable[..., Any]:
    """The decision, with a line about how long it took."""

    def timing(*args: Any, **named: Any) -> Any:
        started_ns = perf_counter_ns()
        try:
            return decide(*args, **named)
        finally:
            _lines.append(json.dumps([name, perf_counter_ns() - started_ns]))
            if len(_lines) >= _FLUSH_EACH:
                with (Path("@FOLDER@") / f"times-{os.getpid()}.jsonl").open("a") as file:
                    file.write("\n".join(_lines) + "\n")
                _lines.clear()

    return timing


calls_in.identify = timed("identify", calls_in.identify)
calls_in.authorise = timed("authorise", calls_in.authorise)
calls_on.answered = timed("answer", calls_on.answered)
in_dialog.hung_up = timed("settle", in_dialog.hung_up)
in_dialog.speaker = timed("speaker", in_dialog.speaker)

mod_init = route.mod_init
