"""A comparison in a process of its own: a million calls would keep the service from everything else, a hostile file
could take all of its memory. Run as a program this module is that process.
"""

from __future__ import annotations

import pickle
import resource
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from service.interconnect.reconcile.matching import Comparison, compare
from service.interconnect.reconcile.reading import Refused, read_file
from service.interconnect.reconcile.sides import Answers, Fault, Ours, Rules, Theirs

MEMORY_BYTES_MAX = 2 << 30
CPU_S_MAX = 300
WAIT_S_MAX = 900
"""On a busy machine the processor's seconds take longer."""
_HOME = Path(__file__).parents[3]


class Job(NamedTuple):
    """What is to be compared."""

    raw: bytes
    answers: Answers
    ours: Ours
    rules: Rules


class Done(NamedTuple):
    """What came of it."""

    theirs: Theirs
    answers: Answers
    found: Comparison


def work(job: Job) -> Done:
    """In this process. Raises Refused."""
    file = read_file(job.raw, job.answers)
    return Done(file.theirs, file.answers, compare(job.ours, file.theirs, job.rules))


def work_apart(job: Job) -> Done:
    """In another one. Raises Refused, RuntimeError: a fault of ours."""
    asked = pickle.dumps(job, protocol=pickle.HIGHEST_PROTOCOL)
    words = [sys.executable, "-m", "service.interconnect.reconcile.worker"]
    try:
        done = subprocess.run(words, input=asked, capture_output=True, timeout=WAIT_S_MAX, check=False, cwd=_HOME)
    except subprocess.TimeoutExpired:
        raise Refused([Fault(0, f"it takes more than {WAIT_S_MAX} s to compare: take a shorter time")]) from None
    if done.returncode > 0 and b"MemoryError" not in done.stderr:
        raise RuntimeError(f"the comparison failed: {done.stderr[-2_000:].decode(errors='replace')}")
    if done.returncode:
        limits = f"{MEMORY_BYTES_MAX >> 30} GiB of memory or {CPU_S_MAX} s"
        raise Refused([Fault(0, f"it takes more than {limits} to compare: take a shorter time")])
    found: Done | Refused = pickle.loads(done.stdout)  # noqa: S301 -- our own process
    if isinstance(found, Refused):
        raise found
    return found


def _main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S_MAX, CPU_S_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # by its full name: what is pickled here is opened by another module
    from service.interconnect.reconcile import worker  # noqa: PLC0415, PLW0406

    found: worker.Done | Refused
    try:
        found = worker.work(worker.Job(*pickle.load(sys.stdin.buffer)))  # noqa: S301 -- from our own process
    except Refused as refused:
        found = refused
    pickle.dump(found, sys.stdout.buffer, protocol=pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    _main()
