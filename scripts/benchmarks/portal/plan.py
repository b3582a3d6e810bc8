"""How large the ledger of the portal's bench is, and where it is kept. Pure, but for looking at the folder."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import NamedTuple

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
HOURS = 1_000
"""Of traffic, each with as many calls."""
INVOICED_HOURS = 720
AHEAD_MS = 7 * DAY_MS
"""The traffic goes on so long after the making, so that a kept ledger has a busy today for a week."""
PROVIDERS, RESELLERS, BELOW = 4, 100, 900
"""Providers, resellers of the operator, resellers of those."""
FIRST_RESELLER = 10
FIRST_BELOW = FIRST_RESELLER + RESELLERS
FIRST_CUSTOMER = FIRST_BELOW + BELOW
_MAKERS = ("plan.py", "made.py", "making.py", "members.py", "summing.py")
DESTINATIONS = ("Germany mobile", "Germany", "United Kingdom", "France mobile", "Poland", "Austria", "Spain", "Italy")


class Plan(NamedTuple):
    """What is made."""

    calls: int
    """A multiple of HOURS."""
    accounts: int
    begin_ms: int
    """A whole day, UTC."""

    @property
    def customers(self) -> int:
        """Beside the root, providers and resellers."""
        return self.accounts - 1 - PROVIDERS - RESELLERS - BELOW

    @property
    def hourly(self) -> int:
        """Calls of an hour."""
        return self.calls // HOURS

    @property
    def end_ms(self) -> int:
        """Behind the last hour."""
        return self.begin_ms + HOURS * HOUR_MS


def plan_of(calls: int, accounts: int, now_ms: int) -> Plan:
    """Whose traffic ends a week from now."""
    end_ms = (now_ms + AHEAD_MS) // DAY_MS * DAY_MS
    whole_days = -(-HOURS * HOUR_MS // DAY_MS) * DAY_MS
    return Plan(max(HOURS, calls // HOURS * HOURS), max(accounts, FIRST_CUSTOMER + 100), end_ms - whole_days)


class Kept(NamedTuple):
    """A ledger's folder."""

    folder: Path
    plan: Plan
    is_made: bool


def kept(home: Path, database: str, calls: int, accounts: int) -> Kept:
    """The folder of a ledger of this size; made already if it says so and has a busy today."""
    now_ms = time.time_ns() // 1_000_000
    folder = home / f"{database}-{calls}-{_digest(accounts)}"
    said = folder / "plan.json"
    if said.exists():
        plan = Plan(*json.loads(said.read_text()))
        if plan.end_ms > now_ms + DAY_MS:
            return Kept(folder, plan, is_made=True)
    return Kept(folder, plan_of(calls, accounts, now_ms), is_made=False)


def _digest(accounts: int) -> str:
    """Of how it is filled. Its tables are brought up to date by migrations, as an operator's are."""
    told = hashlib.sha256(str(accounts).encode())
    for name in _MAKERS:
        told.update(Path(__file__).with_name(name).read_bytes())
    return told.hexdigest()[:12]
