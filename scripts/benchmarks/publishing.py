"""A publisher that doesn't stop: `python -m scripts.benchmarks.publishing DATA_DIR RATES` until it is told to.

Each time another price for every prefix, compiled and written beside the calls as the service does it; a line for each
version that is whole.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import count
from pathlib import Path

from ratebook.compiled.write import compile_tariff, drop_version, open_for_writing, write_version
from ratebook.model import Interval, Rate, Tariff, Terms
from scripts.benchmarks.company import prefixes
from service.tariffs.rates import PAUSE_S


def main(data_dir: Path, rates: int) -> None:
    """Publishes until the process is ended."""
    known = prefixes(rates)
    env = open_for_writing(data_dir / "rates")
    for price in count(1):
        began_s = time.monotonic()
        terms = Terms("EUR", (Interval(0, price, 1),))
        rows = tuple(Rate(prefix, "somewhere", None, None, terms) for prefix in known)
        compiled = compile_tariff(Tariff("draft", "EUR", "UTC", rows))
        write_version(env, compiled, pause_s=PAUSE_S)
        drop_version(env, compiled.version)
        print(json.dumps({"published": len(rows), "seconds": round(time.monotonic() - began_s, 1)}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
