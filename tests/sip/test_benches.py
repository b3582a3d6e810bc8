"""The proxies that Kambill is measured against still carry calls: each fixes decisions by names of kemi's own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SMALL = ("--rounds", "1", "--calls", "20", "--rate", "20", "--talk-ms", "100", "--rates", "1000", "--accounts", "100")


def _bench(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.benchmarks", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


def test_every_proxy_of_the_bench_carries_its_calls() -> None:
    names = ["plain", "guards", "floor", "guards counted", "kambill counted", "decisions", "kambill"]
    done = _bench("call", *names, *SMALL)
    assert done.returncode == 0, done.stderr
    *runs, medians = map(json.loads, done.stdout.splitlines())
    assert [(run["proxy"], run["succeeded"], run["failed"]) for run in runs] == [(name, 20, 0) for name in names]
    assert set(medians["median_cpu_us_per_call"]) == set(names)


def test_a_second_bench_is_no_proxy() -> None:
    done = _bench("call", "loop")
    assert (done.returncode, done.stdout) == (2, "")
    assert "loop: no proxy" in done.stderr
