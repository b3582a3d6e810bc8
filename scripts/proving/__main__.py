"""scripts/test without words: the table of all proofs."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from scripts.proving.failures import LINES_MAX, excerpt
from scripts.proving.lanes import Lanes, Outcome, Stage

WHOLE = ("-m", "pytest", "-o", "verbosity_assertions=2")
"""What was asserted is told without anything left out: nobody can ask again what a run had that failed once."""
PYTEST = (sys.executable, *WHOLE)
LOW = ("nice", "-n", "15")
"""What keeps a processor busy for minutes lets those go first that wait for a timer and have a word to say."""
IS_ROOT = os.geteuid() == 0
"""Root has a network of its own for each of several workers; others have the one loopback, for one file at a time."""
BUSY = (
    "tests/sip/test_chaos.py", "tests/demo", "tests/sip/test_packets.py", "tests/sip/test_floods.py",
    "tests/sip/test_burst.py", "tests/sip/test_full.py",
)  # fmt: skip
"""Real SIP that is busy, or measures a time while it is: two files at a time hold where sixteen others want the
processors, five don't. In this order: no long file is the last."""

ENDINGS = (signal.SIGINT, signal.SIGTERM)

SHELLS = (
    "kemi/sip/*,kemi/route.py,kemi/calls_in.py,kemi/calls_on.py,kemi/in_dialog.py,kemi/messages.py,kemi/notes.py,"
    "kemi/devices_in.py,kemi/carriers.py,kemi/ends.py,kemi/reading.py,kemi/sending.py,kemi/failures.py,kemi/closings.py"
)
"""What only carries decisions to Kamailio and back is not measured: tests/sip runs it inside a real one."""
COVERAGE = (sys.executable, "-m", "coverage")
PURE = ("tests/ratebook", "tests/kemi")
ELSEWHERE = (*PURE, "tests/sip", "tests/demo", "tests/portal")


def _beside(count: int) -> tuple[str, ...]:
    return ("-n", str(count), "--dist", "loadfile", "--no-loadscope-reorder") if IS_ROOT else ()


def _without(*paths: str) -> tuple[str, ...]:
    return tuple(word for path in paths for word in ("--ignore", path))


LINT = Stage("lint", [["scripts/lint"]])
MEASURED = (*LOW, *COVERAGE, "run", "--source", "ratebook,kemi", "--omit", SHELLS, *WHOLE, *PURE)
ENOUGH = (*COVERAGE, "report", "--skip-covered", "--show-missing", "--fail-under", "95")
UNITS = Stage("units", [[*MEASURED, "-m", "not hypothesis"], ENOUGH])
"""95 of 100 lines and branches of what prices and decides. Hypothesis apart: measured, it takes twice as long."""
EXAMPLES = Stage("examples", [[*LOW, *PYTEST, *PURE, "-m", "hypothesis"]])
ROOMS = Stage("rooms", [[*LOW, *PYTEST, "tests", *_without(*ELSEWHERE), "-n", "2"]])
PAGES = Stage("pages", [[*LOW, *PYTEST, "tests/portal"]])
WAITING_SIP = Stage("sip", [[*PYTEST, "tests/sip", *_without(*BUSY), *_beside(5)]])
BUSY_SIP = Stage("busy sip", [[*PYTEST, *BUSY, *_beside(2)]])


def main() -> int:
    """0: all proofs hold."""
    for signum in ENDINGS:
        signal.signal(signum, _end)
    began_s = time.monotonic()
    with Lanes(Path(tempfile.mkdtemp(prefix="logs-"))) as lanes:
        outcomes = [*lanes.run([ROOMS], [LINT, UNITS, EXAMPLES, PAGES], [WAITING_SIP, BUSY_SIP])]
        _tell(outcomes, lanes.others_cpu_s, time.monotonic() - began_s)
    return int(any(outcome.code for outcome in outcomes))


def _end(*_: object) -> None:
    """Once: what is being put away isn't left half way."""
    for signum in ENDINGS:
        signal.signal(signum, signal.SIG_IGN)
    sys.exit(1)


def _tell(outcomes: list[Outcome], others_cpu_s: float, wall_s: float) -> None:
    """Failures, in short. A line a stage, one of their databases and browsers; and what can't be undercut, all work
    over all processors.
    """
    failed = [outcome for outcome in outcomes if outcome.code]
    for outcome in failed:
        told = excerpt(outcome.log.read_text(errors="replace"), LINES_MAX // len(failed))
        print(f"== {outcome.name} FAILED:", *told, sep="\n")
    for name, code, stage_s, cpu_s, _ in outcomes:
        print(f"{name:10} {'ok' if code == 0 else 'FAILED':6} {stage_s:5.0f} s {cpu_s:6.0f} s of a processor")
    cpu_s, processors = sum(outcome.cpu_s for outcome in outcomes) + others_cpu_s, os.cpu_count() or 1
    print(f"{'others':10} {'':6} {'':7} {others_cpu_s:6.0f} s of a processor")
    print(
        f"in all {wall_s:.0f} s; {cpu_s:.0f} s of work, {cpu_s / processors:.0f} s on each of {processors} processors"
    )


if __name__ == "__main__":
    sys.exit(main())
