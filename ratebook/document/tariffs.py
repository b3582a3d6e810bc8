"""A tariff's YAML, with the decks that it names."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import yaml

from ratebook.document import values
from ratebook.document.decks import COLUMNS, Placed, read_deck
from ratebook.document.nodes import Document
from ratebook.document.problems import Place, shorten, suggestion
from ratebook.document.terms import FIELDS, Defaults, make_terms, plain_intervals, read_defaults, read_intervals
from ratebook.model import Rate, Tariff

TARIFF_FIELDS = ("name", "description", "currency", "timezone", *FIELDS, "rates", "decks")
RATE_FIELDS = ("prefix", "destination", "rate", "intervals", "blocked", *FIELDS)
DECK_FIELDS = ("file", "columns", *FIELDS)
DECKS_FOLDER = "decks"
FILES_MAX = 10_000
"""Looked through for a deck of a similar name."""


def read_tariff(document: Document, text: str, name: str, root: Path) -> Tariff | None:
    """The tariff of a file; None: it is too broken to be one. Faults are noted.

    `name`: its file's, with the folder. A name that the tariff gives itself stands for the last part of it.
    """
    before = document.problems.count
    node = document.read(text)
    if node is None:
        if document.problems.count == before:
            document.problems.add(Place(document.file, 1, 1), "an empty file", "currency and rates")
        return None
    fields = document.mapping(node, TARIFF_FIELDS, "a tariff")
    if not fields:
        return None
    if "currency" not in fields:
        document.fault(node, "the tariff has no currency", "a line such as `currency: EUR`")
    timezone = document.value(fields, "timezone", values.zone, "UTC")
    base = Defaults(document.value(fields, "currency", values.currency, "XXX"), timezone)
    defaults = read_defaults(document, fields, base)
    placed = [
        rate for item in document.items(fields.get("rates"), "rates") for rate in _rates(document, item, defaults)
    ]
    for item in document.items(fields.get("decks"), "decks"):
        placed += _deck(document, item, defaults, root)
    if "rates" not in fields and "decks" not in fields:
        document.fault(node, "the tariff has no rates", "a list `rates:` or `decks:`")
    _check_twice(document, placed)
    folder, slash, last = name.rpartition("/")
    own_name = document.value(fields, "name", values.tariff_name, last)
    return Tariff(f"{folder}{slash}{own_name}", base.currency, timezone, tuple(one.rate for one in placed))


def _rates(document: Document, node: yaml.Node, tariff: Defaults) -> list[Placed]:
    """The rates of one item: one for each of its prefixes."""
    fields = document.mapping(node, RATE_FIELDS, "a rate")
    if not fields:
        return []
    defaults = read_defaults(document, fields, tariff)
    blocked = document.value(fields, "blocked", values.yes, default=False)
    destination = document.value(fields, "destination", values.label, "")
    intervals = None
    if "intervals" in fields:
        if "rate" in fields:
            document.fault(fields["rate"], "a rate beside intervals", "one of them")
        intervals = read_intervals(document, fields["intervals"])
    elif "rate" in fields or blocked:
        nanos = document.value(fields, "rate", values.price, 0)
        intervals = plain_intervals(nanos, defaults.increments)
    else:
        document.fault(node, "the rate has no price", "`rate`, `intervals` or `blocked: yes`")
    if "prefix" not in fields:
        document.fault(node, "the rate has no prefix", '`prefix: "44"`, or "" for every number')
    if intervals is None or "prefix" not in fields:
        return []
    terms = make_terms(defaults, intervals, blocked=blocked)
    return [
        Placed(Rate(prefix, destination, defaults.effective_s, defaults.until_s, terms), place)
        for prefix, place in _prefixes(document, fields["prefix"])
    ]


def _prefixes(document: Document, node: yaml.Node) -> list[tuple[str, Place]]:
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if not nodes:
        document.fault(node, "the list of prefixes is empty", "prefixes such as [44, 45]")
    found = []
    for one in nodes:
        before = document.problems.count
        prefix = document.value({"prefix": one}, "prefix", values.prefix, "")
        if document.problems.count == before:
            found.append((prefix, document.place(one)))
    return found


def _deck(document: Document, node: yaml.Node, tariff: Defaults, root: Path) -> list[Placed]:
    if isinstance(node, yaml.ScalarNode):
        fields: dict[str, yaml.Node] = {"file": node}
    else:
        fields = document.mapping(node, DECK_FIELDS, "a deck")
    if "file" not in fields:
        document.fault(node, "the deck names no file", "`file: carrier.csv`")
        return []
    defaults = read_defaults(document, fields, tariff)
    columns = _columns(document, fields["columns"]) if "columns" in fields else {}
    name = document.value(fields, "file", values.name, "")
    folder = (root / DECKS_FOLDER).resolve()
    path = (folder / name).resolve()
    if not name or columns is None:
        return []
    if not path.is_relative_to(folder):
        document.fault(fields["file"], f"{shorten(name)} leads out of the folder {DECKS_FOLDER}", "a name inside it")
        return []
    if not path.is_file():
        known = [str(one.relative_to(folder)) for one in islice(folder.rglob("*"), FILES_MAX) if one.is_file()]
        expected = f"the name of a file that is there{suggestion(name, known)}"
        document.fault(fields["file"], f"there is no deck {DECKS_FOLDER}/{name}", expected)
        return []
    file = f"{DECKS_FOLDER}/{path.relative_to(folder)}"
    return read_deck(path, file, defaults, columns, document.problems)


def _columns(document: Document, node: yaml.Node) -> dict[str, str] | None:
    """Our names of a deck's columns to the header's; None: faults are noted."""
    before = document.problems.count
    fields = document.mapping(node, COLUMNS, "columns")
    found = {name: document.value(fields, name, values.name, "") for name in fields}
    missing = [name for name in ("prefix", "rate") if name not in fields]
    if missing and document.problems.count == before:
        document.fault(node, f"columns names no {' and no '.join(missing)}", "the header's name of that column")
    return found if document.problems.count == before else None


def _check_twice(document: Document, placed: list[Placed]) -> None:
    """One prefix has one rate that takes effect at a moment; the later one then takes over."""
    seen: dict[tuple[str, int | None], Place] = {}
    for rate, place in placed:
        first = seen.get((rate.prefix, rate.effective_s))
        if first is None:
            seen[rate.prefix, rate.effective_s] = place
            continue
        document.problems.add(
            place,
            f"prefix {rate.prefix!r} has a second rate of the same date",
            f"one; the other stands in {first.file}:{first.line}",
        )
