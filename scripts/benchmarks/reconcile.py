"""A partner's file of a million calls, five in a hundred of them altered, against as many records of ours."""

from __future__ import annotations

import gzip
import io
import json
import random
import resource
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from ratebook.money import format_micros
from service.interconnect.reconcile.matching import Class, compare
from service.interconnect.reconcile.reading import read_file
from service.interconnect.reconcile.sides import Answers, OurCall, Rules, ours_of

SECONDS_MAX = 60
MEMORY_MIB_MAX = 2048
BEGAN_MS = 1_788_220_800_000
MONTH_MS = 30 * 86_400_000
NUMBERS = 300_000
ALTERED = 0.05


class Made(NamedTuple):
    """Both sides, and what should be found."""

    ours: list[OurCall]
    packed: bytes
    expected: dict[str, int]


def make(calls: int, seed: int = 1) -> Made:
    """From one truth: lengths off by 1 to 30 s, missing, doubled, shifted by an hour, as many of each."""
    chance = random.Random(seed)
    ours = []
    for number in range(calls):
        start = BEGAN_MS + chance.randrange(MONTH_MS)
        length = chance.randrange(5_000, 900_000)
        called = f"44{7_000_000_000 + chance.randrange(NUMBERS)}"
        caller = f"49{3_000_000_000 + chance.randrange(NUMBERS)}"
        billed = -(-length // 1000) * 1000
        ours.append(OurCall(called, caller, start - 8_000, start, length, billed, billed * 12, number))
    counts: Counter[str] = Counter()
    text = io.StringIO()
    text.write("Start Time;Calling Number;Called Number;Duration (s);Amount EUR\n")
    for call in ours:
        for kind, line in _lines(call, chance):
            counts[kind] += 1
            text.write(line)
    counts[Class.ONLY_OURS] = counts.pop("missing", 0)
    counts[Class.MATCHED] = calls - sum(counts[one] for one in (Class.DURATION, Class.TIME, Class.ONLY_OURS))
    return Made(ours, gzip.compress(text.getvalue().encode(), 1), {one: counts[one] for one in Class})


def _lines(call: OurCall, chance: random.Random) -> Iterator[tuple[str, str]]:
    """What the partner has of a call; the first word says what of it is altered, empty: nothing."""
    kind = chance.randrange(4) if chance.random() < ALTERED else -1
    seconds = call.billed_ms // 1000
    if kind == 0:
        other = seconds + chance.choice((-1, 1)) * chance.randint(1, min(30, seconds - 1))
        yield Class.DURATION, _line(call, call.answer_ms, other)
    elif kind == 1:
        yield "missing", ""
    elif kind == 2:
        yield Class.TIME, _line(call, call.answer_ms + 3_600_000, seconds)
    else:
        yield "", _line(call, call.answer_ms, seconds)
        if kind == 3:
            yield Class.ONLY_THEIRS, _line(call, call.answer_ms, seconds)


def _line(call: OurCall, at_ms: int, seconds: int) -> str:
    when = datetime.fromtimestamp(at_ms // 1000, UTC)
    amount = format_micros(seconds * 12_000).replace(".", ",")
    return f"{when:%d.%m.%Y %H:%M:%S};+{call.caller};00{call.called};{seconds};{amount}\n"


def run(calls: int) -> int:
    """Prints what it took, as JSON; 1 if a limit is passed or a call stands in the wrong class."""
    made = make(calls)
    before_mib = _peak_mib()
    began, cpu = time.monotonic(), time.process_time()
    file = read_file(made.packed, Answers({}))
    read_s = time.process_time() - cpu
    ours = ours_of(made.ours)
    found = compare(ours, file.theirs, Rules())
    seconds, cpu_s = time.monotonic() - began, time.process_time() - cpu
    counts = {kind.value: sums.calls for kind, sums in found.sums.items()}
    told = {
        "calls": calls, "file_mib": len(made.packed) >> 20, "seconds": round(seconds, 1), "cpu_s": round(cpu_s, 1),
        "reading_cpu_s": round(read_s, 1), "peak_mib": _peak_mib(), "peak_mib_before": before_mib,
        "found": counts, "expected": made.expected, "notices": found.notices,
    }  # fmt: skip
    print(json.dumps(told))
    good = counts == made.expected and seconds <= SECONDS_MAX and _peak_mib() <= MEMORY_MIB_MAX
    return 0 if good else 1


def _peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
