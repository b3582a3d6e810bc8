"""`scripts/bench call`: CPU a call of Kambill and of two proxies that do less, in turn, and the medians."""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

from scripts.benchmarks import company
from scripts.benchmarks.load import Load, Result, processors, run
from scripts.benchmarks.proxies import Proxy
from scripts.demo.children import Children
from service.faults import Fault

SETTLE_S = 1.5
"""After a start, before a load: timers and allocations of the start are not the calls'."""


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("what", choices=["call"])
    parser.add_argument("proxies", nargs="*", default=["plain", "guards", "kambill"])
    for option, value in (("rounds", 5), ("calls", 4000), ("rate", 400), ("talk-ms", 1000)):
        parser.add_argument(f"--{option}", type=int, default=value)
    parser.add_argument("--rates", type=int, default=300_000, help="of each of the four tariffs of Kambill")
    parser.add_argument("--accounts", type=int, default=10_000)
    return parser.parse_args()


def main() -> int:
    """One JSON line a run, then the medians and ratios."""
    found = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    load = Load(found.calls, found.rate, found.talk_ms)
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="kambill-bench-") as name:
        folder = Path(name)
        numbers = folder / "numbers.csv"
        dialled = company.numbers(found.rates, found.accounts)
        numbers.write_text("\n".join(["SEQUENTIAL", *dialled]) + "\n")
        proxies = [Proxy(name, folder, found.rates, found.accounts) for name in found.proxies]
        try:
            for _ in range(found.rounds):
                for proxy in proxies:
                    results.append(one_round(proxy, load, numbers, folder))
                    tell(results[-1])
        except Fault as fault:
            print(fault, file=sys.stderr)
            return 1
        finally:
            for proxy in proxies:
                proxy.close()
    print(json.dumps(summary(results)))
    return 0 if all(result.failed == 0 for result in results) else 1


def one_round(proxy: Proxy, load: Load, numbers: Path, logs: Path) -> Result:
    """Starts a proxy, loads it, stops it."""
    with Children() as children:
        child = proxy.start(children)
        time.sleep(SETTLE_S)
        result = run(children, child, load, numbers, logs)
        if "fault" in child.tail():
            raise Fault(f"{proxy.name} did not do its work, so that its figures mean nothing:\n{child.tail()}")
        return result


def tell(result: Result) -> None:
    """One line of JSON."""
    values = result._asdict() | {"load": result.load._asdict(), "seconds": round(result.seconds, 1)}
    print(json.dumps(values), flush=True)


def summary(results: list[Result]) -> dict[str, object]:
    """Medians by proxy, and Kambill's beside the others'."""
    by_proxy: dict[str, list[int]] = {}
    for result in results:
        by_proxy.setdefault(result.proxy, []).append(result.cpu_us_per_call)
    medians = {name: statistics.median(values) for name, values in by_proxy.items()}
    ratios = {
        f"kambill/{name}": round(medians["kambill"] / medians[name], 3)
        for name in medians
        if name != "kambill" and "kambill" in medians
    }
    return {"median_cpu_us_per_call": medians, "ratios": ratios, "processors": processors()}


if __name__ == "__main__":
    sys.exit(main())
