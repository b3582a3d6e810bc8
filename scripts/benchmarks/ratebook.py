"""How quickly the ratebook is: a million rates checked and compiled, found, priced again; a workbook looked at.

Each part runs in a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

import xlsxwriter

from ratebook.bulk import Pricer
from ratebook.compiled.read import RatesReader
from ratebook.compiled.write import compile_tariff, open_for_writing, write_version
from ratebook.document import load
from ratebook.model import Tariff
from ratebook.sheets.mapping import Kind, Mapping
from service.tariffs.decks import look_at

RATES, YAML_RATES, LOOKUPS, CALLS, SHEET_ROWS = 1_000_000, 5_000, 200_000, 1_000_000, 100_000
DESTINATIONS = 1_500
SEED = 1
AT_S = 1_790_000_000
LIMITS = {
    "deck_s": 10, "deck_mb": 1024, "yaml_s": 1, "lookup_p50_us": 2, "lookup_timed_p50_us": 5,
    "repriced_per_s": 200_000, "sheet_s": 3,
}  # fmt: skip
"""What is asked of each figure: at most, but for calls a second."""
BANDS = "border: split\nbands: {night: {hours: 22:00-06:00}, weekend: {days: sat-sun}}\n"


def run(folder: Path) -> int:
    """Prints a JSON line a part. 1: a limit is passed."""
    found: dict[str, Any] = {}
    for part in (decks, yaml_rates, lookups, timed_lookups, repricing, sheets):
        print(json.dumps(_alone(part, folder) | {"part": part.__name__}), flush=True)
        found |= json.loads((folder / "figures.json").read_text())
    passed = {
        name: found[name]
        for name, limit in LIMITS.items()
        if (found[name] < limit if name.endswith("per_s") else found[name] > limit)
    }
    print(json.dumps({"figures": found, "limits": LIMITS, "passed": passed}))
    return 1 if passed else 0


def _alone(part: Callable[[Path], dict[str, Any]], folder: Path) -> dict[str, Any]:
    process = get_context("spawn").Process(target=_into, args=(part, folder))
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(f"bench: {part.__name__} failed")
    found: dict[str, Any] = json.loads((folder / "figures.json").read_text())
    return found


def _into(part: Callable[[Path], dict[str, Any]], folder: Path) -> None:
    (folder / "figures.json").write_text(json.dumps(part(folder)))


def codes(count: int) -> list[str]:
    """Different ones of six to ten digits."""
    random = Random(SEED)
    found: set[str] = set()
    while len(found) < count:
        found.add(str(random.randrange(10**5, 10**10)))
    return sorted(found, key=lambda code: code[::-1])


def _deck(folder: Path, *, timed: bool) -> Path:
    """A ratebook of one tariff with a deck: a price and increments a destination, dates for a part of the codes."""
    root = folder / ("timed" if timed else "plain")
    if root.exists():
        return root
    (root / "tariffs").mkdir(parents=True)
    (root / "decks").mkdir()
    (root / "tariffs" / "big.yaml").write_text(f"currency: EUR\n{BANDS if timed else ''}decks: [big.csv]\n")
    with (root / "decks" / "big.csv").open("w") as deck:
        deck.write("prefix,destination,rate,increments,effective,band\n")
        deck.writelines(_rows(timed=timed))
    return root


def _rows(*, timed: bool) -> Iterator[str]:
    every = codes(RATES // 4 if timed else RATES)
    for at, code in enumerate(every):
        number = at % DESTINATIONS
        price = f"{(number * 7 % 3000 + 10) / 10_000:.4f}"
        increments = ("1/1", "60/60", "30/6", "60/1")[number % 4]
        dated = "2026-12-01" if at % 3 == 0 and not timed else ""
        yield f"{code},Destination {number},{price},{increments},{dated},\n"
        if timed:
            yield f"{code},Destination {number},{price},{increments},2027-01-01,\n"
            yield f"{code},Destination {number},0.0001,{increments},,night\n"
            yield f"{code},Destination {number},0.0002,{increments},,weekend\n"


def _megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _loaded(root: Path) -> Tariff:
    found = load(root)
    if found.problems:
        sys.exit(f"bench: {found.problems[0]}")
    return found.tariffs["big"]


def decks(folder: Path) -> dict[str, Any]:
    """Checking and compiling a million rates of a CSV."""
    root = _deck(folder, timed=False)
    began = time.perf_counter()
    compiled = compile_tariff(_loaded(root))
    seconds = time.perf_counter() - began
    env = open_for_writing(folder / "rates")
    write_version(env, compiled, slice_rows=10_000)
    env.close()
    (folder / "version").write_text(compiled.version.hex())
    return {"deck_s": round(seconds, 2), "deck_mb": _megabytes(), "deck_rates": RATES}


def yaml_rates(folder: Path) -> dict[str, Any]:
    """The same of rates that stand in the tariff itself."""
    root = folder / "yaml"
    (root / "tariffs").mkdir(parents=True)
    every = enumerate(codes(YAML_RATES))
    rows = [f"  - {{prefix: {code}, destination: Somewhere {at}, rate: 0.0{at}}}" for at, code in every]
    (root / "tariffs" / "big.yaml").write_text("currency: EUR\nincrements: 30/6\nrates:\n" + "\n".join(rows) + "\n")
    began = time.perf_counter()
    compile_tariff(_loaded(root))
    return {"yaml_s": round(time.perf_counter() - began, 2), "yaml_rates": YAML_RATES}


def _look_up(folder: Path, version: bytes, numbers: list[str]) -> tuple[float, float]:
    """Median and 99th percentile of one look-up, in microseconds; the clock's own time is taken off."""
    clock = time.perf_counter_ns
    empty = statistics.median([-(clock() - clock()) for _ in range(10_000)])
    reader = RatesReader.open(folder / "rates")
    taken = []
    with reader.snapshot() as rates:
        find = rates.find
        for number in numbers:
            began = clock()
            find(version, number, AT_S)
            taken.append(clock() - began)
    taken.sort()
    return (taken[len(taken) // 2] - empty) / 1000, (taken[len(taken) * 99 // 100] - empty) / 1000


def _numbers(count: int, among: int) -> list[str]:
    """As traffic goes: the code of rank n is called by Zipf's law, 1/n as often as the first."""
    random = Random(SEED + 1)
    every = codes(among)
    random.shuffle(every)
    ranks = [int(len(every) ** random.random()) - 1 for _ in range(count)]
    return [every[rank] + str(random.randrange(10**4)) for rank in ranks]


def _anywhere(count: int, among: int) -> list[str]:
    """Every code as often as every other: what no traffic does."""
    random = Random(SEED + 1)
    every = codes(among)
    return [random.choice(every) + str(random.randrange(10**4)) for _ in range(count)]


def lookups(folder: Path) -> dict[str, Any]:
    """One look-up among a million rates, in the form that workers map."""
    version = bytes.fromhex((folder / "version").read_text())
    middle, late = _look_up(folder, version, _numbers(LOOKUPS, RATES))
    anywhere, _ = _look_up(folder, version, _anywhere(LOOKUPS, RATES))
    found = {"lookup_p50_us": middle, "lookup_p99_us": late, "lookup_anywhere_p50_us": anywhere}
    return {name: round(value, 2) for name, value in found.items()}


def timed_lookups(folder: Path) -> dict[str, Any]:
    """The same with a future date and two bands of each code: a million rows."""
    compiled = compile_tariff(_loaded(_deck(folder, timed=True)))
    env = open_for_writing(folder / "rates")
    write_version(env, compiled, slice_rows=10_000)
    env.close()
    middle, late = _look_up(folder, compiled.version, _numbers(LOOKUPS, RATES // 4))
    return {"lookup_timed_p50_us": round(middle, 2), "lookup_timed_p99_us": round(late, 2)}


def repricing(folder: Path) -> dict[str, Any]:
    """Calls by a tariff of a million rates, on one core: look-up and price of each; lengths of 150 s on average."""
    tariff = _loaded(_deck(folder, timed=False))
    began = time.perf_counter()
    pricer = Pricer(tariff.rates)
    indexed = time.perf_counter() - began
    random = Random(SEED + 2)
    numbers = _numbers(CALLS, RATES)
    lengths_ms = [min(round(random.expovariate(1 / 150_000)), 7_200_000) for _ in numbers]
    calls = [(number, AT_S + random.randrange(10**6), ms) for number, ms in zip(numbers, lengths_ms, strict=True)]
    price = pricer.price
    began = time.perf_counter()
    for number, at_s, duration_ms in calls:
        price(number, at_s, duration_ms)
    seconds = time.perf_counter() - began
    return {"repriced_per_s": round(CALLS / seconds), "repriced_calls": CALLS, "index_s": round(indexed, 2)}


def sheets(folder: Path) -> dict[str, Any]:
    """A workbook beside the deck that it would change: read, understood, compared."""
    path = folder / "sheet.xlsx"
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["Destination", "Code", "Rate", "Billing", "Effective", "Status"])
    for at, code in enumerate(codes(SHEET_ROWS), start=1):
        status = ("Increase", "Decrease", "Unchanged", "New")[at % 4]
        price = (at % 3000 + 1) / 10_000
        sheet.write_row(at, 0, [f"Destination {at % DESTINATIONS}", code, price, "60/1", "28/12/2026", status])
    book.close()
    raw = path.read_bytes()
    rows = [f"{code},Old,0.05,60/1\n" for code in codes(SHEET_ROWS // 2)]
    deck = "".join(["prefix,destination,rate,increments\n", *rows])
    began = time.perf_counter()
    found = look_at(raw, deck, Mapping({}, kind=Kind.PARTIAL), date(2026, 12, 1))
    seconds = time.perf_counter() - began
    if len(found.reading.rates) != SHEET_ROWS or found.questions:
        sys.exit(f"bench: the sheet came to {len(found.reading.rates)} rates, {found.questions}")
    return {"sheet_s": round(seconds, 2), "sheet_rows": SHEET_ROWS}
