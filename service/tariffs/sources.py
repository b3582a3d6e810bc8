"""Tariffs that people write through the API: read by the ratebook's own code, each fault with its place. Pure but for a
folder of its own in which the decks stand while they are read.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ratebook.compiled.write import CompiledTariff, compile_tariff
from ratebook.document import Places, Problem, parse_tariff, places_of_text
from ratebook.document.tariffs import DECKS_FOLDER
from ratebook.model import Tariff

SOURCE = "source"


class Read(NamedTuple):
    """A tariff as it was read; None: it is too broken to be one."""

    tariff: Tariff | None
    problems: list[Problem]
    warnings: list[Problem]
    lacking: frozenset[str]
    """Names of tariffs that it takes from and that were not given."""

    @property
    def compiled(self) -> CompiledTariff:
        """Of one without problems."""
        assert self.tariff is not None
        return compile_tariff(self.tariff)


def read_source(
    name: str, source: str, decks: Mapping[str, str], elsewhere: Mapping[str, Tariff] | None = None
) -> Read:
    """Never raises for what stands in it. `decks`: CSV texts by file names. `elsewhere`: what it may take from."""
    lacking: set[str] = set()

    def find(wanted: str) -> Tariff | None:
        found = (elsewhere or {}).get(wanted)
        if found is None:
            lacking.add(wanted)
        return found

    with _folder(decks) as root:
        tariff, problems, warnings = parse_tariff(source, SOURCE, name, root, find)
    return Read(None if tariff is None else tariff._replace(name=name), problems, warnings, frozenset(lacking))


@contextmanager
def places_of(name: str, source: str, decks: Mapping[str, str]) -> Iterator[Places]:
    """Where the rates of a tariff that was read stand, while its decks are there."""
    with _folder(decks) as root:
        yield places_of_text(source, SOURCE, name, root)


@contextmanager
def _folder(decks: Mapping[str, str]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kambill-tariff-") as folder:
        root = Path(folder)
        (root / DECKS_FOLDER).mkdir()
        for deck, text in decks.items():
            (root / DECKS_FOLDER / deck).write_text(text, encoding="utf-8")
        yield root
