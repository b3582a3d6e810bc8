"""What is said of it all: lines in the log, and counters."""

from __future__ import annotations

import time

import KSR

SELDOM_S = 60.0
_said_s: dict[str, float] = {}


def hush() -> None:
    """From now on Kamailio itself says critical things only: its parser's errors quote whole messages, line breaks and
    all, so that whoever can send a datagram could fill the log or forge it. `kamcmd cfg.seti core debug 1` undoes it.
    """
    KSR.jsonrpcs.exec('{"jsonrpc": "2.0", "method": "cfg.set_now_int", "params": ["core", "debug", -2], "id": 1}')


def say(line: str) -> None:
    """One line in the log, at the level that `hush` leaves."""
    KSR.crit(line + "\n")


def say_seldom(line: str) -> None:
    """A line in the log that this process has not said for SELDOM_S."""
    moment_s = time.monotonic()
    if moment_s - _said_s.get(line, -SELDOM_S) >= SELDOM_S:
        _said_s[line] = moment_s
        say(line)


def count(name: str) -> None:
    """Adds one to a counter of Kamailio's (`kamailio.cfg` names them; RPC `stats.get_statistics` shows them)."""
    KSR.statistics.update_stat(f"kambill_{name}", 1)


def note(line: str) -> None:
    """One line in the log, as information: seen until `hush` only."""
    KSR.notice(line + "\n")
