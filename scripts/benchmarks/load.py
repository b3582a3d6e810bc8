"""Telephones by sipp, and what the proxy's processes use meanwhile."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import NamedTuple

from scripts.demo.children import Child, Children
from scripts.demo.sockets import Address, is_bound

SCENARIOS = Path(__file__).resolve().parent / "sipp"
SIP_PORT, CALLER_PORT, CALLEE_PORT = 27060, 27090, 27080
HOST = "127.0.0.1"
LATE_S = 20.0
"""A load that takes so much longer than it should has failed: what had not succeeded by then counts as failed."""


class Load(NamedTuple):
    """So many calls, so fast, so long."""

    calls: int
    rate: int
    talk_ms: int


class Result(NamedTuple):
    """What a load did."""

    proxy: str
    load: Load
    succeeded: int
    failed: int
    seconds: float
    cpu_us_per_call: int
    """Of all processes of the proxy."""


def family(pid: int) -> list[int]:
    """A process and its children."""
    found = [pid]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == pid:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def cpu_ns(pids: list[int]) -> int:
    """CPU time of processes so far."""
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids)


def run(children: Children, proxy: Child, load: Load, numbers: Path, logs: Path) -> Result:
    """Puts a load on a proxy. `numbers`: sipp's file of what to dial."""
    common = ["-i", HOST, "-nostdin", "-nd"]
    callee: list[str | Path] = ["sipp", "-sf", SCENARIOS / "callee.xml", "-p", str(CALLEE_PORT), *common]
    gateway = children.start("the gateway", callee, logs / "callee.out")
    gateway.wait_until(lambda: is_bound(Address(HOST, CALLEE_PORT)), 5)
    command: list[str | Path] = [
        "sipp",
        "-sf",
        SCENARIOS / "caller.xml",
        "-p",
        str(CALLER_PORT),
        *common,
        "-inf",
        numbers,
    ]
    command += ["-m", str(load.calls), "-r", str(load.rate), "-d", str(load.talk_ms), "-l", "60000"]
    command += [f"{HOST}:{SIP_PORT}"]
    pids = family(proxy.process.pid)
    log = logs / f"caller-{time.monotonic_ns()}.out"
    before, started = cpu_ns(pids), time.monotonic()
    caller = children.start("the caller", command, log)
    in_time = caller.ends_within(load.calls / load.rate + load.talk_ms / 1000 + LATE_S)
    seconds, used = time.monotonic() - started, cpu_ns(pids) - before
    children.stop(caller)
    children.stop(gateway)
    said = log.read_text(errors="replace")
    log.unlink()
    succeeded, failed = (_counted(said, word) for word in ("Successful", "Failed"))
    if not in_time:
        failed = load.calls - succeeded
    return Result(proxy.name, load, succeeded, failed, seconds, used // 1000 // load.calls)


def _counted(said: str, word: str) -> int:
    rows = re.findall(rf"{word} call\s+\|\s+\d+\s+\|\s+(\d+)", said)
    return int(rows[-1]) if rows else 0


def processors() -> int:
    """How many this machine has."""
    return os.cpu_count() or 1
