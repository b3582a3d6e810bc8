"""What documents cost to become paper, in processor time: an invoice of few and of many lines, and its parts."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from scripts.picturing.samples import long_invoice
from service.billing.document import Document
from service.billing.paper.electronic import cii_of, electronic_pdf_of, ubl_of
from service.billing.paper.html import html_of
from service.billing.paper.pdf import pdf_of
from service.billing.paper.sheet import sheet_of

LINES, FEW = 400, 20
TIMES = 4
"""A round has so many documents of each size; equal ones would be found in the typesetter's memory."""
TYPESETTING_MS = 150
"""What the PDF of LINES may cost beyond its text: the least of all, since what else runs on the machine only adds."""

Part = Callable[[Document], Any]


def run(rounds: int) -> int:
    """Prints a JSON line for each size. 1: the limit is passed."""
    found = {lines: _times(lines, rounds) for lines in (FEW, LINES)}
    for lines, times in found.items():
        figures = {name: {"least_ms": min(of), "median_ms": statistics.median(of)} for name, of in times.items()}
        print(json.dumps({"lines": lines, **figures}))
    typesetting_ms = min(found[LINES]["pdf"]) - min(found[LINES]["text"])
    print(json.dumps({"typesetting_ms": round(typesetting_ms, 1), "limit_ms": TYPESETTING_MS}))
    return 1 if typesetting_ms > TYPESETTING_MS else 0


def _times(lines: int, rounds: int) -> dict[str, list[float]]:
    parts: dict[str, Part] = {
        "text": sheet_of,
        "pdf": pdf_of,
        "pdf_with_data": electronic_pdf_of,
        "cii": cii_of,
        "ubl": ubl_of,
        "html": html_of,
    }
    times: dict[str, list[float]] = {name: [] for name in parts}
    for at in range(rounds * TIMES):
        for name, part in parts.items():
            document = long_invoice(lines, f"{name}-{at}")
            times[name].append(_timed(part, document))
    return times


def _timed(part: Part, document: Document) -> float:
    started = time.process_time()
    part(document)
    return round((time.process_time() - started) * 1000, 1)
