"""What calls cost, on this machine, now.

call       CPU a call of Kambill and of two proxies that do less, in turn, and the medians
highest    the highest rate at which none of their calls fails
decisions  how long Kambill's decisions take at a steady rate: median, 99th percentile, longest
publishing the same as decisions in turn with rates being published beside the calls, and without
loop       functions of Python and CPU of each decision without Kamailio, one call after another in one process: caches
           warm, and cold
messages   functions of Python, and of Kamailio called from there, that each message of a call takes in Kamailio
flat       CPU a call with few rates and accounts and with many, in turn
ratebook   a million rates checked, compiled, found, priced again; a workbook looked at; 1 if a limit is passed
reconcile  a partner's file of a million calls beside ours, a twentieth of them altered; 1 if a limit is passed
documents  an invoice of 400 lines as PDF, and with its data inside; 1 if a limit is passed
invoices   a billing run of a million calls on 10,000 invoices, unless told otherwise; 1 if the limit is passed
api        requests a second and times of the API, with 100,000 accounts unless told otherwise, on both databases
portal     every list, page and file over 10,000,000 calls of 100,000 accounts, unless told otherwise, on both
           databases, which stay below build/ for the next time; 1 if a limit is passed
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from scripts.benchmarks import company
from scripts.benchmarks.api import run as bench_api
from scripts.benchmarks.company import Size
from scripts.benchmarks.documents import run as bench_documents
from scripts.benchmarks.invoices import bench as bench_invoices
from scripts.benchmarks.load import Load, Result, Words, phones, processors, run, sign_in, switches
from scripts.benchmarks.portal.run import Ask
from scripts.benchmarks.portal.run import run as bench_portal
from scripts.benchmarks.portal.wall import HOUR
from scripts.benchmarks.proxies import ROUTES, SYSTEM_PYTHON, Proxy
from scripts.benchmarks.ratebook import run as bench_ratebook
from scripts.benchmarks.reconcile import run as bench_reconcile
from scripts.benchmarks.telephones import telephones
from scripts.demo.children import Children
from scripts.demo.places import HOME
from service.faults import Fault

SETTLE_S = 1.5
"""After a start, before a load: timers and allocations of the start are not the calls'."""
PROXIES = ("plain", "guards", "kambill")
CHALLENGING = frozenset({"plain", "decisions", "kambill"})
"""Those that ask telephones who they are: `guards` has no store that knows them."""
FLAT_FEW, FLAT_RATES, FLAT_ACCOUNTS = 10, 1_000_000, 100_000
ACCOUNTS = 10_000
CALLS = 4_000
RATE_STEP = 250
RATE_MAX = 4_000
RATE_S = 10
"""A rate is held for so long."""


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=list(BENCHES))
    parser.add_argument("proxies", nargs="*", default=PROXIES)
    for option, value in (("rounds", 5), ("calls", CALLS), ("rate", 400), ("talk-ms", 1000)):
        parser.add_argument(f"--{option}", type=int, default=value)
    parser.add_argument("--rates", type=int, default=300_000, help="of each of the four tariffs of Kambill")
    parser.add_argument("--accounts", type=int, default=ACCOUNTS)
    parser.add_argument("--limits", type=int, default=0, help="against fraud, of each customer")
    parser.add_argument("--gateways", type=int, default=1, help="of the plan, each with a tariff of its own")
    parser.add_argument("--devices", action="store_true", help="callers are telephones that sign in, not trunks")
    parser.add_argument("--samples", type=int, default=20, help="of each address of the portal")
    parser.add_argument("--databases", nargs="*", default=["sqlite", "postgresql"], help="of `portal`")
    parser.add_argument("--hour", type=int, default=HOUR, help="UTC, at which `portal` begins for the service")
    parser.add_argument("--cpu", action="store_true", help="`portal` holds processor time against its limits")
    found = parser.parse_args()
    known = {"plain", "kambill", *ROUTES}
    if unknown := set(found.proxies) - known:  # else a second bench's name would be measured, as Kambill
        parser.error(f"{', '.join(sorted(unknown))}: no proxy; one bench at a time")
    return found


def main() -> int:
    """One JSON line a run, then what they come to."""
    found = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    with tempfile.TemporaryDirectory(prefix="kambill-bench-") as name:
        try:
            return BENCHES[found.what](found, Path(name))
        except Fault as fault:
            print(fault, file=sys.stderr)
            return 1


def size_of(found: argparse.Namespace) -> Size:
    """How much the command line gives a proxy."""
    return Size(found.rates, found.accounts, found.limits, found.gateways, found.devices)


def names_of(found: argparse.Namespace) -> list[str]:
    """The proxies that are compared."""
    return [name for name in found.proxies if not found.devices or name in CHALLENGING]


def call(found: argparse.Namespace, folder: Path) -> int:
    """CPU a call, and the ratios of the medians."""
    proxies = [Proxy(name, folder / name, size_of(found)) for name in names_of(found)]
    load = Load(found.calls, found.rate, found.talk_ms)
    results = rounds(proxies, load, found.rounds)
    medians = medians_of(results)
    ratios = {
        f"kambill/{name}": round(medians["kambill"] / medians[name], 3)
        for name in medians
        if name != "kambill" and "kambill" in medians
    }
    print(json.dumps({"median_cpu_us_per_call": medians, "ratios": ratios, "processors": processors()}))
    return 0 if all(result.failed == 0 for result in results) else 1


def flat(found: argparse.Namespace, folder: Path) -> int:
    """CPU a call of Kambill with few and many rates, then with few and many accounts."""
    sizes = {
        "few rates": Size(FLAT_FEW, found.accounts),
        "many rates": Size(FLAT_RATES, found.accounts),
        "few accounts": Size(found.rates, FLAT_FEW),
        "many accounts": Size(found.rates, FLAT_ACCOUNTS),
    }
    proxies = [Proxy("kambill", folder / label.replace(" ", "-"), size, label) for label, size in sizes.items()]
    medians = medians_of(rounds(proxies, Load(found.calls, found.rate, found.talk_ms), found.rounds))
    ratios = {what: round(medians[f"many {what}"] / medians[f"few {what}"], 3) for what in ("rates", "accounts")}
    print(json.dumps({"sizes": sizes, "median_cpu_us_per_call": medians, "many/few": ratios}))
    return 0


def highest(found: argparse.Namespace, folder: Path) -> int:
    """Steps of RATE_STEP calls a second until a call fails."""
    rates = {}
    for name in names_of(found):
        rates[name] = 0
        with closing(Proxy(name, folder / name, size_of(found))) as proxy:
            for rate in range(2 * RATE_STEP, RATE_MAX + 1, RATE_STEP):
                if rounds([proxy], Load(rate * RATE_S, rate, found.talk_ms), 1, keep=True)[0].failed:
                    break
                rates[name] = rate
    print(json.dumps({"highest_rate_without_failure": rates, "processors": processors()}))
    return 0


def decisions(found: argparse.Namespace, folder: Path) -> int:
    """Times each decision inside Kamailio: from its call to its return, on a clock that runs on while it waits."""
    with closing(Proxy("decisions", folder / "decisions", size_of(found))) as proxy:
        rounds([proxy], Load(found.calls, found.rate, found.talk_ms), 1, keep=True)
        times = _times(proxy)
    print(json.dumps({"decisions_us": {name: spread(values) for name, values in sorted(times.items())}}))
    return 0


def messages(found: argparse.Namespace, folder: Path) -> int:
    """What each message of a call takes, as a count: a figure that no neighbour on the machine moves."""
    for name in names_of(found):
        if f"{name} counted" in ROUTES:
            with closing(Proxy(f"{name} counted", folder / name, size_of(found))) as proxy:
                rounds([proxy], Load(found.calls, found.rate, found.talk_ms), 1, keep=True)
                print(json.dumps({name: _counts(proxy)}), flush=True)
    return 0


def _counts(proxy: Proxy) -> dict[str, list[float]]:
    """What its processes have counted, by message: functions of Python and of Kamailio (medians); then a whole call."""
    counted: dict[str, list[list[int]]] = {}
    for path in proxy.folder.glob("counts-*.jsonl"):
        for line in path.read_text().splitlines():
            message, *counts = json.loads(line)
            counted.setdefault(message, []).append(counts)
    calls = len(counted["INVITE"])
    medians = {
        message: [statistics.median(values) for values in zip(*counts, strict=True)]
        for message, counts in sorted(counted.items())
        if len(counts) > calls // 2
    }
    of_a_call = [(round(len(counted[message]) / calls), counts) for message, counts in medians.items()]
    return medians | {"a call": [sum(times * counts[at] for times, counts in of_a_call) for at in (0, 1)]}


def _times(proxy: Proxy) -> dict[str, list[int]]:
    """What its processes have written since the last time, by decision, in nanoseconds."""
    times: dict[str, list[int]] = {}
    for path in proxy.folder.glob("times-*.jsonl"):
        for line in path.read_text().splitlines():
            name, taken_ns = json.loads(line)
            times.setdefault(name, []).append(taken_ns)
        path.unlink()
    return times


def publishing(found: argparse.Namespace, folder: Path) -> int:
    """The p99 of each decision beside a publisher that doesn't stop, and without one; medians of the rounds."""
    proxy = Proxy("decisions", folder / "decisions", size_of(found))
    load = Load(found.calls, found.rate, found.talk_ms)
    late: dict[bool, dict[str, list[float]]] = {False: {}, True: {}}
    rounds([proxy], load, 1, keep=True)  # fills the store
    _times(proxy)
    for _ in range(found.rounds):
        for beside in (False, True):
            words = [sys.executable, "-m", "scripts.benchmarks.publishing", str(proxy.data_dir), str(found.rates)]
            publisher = subprocess.Popen(words, cwd=HOME) if beside else None
            rounds([proxy], load, 1, keep=True)
            if publisher is not None:
                publisher.terminate()
                publisher.wait()
            for name, values in _times(proxy).items():
                late[beside].setdefault(name, []).append(spread(values)["p99"])
    proxy.close()
    p99 = {
        beside: {name: statistics.median(of) for name, of in sorted(found.items())} for beside, found in late.items()
    }
    added = {name: round(p99[True][name] - p99[False][name]) for name in p99[False]}
    print(json.dumps({"p99_us": {"without": p99[False], "beside a publisher": p99[True]}, "added_us": added}))
    return 0 if max(added.values()) < 1000 else 1


def loop(found: argparse.Namespace, folder: Path) -> int:
    """Each decision alone, in the interpreter that Kamailio has; a process of its own for each run."""
    with tempfile.TemporaryDirectory(prefix="kambill-bench-", dir="/dev/shm") as run_dir:
        for what in ("fill", "functions", *("warm", "cold") * found.rounds):
            values = (run_dir, folder / "data", *size_of(found)[:4], found.calls)
            command = [SYSTEM_PYTHON, "-m", "scripts.benchmarks.loop", what, *map(str, values)]
            said = subprocess.run(command, cwd=HOME, check=True, stdout=subprocess.PIPE, text=True).stdout
            if what == "functions":
                print(json.dumps({"python_functions_per_call": json.loads(said)}), flush=True)
            elif said:
                print(json.dumps({"caches": what, "cpu_us_per_call": json.loads(said)}), flush=True)
    return 0


def ratebook(_found: argparse.Namespace, folder: Path) -> int:
    """Times of the ratebook."""
    return bench_ratebook(folder)


def documents(found: argparse.Namespace, _folder: Path) -> int:
    """Times of paper."""
    return bench_documents(found.rounds)


def invoices(found: argparse.Namespace, folder: Path) -> int:
    """A run, once; its calls are written first, which takes some minutes."""
    calls = found.calls if found.calls != CALLS else 1_000_000
    return bench_invoices(folder, found.accounts, calls)


def api(found: argparse.Namespace, folder: Path) -> int:
    """Times of the API's requests."""
    return bench_api(folder, FLAT_ACCOUNTS if found.accounts == ACCOUNTS else found.accounts)


def portal(found: argparse.Namespace, _folder: Path) -> int:
    """Times of lists, pages and files; making their ledgers takes some minutes, once."""
    calls = found.calls if found.calls != CALLS else 10_000_000
    accounts = FLAT_ACCOUNTS if found.accounts == ACCOUNTS else found.accounts
    ask = Ask(calls, accounts, found.samples, tuple(found.databases), found.cpu, found.hour)
    return bench_portal(HOME / "build" / "portal", ask)


def reconcile(_found: argparse.Namespace, _folder: Path) -> int:
    """Time and memory of a comparison, and whether every alteration is in its class."""
    return bench_reconcile(1_000_000)


def spread(taken_ns: list[int]) -> dict[str, float]:
    """What a list of times comes to, in microseconds."""
    ordered = sorted(taken_ns)
    at = {"median": 0.5, "p99": 0.99, "p999": 0.999}
    found = {name: ordered[min(int(len(ordered) * part), len(ordered) - 1)] / 1000 for name, part in at.items()}
    return {"count": len(ordered), **found, "longest": ordered[-1] / 1000}


def rounds(proxies: list[Proxy], load: Load, count: int, *, keep: bool = False) -> list[Result]:
    """The proxies in turn, so many times. `keep`: they are used again."""
    results = []
    try:
        for _ in range(count):
            for proxy in proxies:
                results.append(one_round(proxy, load))
                values = results[-1]._asdict() | {"load": load._asdict(), "seconds": round(results[-1].seconds, 1)}
                print(json.dumps(values), flush=True)
    finally:
        if not keep:
            for proxy in proxies:
                proxy.close()
    return results


def one_round(proxy: Proxy, load: Load) -> Result:
    """Starts a proxy, loads it, stops it."""
    with Children() as children:
        child = proxy.start(children)
        callers = callers_of(children, proxy)
        time.sleep(SETTLE_S)
        result = run(children, child, load, callers, proxy.folder)
        if "fault" in child.tail():
            raise Fault(f"{proxy.name} did not do its work, so that its figures mean nothing:\n{child.tail()}")
        return result._replace(proxy=proxy.label)


def callers_of(children: Children, proxy: Proxy) -> list[Words]:
    """Who calls: what each sipp is told. Telephones register with the first load."""
    dialled = company.numbers(proxy.size.rates, proxy.size.accounts)
    if proxy.size.devices:
        known = telephones(proxy.folder, proxy.size.accounts - 4, [number.partition("#")[2] for number in dialled])
        if proxy.name != "plain" and not (proxy.folder / "registered").exists():
            sign_in(children, known, proxy.folder)
            (proxy.folder / "registered").touch()
        return phones(known)
    numbers = proxy.folder / "numbers.csv"
    if not numbers.exists():
        numbers.write_text("\n".join(["SEQUENTIAL", *dialled]) + "\n")
    return switches(numbers)


def medians_of(results: Iterable[Result]) -> dict[str, float]:
    """Of the CPU a call, by proxy."""
    by_proxy: dict[str, list[int]] = {}
    for result in results:
        by_proxy.setdefault(result.proxy, []).append(result.cpu_us_per_call)
    return {name: statistics.median(values) for name, values in by_proxy.items()}


BENCHES: dict[str, Callable[[argparse.Namespace, Path], int]] = {
    "call": call,
    "highest": highest,
    "decisions": decisions,
    "publishing": publishing,
    "flat": flat,
    "loop": loop,
    "messages": messages,
    "invoices": invoices,
    "api": api,
    "ratebook": ratebook,
    "documents": documents,
    "reconcile": reconcile,
    "portal": portal,
}

if __name__ == "__main__":
    sys.exit(main())
