"""Who goes first when a machine is busy."""

from __future__ import annotations

import subprocess
from functools import cache

FIRST = ("chrt", "--rr", "1")
"""Of docs/install.md: before every program that has no such priority."""


@cache
def first() -> tuple[str, ...]:
    """What Kamailio's command begins with; nothing where this user may not give it (root may, CAP_SYS_NICE)."""
    tried = subprocess.run([*FIRST, "true"], capture_output=True, check=False)
    return () if tried.returncode else FIRST
