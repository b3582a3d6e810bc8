"""Where the rates of a sound ratebook were written: read once more when something is to be said about some of them.

A million rates would carry their places for nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from ratebook.document.decks import Placed
from ratebook.document.problems import Place
from ratebook.document.tariffs import Source, Written

Reader = Callable[[str], Written | None]
"""The file of a tariff by its name; None: there is none, or it can't be read any more."""


class Places:
    """Rows by tariff and prefix. Files are read when they are first asked for, and kept."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._written: dict[str, Written | None] = {}
        self._rows: dict[str, dict[str, list[Placed]]] = {}

    def find(self, tariff: str, prefix: str, at_s: int) -> Place | None:
        """The row of the rate that holds at a wall-clock second, else the prefix's first; of a rate that is derived
        from another, where that is said. None: the file is gone.
        """
        written = self._file(tariff)
        return written and (self._search(tariff, prefix, at_s) or written.place)

    def _search(self, tariff: str, prefix: str, at_s: int) -> Place | None:
        """None: the tariff has no rate of this prefix."""
        written = self._file(tariff)
        if written is None:
            return None
        rows = self._rows[tariff].get(prefix)
        if rows:
            return max(rows, key=lambda row: _fit(row, at_s)).place
        found = (self._taken(tariff, source, prefix, at_s) for source in written.sources)
        return next((place for place in found if place is not None), None)

    def _taken(self, tariff: str, source: Source, prefix: str, at_s: int) -> Place | None:
        if source.rule is not None:
            return source.place
        folder = tariff.rpartition("/")[0]
        names = [f"{folder}/{source.name}" if folder else source.name, source.name]
        name = next((name for name in names if self._file(name) is not None), None)
        return source.place if name is None else self._search(name, prefix, at_s)

    def _file(self, tariff: str) -> Written | None:
        if tariff not in self._written:
            found = self._written[tariff] = self._read(tariff)
            rows = self._rows[tariff] = {}
            for row in found.rows if found else ():
                rows.setdefault(row.rate.prefix, []).append(row)
        return self._written[tariff]


def _fit(row: Placed, at_s: int) -> tuple[bool, bool, int]:
    """Of a prefix's rows the greatest is the one that holds; those of no band come first."""
    rate = row.rate
    holds = (rate.effective_s is None or rate.effective_s <= at_s) and (rate.until_s is None or at_s < rate.until_s)
    return holds, not row.band, rate.effective_s or 0
