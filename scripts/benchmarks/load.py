"""Telephones by sipp, and what the proxy's processes use meanwhile."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import NamedTuple

from scripts.benchmarks.telephones import Telephones
from scripts.demo.children import Child, Children
from scripts.demo.sockets import Address, is_bound
from service.faults import Fault

SCENARIOS = Path(__file__).resolve().parent / "sipp"
SIP_PORT, CALLER_PORT, CALLEE_PORT = 27060, 27090, 27080
HOST = "127.0.0.1"
LATE_S = 20.0
"""A load that takes so much longer than it should has failed: what had not succeeded by then counts as failed."""


SIGN_INS, SIGN_IN_S = 50, 60
"""Registrations that each sipp begins a second, and how long all of them may take."""
BUFFER_BYTES = 1 << 21
"""Of a telephone's socket: with its own 64 KiB, sipp loses messages as soon as it waits for a processor."""
COMMON = ("-i", HOST, "-nostdin", "-nd", "-buff_size", str(BUFFER_BYTES))
Words = tuple[str | Path, ...]
"""Arguments of a sipp."""


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


def switches(numbers: Path) -> list[Words]:
    """What sipp is told for calls of trunks. `numbers`: its file of what to dial."""
    return [("-sf", SCENARIOS / "caller.xml", "-p", str(CALLER_PORT), "-inf", numbers)]


def phones(telephones: list[Telephones]) -> list[Words]:
    """The same for calls of telephones, each of which is challenged."""
    return [
        (
            *("-sf", SCENARIOS / "telephone.xml", "-p", str(one.port), "-inf", one.names),
            *("-s", one.number, "-auth_uri", f"{one.number}@{HOST}:{SIP_PORT}"),
        )
        for one in telephones
    ]


def sign_in(children: Children, telephones: list[Telephones], logs: Path) -> None:
    """Every telephone registers, once. Raises Fault: one could not."""
    running = []
    for one in telephones:
        count = len(one.names.read_text().splitlines()) - 1
        words: Words = ("-sf", SCENARIOS / "register.xml", "-p", str(one.port), "-inf", one.names)
        command = _command(words, count, str(SIGN_INS), "1000")
        running.append(children.start("registering telephones", command, logs / f"register-{one.port}.out"))
    for child in running:
        if not child.ends_within(SIGN_IN_S) or child.process.returncode:
            raise Fault(f"the telephones could not register:\n{child.tail()}")
        children.stop(child)
        child.log.unlink()


def _command(words: Words, calls: int, rate: str, period_ms: str) -> list[str | Path]:
    asked = ["-m", str(calls), "-r", rate, "-rp", period_ms, "-l", "60000"]
    return ["sipp", *words, *COMMON, *asked, f"{HOST}:{SIP_PORT}"]


def run(children: Children, proxy: Child, load: Load, callers: list[Words], logs: Path) -> Result:
    """Puts a load on a proxy. `callers`: what each sipp is told; they share the calls."""
    callee: list[str | Path] = ["sipp", "-sf", SCENARIOS / "callee.xml", "-p", str(CALLEE_PORT), *COMMON]
    gateway = children.start("the gateway", callee, logs / "callee.out")
    gateway.wait_until(lambda: is_bound(Address(HOST, CALLEE_PORT)), 5)
    pids = family(proxy.process.pid)
    calls = load.calls // len(callers)
    before, started = cpu_ns(pids), time.monotonic()
    running = []
    for words in callers:
        log = logs / f"caller-{time.monotonic_ns()}.out"
        command = _command(words, calls, str(load.rate), str(1000 * len(callers)))
        running.append(children.start("the callers", [*command, "-d", str(load.talk_ms)], log))
    end = started + load.calls / load.rate + load.talk_ms / 1000 + LATE_S
    in_time = all(one.ends_within(max(0, end - time.monotonic())) for one in running)
    seconds, used = time.monotonic() - started, cpu_ns(pids) - before
    succeeded = failed = 0
    for one in running:
        children.stop(one)
        said = one.log.read_text(errors="replace")
        one.log.unlink()
        succeeded, failed = succeeded + _counted(said, "Successful"), failed + _counted(said, "Failed")
    children.stop(gateway)
    if not in_time:
        failed = calls * len(callers) - succeeded
    return Result(proxy.name, load, succeeded, failed, seconds, used // 1000 // (calls * len(callers)))


def _counted(said: str, word: str) -> int:
    rows = re.findall(rf"{word} call\s+\|\s+\d+\s+\|\s+(\d+)", said)
    return int(rows[-1]) if rows else 0


def processors() -> int:
    """How many this machine has."""
    return os.cpu_count() or 1
