"""scripts/vectors FILE…: each vector as a ratebook of its own, priced by the command itself."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner

from ratebook.money import MICRO_DECIMALS
from scripts.vectoring.translate import Case, Inexpressible, Rounding, case_of, vectors_of
from service.cli.main import kambill

TARIFF = "vector"


class CommandFailed(Exception):
    """No price came: what was said instead."""


class Check(NamedTuple):
    """Something that was expected of a vector."""

    expected: str
    got: str

    @property
    def is_ok(self) -> bool:
        """Whether it came."""
        return self.expected == self.got


def main(paths: list[str]) -> int:
    """Prints id, expected, got, ok a line, with tabs between them. 0: all that a tariff can say came as expected."""
    if not paths:
        print("vectors: which file? scripts/vectors tests/vectors/rating.json", file=sys.stderr)
        return 2
    wrong = priced = 0
    for path in paths:
        try:
            vectors = vectors_of(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, LookupError, TypeError) as fault:
            print(f"vectors: {path}: no file of vectors ({fault})", file=sys.stderr)
            return 2
        for name, vector in vectors.items():
            try:
                checks = list(run(case_of(vector)))
            except Inexpressible as reason:
                print(name, "-", "-", f"left out: {reason}", sep="\t")
                continue
            except CommandFailed as failure:
                checks = [Check("a price", str(failure))]
            ok = all(check.is_ok for check in checks)
            expected, got = (",".join(part) for part in zip(*checks, strict=True))
            print(name, expected, got, "ok" if ok else "WRONG", sep="\t")
            priced += 1
            wrong += not ok
    print(f"{priced} priced, {wrong} wrong", file=sys.stderr)
    return 1 if wrong else 0


def run(case: Case) -> Iterator[Check]:
    """What came of a case, beside what was expected."""
    if case.money is not None:
        yield _longest(case, case.money)
        return
    if not case.answered:
        yield Check(plain(rounded(case.charge or Fraction(0), case.rounding)), plain(attempt(case)))
        return
    (row,) = price(case, [case.duration_s])
    if case.charge is not None:
        got = Decimal(row["charge"]) * (-1 if case.charge < 0 else 1)
        yield Check(plain(rounded(case.charge, case.rounding)), plain(got))
    if case.billed_s is not None:
        yield Check(f"{case.billed_s}s", f"{row['billed_s']}s")
    if case.prefix is not None:
        yield Check(f"prefix={case.prefix}", f"prefix={row['prefix']}")


def _longest(case: Case, money: Fraction) -> Check:
    """The longest call that the money pays, by the prices of that length and of a second more."""
    most_s = int(case.duration_s)
    expected_s = max(case.longest_s or 0, 0)
    asked_s = [expected_s, *([expected_s + 1] if expected_s < most_s else [])]
    costs = [Fraction(row["charge"]) for row in price(case, [str(one) for one in asked_s])]
    fits = costs[0] <= money and all(cost > money for cost in costs[1:])
    return Check(f"longest={expected_s}s", f"longest={expected_s}s" if fits else f"not:{costs}")


def price(case: Case, durations_s: list[str]) -> list[dict[str, Any]]:
    """The command's answer, a call a duration."""
    with ratebook_of(case) as root:
        calls = root / "calls.csv"
        lines = [f"{case.number},{case.moment},{duration_s}" for duration_s in durations_s]
        calls.write_text("\n".join(["number,answered_at,duration_s", *lines]) + "\n", encoding="utf-8")
        return [json.loads(line) for line in answer(root, "--calls", str(calls)).splitlines()]


def attempt(case: Case) -> Decimal:
    """What the command says that the call costs if nobody answers."""
    with ratebook_of(case) as root:
        priced = json.loads(answer(root, case.number, "--at", case.moment))
    return Decimal(priced["attempt_micros"]).scaleb(-MICRO_DECIMALS)


@contextmanager
def ratebook_of(case: Case) -> Iterator[Path]:
    """The case's tariff in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="kambill-vector-") as folder:
        root = Path(folder)
        (root / "tariffs").mkdir()
        (root / "tariffs" / f"{TARIFF}.yaml").write_text(case.tariff, encoding="utf-8")
        yield root


def answer(root: Path, *words: str) -> str:
    """What `kambill tariff price` says. Raises CommandFailed."""
    command = ["tariff", "price", TARIFF, *words, "--json", "--ratebook", str(root)]
    result = CliRunner().invoke(kambill, command)
    if result.exit_code:
        raise CommandFailed(" ".join(f"{result.output} {result.exception}".split()))
    return result.stdout


def rounded(amount: Fraction, rounding: Rounding) -> Decimal:
    """Once, by the words of the rule: up is away from zero, a half goes up."""
    steps, rest = divmod(abs(amount) * 10**rounding.decimals, 1)
    if rest and (rounding.mode == "up" or (rounding.mode == "half-up" and rest >= Fraction(1, 2))):
        steps += 1
    found = Decimal(int(steps)).scaleb(-rounding.decimals)
    return -found if amount < 0 else found


def plain(amount: Decimal) -> str:
    """Without zeros at its end."""
    text = f"{amount:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
