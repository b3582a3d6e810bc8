"""A tariff's YAML, with the decks that it names: what it says itself, and what it takes from other tariffs."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import yaml

from ratebook.derive import Derivation, markup
from ratebook.document import bands as time_bands
from ratebook.document import values
from ratebook.document.bands import Bands, read_bands
from ratebook.document.decks import COLUMNS, ROWS_MAX, Placed, Reading, read_deck
from ratebook.document.merging import merge
from ratebook.document.nodes import Document
from ratebook.document.problems import Place, shorten, suggestion
from ratebook.document.terms import FIELDS, Defaults, make_terms, plain_intervals, read_defaults, read_intervals
from ratebook.model import Rate, Terms
from ratebook.money import NANOS

TARIFF_FIELDS = (
    "name", "description", "currency", "timezone", *time_bands.FIELDS, *FIELDS, "include", "derive", "rates", "decks",
)  # fmt: skip
RATE_FIELDS = ("prefix", "destination", "rate", "intervals", "blocked", "band", *FIELDS)
DECK_FIELDS = ("file", "columns", *FIELDS)
DERIVE_FIELDS = ("from", "markup", "add", "floor", "ceiling", "grid", "exchange", "prefixes")
DECKS_FOLDER = "decks"
SHEETS_SUFFIX = ".sheet.yaml"
"""Of what is known of the sheets that were imported into a deck, beside it."""
_SHEETS_CURRENCY = re.compile(r"^currency: '?([A-Z]{3})'?$", re.MULTILINE)
_NO_PREFIXES: list[str] = []
FILES_MAX = 10_000
"""Looked through for a deck of a similar name."""
_CHANGED = {
    "connect_fee": "connect_fee_nanos",
    "minimum": "minimum_nanos",
    "maximum": "maximum_nanos",
    "grace": "grace_s",
    "free_seconds": "free_s",
    "attempt_fee": "attempt_fee_nanos",
    "message_fee": "message_fee_nanos",
    "rounding": "rounding",
    "duration": "duration_mode",
}
"""Fields of a tariff that derives from another: said, they hold for what it takes over too."""


class Source(NamedTuple):
    """Another tariff that rates are taken from."""

    name: str
    place: Place
    rule: Derivation | None = None
    """None: as they are."""
    prefixes: tuple[str, ...] = ()
    """Only rates of these and longer ones; empty: all."""


class Draft(NamedTuple):
    """A tariff as it stands in its file: its own rates, and where others come from."""

    name: str
    place: Place
    currency: str
    timezone: str
    rates: list[Rate]
    """By prefix."""
    sources: list[Source]
    """Included ones, then the one it derives from: of a prefix that several have, the first one's rates count."""


class Written(NamedTuple):
    """A tariff's file as its rows stand in it."""

    name: str
    place: Place
    currency: str
    timezone: str
    bands: Bands
    rows: list[Placed]
    sources: list[Source]


class _Tariff(NamedTuple):
    """What holds for the rates of a tariff."""

    defaults: Defaults
    bands: Bands


def read_tariff(document: Document, text: str, name: str, root: Path) -> Draft | None:
    """The tariff of a file; None: it is too broken to be one. Faults are noted. `name`: as for `read_written`."""
    found = read_written(document, text, name, root)
    if found is None:
        return None
    rates = merge(found.rows, found.bands, found.timezone, document.problems)
    return Draft(found.name, found.place, found.currency, found.timezone, rates, found.sources)


def read_written(document: Document, text: str, name: str, root: Path) -> Written | None:
    """The rows of a file; None: it is too broken to be a tariff. Faults are noted.

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
    tariff = _Tariff(read_defaults(document, fields, base), read_bands(document, fields))
    rows = _rows(document, fields, tariff, root)
    if not fields.keys() & {"rates", "decks", "include", "derive"}:
        document.fault(node, "the tariff has no rates", "a list `rates:` or `decks:`, `include:` or `derive:`")
    folder, slash, last = name.rpartition("/")
    own_name = document.value(fields, "name", values.tariff_name, last)
    document.value(fields, "description", values.name, "")
    return Written(
        f"{folder}{slash}{own_name}",
        document.place(node),
        base.currency,
        timezone,
        tariff.bands,
        rows,
        _sources(document, fields, tariff.defaults),
    )


def _rows(document: Document, fields: dict[str, yaml.Node], tariff: _Tariff, root: Path) -> list[Placed]:
    """Of the rates and decks; those beyond the last that is allowed are left out, which is noted."""
    rows: list[Placed] = []
    for name in ("rates", "decks"):
        for item in document.items(fields.get(name), name):
            rows += _rates(document, item, tariff) if name == "rates" else _deck(document, item, tariff, root)
            if len(rows) > ROWS_MAX:
                document.fault(item, f"more than {ROWS_MAX} rates up to here", f"{ROWS_MAX} at most")
                return rows
    return rows


def _sources(document: Document, fields: dict[str, yaml.Node], defaults: Defaults) -> list[Source]:
    found = []
    for node in document.items(fields.get("include"), "include"):
        name = document.value({"include": node}, "include", values.name, "")
        if name:
            found.append(Source(name, document.place(node)))
    if "derive" in fields:
        source = _derive(document, fields["derive"], fields, defaults)
        found += [source] if source else []
    return found


def _derive(document: Document, node: yaml.Node, tariff: dict[str, yaml.Node], defaults: Defaults) -> Source | None:
    fields = document.mapping(node, DERIVE_FIELDS, "derive")
    if fields and "from" not in fields:
        document.fault(node, "derive names no tariff", "`from: wholesale`")
    factor = markup(document.value(fields, "markup", values.percent, 0))
    exchange = document.value(fields, "exchange", values.exchange, 0)
    rule = Derivation(
        factor=(factor[0] * exchange, factor[1] * NANOS) if exchange else factor,
        add_nanos=document.value(fields, "add", values.signed_price, 0),
        floor_nanos=document.value(fields, "floor", values.price, 0),
        ceiling_nanos=document.value(fields, "ceiling", _bound, None),
        grid_nanos=document.value(fields, "grid", values.exchange, 1),
        currency=defaults.currency if exchange else "",
        increments=defaults.increments if "increments" in tariff else None,
        changed=_changed(tariff, defaults),
    )
    if rule.ceiling_nanos is not None and rule.ceiling_nanos < rule.floor_nanos:
        document.fault(fields["ceiling"], "the ceiling is below the floor", "at least the floor")
    prefixes = _prefixes(document, fields["prefixes"]) if "prefixes" in fields else []
    name = document.value(fields, "from", values.name, "")
    place = document.place(fields.get("from", node))
    return Source(name, place, rule, tuple(prefix for prefix, _ in prefixes)) if name else None


def _bound(text: str) -> int | None:
    return values.price(text)


def _changed(tariff: dict[str, yaml.Node], defaults: Defaults) -> tuple[tuple[str, object], ...]:
    terms = make_terms(defaults, (), blocked=False)
    names = [field for name, field in _CHANGED.items() if name in tariff]
    names += ["free_mode"] if "free_seconds" in tariff else []
    return tuple((name, getattr(terms, name)) for name in names)


def _rates(document: Document, node: yaml.Node, tariff: _Tariff) -> list[Placed]:
    """The rows of one item: one for each of its prefixes and bands."""
    before = document.problems.count
    fields = document.mapping(node, RATE_FIELDS, "a rate")
    if not fields:
        return []
    defaults = read_defaults(document, fields, tariff.defaults)
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
    if _is_free(terms) and document.problems.count == before:
        document.warn(fields.get("rate") or fields["intervals"], "a rate of zero", "a price, or `blocked: yes`")
    bands = _bands(document, fields["band"], tariff.bands) if "band" in fields else [""]
    return [
        Placed(Rate(prefix, destination, defaults.effective_s, defaults.until_s, terms), *place, band)
        for prefix, place in _prefixes(document, fields["prefix"])
        for band in bands
    ]


def _is_free(terms: Terms) -> bool:
    return not terms.blocked and not any(step.rate_nanos for step in terms.intervals)


def _bands(document: Document, node: yaml.Node, bands: Bands) -> list[str]:
    found = []
    for one in node.value if isinstance(node, yaml.SequenceNode) else [node]:
        name = document.text(one, "band")
        if name in bands.names:
            found.append(name)
        elif name is not None:
            known = f"one of {', '.join(bands.names)}" if bands.bands else "a table `bands:` in the tariff"
            document.fault(one, f"there is no band {shorten(name)}", f"{known}{suggestion(name, bands.names)}")
    return found


def _prefixes(document: Document, node: yaml.Node) -> list[tuple[str, Place]]:
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if not nodes:
        document.fault(node, "the list of prefixes is empty", "prefixes such as [44, 45]")
    found = []
    for one in nodes:
        before = document.problems.count
        if isinstance(one, yaml.ScalarNode) and not one.value and not one.style:
            document.fault(one, "the prefix is empty", 'digits, or `""` for every number')
        prefixes = document.value({"prefix": one}, "prefix", values.prefixes, _NO_PREFIXES)
        if document.problems.count == before:
            found += [(prefix, document.place(one)) for prefix in prefixes]
        if len(found) > values.PREFIXES_MAX:
            document.fault(one, f"more than {values.PREFIXES_MAX} prefixes up to here", "several rates")
            break
    return found


def _deck(document: Document, node: yaml.Node, tariff: _Tariff, root: Path) -> list[Placed]:
    if isinstance(node, yaml.ScalarNode):
        fields: dict[str, yaml.Node] = {"file": node}
    else:
        fields = document.mapping(node, DECK_FIELDS, "a deck")
    if "file" not in fields:
        document.fault(node, "the deck names no file", "`file: carrier.csv`")
        return []
    defaults = read_defaults(document, fields, tariff.defaults)
    columns = _columns(document, fields["columns"]) if "columns" in fields else {}
    name = document.value(fields, "file", values.name, "")
    path = deck_path(document, fields["file"], name, root) if name and columns is not None else None
    if path is None or columns is None:
        return []
    _compare_currency(document, fields["file"], path, defaults.currency)
    file = f"{DECKS_FOLDER}/{path.relative_to((root / DECKS_FOLDER).resolve())}"
    reading = Reading(file, defaults, tuple(tariff.bands.names), columns)
    return read_deck(path, reading, document.problems)


def _compare_currency(document: Document, node: yaml.Node, deck: Path, currency: str) -> None:
    """Sheets leave their currency beside the deck that they were imported into; a deck itself has none."""
    try:
        kept = deck.with_suffix(SHEETS_SUFFIX).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return  # no import, or the next one's to tell
    known = _SHEETS_CURRENCY.search(kept)
    if known and known[1] != currency:
        told = f"{deck.name} was imported from sheets in {known[1]}, and this tariff is in {currency}"
        document.warn(node, told, f"a tariff in {known[1]}")


def deck_path(document: Document, node: yaml.Node, name: str, root: Path) -> Path | None:
    """The file of a deck's name; None: it leads elsewhere, or isn't there, which is noted at the node."""
    folder = (root / DECKS_FOLDER).resolve()
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        document.fault(node, f"{shorten(name)} leads out of the folder {DECKS_FOLDER}", "a name inside it")
        return None
    if not path.is_file():
        known = [str(one.relative_to(folder)) for one in islice(folder.rglob("*"), FILES_MAX) if one.is_file()]
        expected = f"the name of a file that is there{suggestion(name, known)}"
        document.fault(node, f"there is no deck {DECKS_FOLDER}/{name}", expected)
        return None
    return path


def _columns(document: Document, node: yaml.Node) -> dict[str, str] | None:
    """Our names of a deck's columns to the header's; None: faults are noted."""
    before = document.problems.count
    fields = document.mapping(node, COLUMNS, "columns")
    found = {name: document.value(fields, name, values.name, "") for name in fields}
    missing = [name for name in ("prefix", "rate") if name not in fields]
    if missing and document.problems.count == before:
        document.fault(node, f"columns names no {' and no '.join(missing)}", "the header's name of that column")
    return found if document.problems.count == before else None
