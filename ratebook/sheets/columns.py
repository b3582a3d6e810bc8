"""Which column is what: the names that carriers give them, and what stands in the cells where names don't tell."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from ratebook.sheets.grid import Cell, text_of
from ratebook.sheets.values import plain_letters

HEADER_ROWS_MAX = 200
"""Looked through for a header."""
NAME_CHARS_MAX = 200
"""Of a column's name; longer ones are sentences."""
EXACT, CLEAR, GUESSED = 100, 80, 60
"""Percent of confidence: the name itself, a name with it inside, by what stands below."""


class Field(StrEnum):
    """What a column may be."""

    CODE = "code"
    COUNTRY_CODE = "country_code"
    AREA_CODE = "area_code"
    COUNTRY = "country"
    DESTINATION = "destination"
    RATE = "rate"
    FIRST_RATE = "first_rate"
    """Of the first increment, where it has one of its own."""
    INCREMENTS = "increments"
    FIRST_INCREMENT = "first_increment"
    NEXT_INCREMENT = "next_increment"
    CONNECT_FEE = "connect_fee"
    EFFECTIVE = "effective"
    UNTIL = "until"
    STATUS = "status"
    BLOCKED = "blocked"
    WITHDRAWN = "withdrawn"
    CURRENCY = "currency"
    BAND = "band"
    """Of time: rows that have one are left out."""
    NOTE = "note"


ALIASES: dict[Field, tuple[str, ...]] = {
    Field.CODE: (
        "code", "codes", "prefix", "prefixes", "dial code", "dial codes", "dialcode", "dialing code", "dialing codes",
        "dialling code", "dst code", "destination code", "destination codes", "dest code", "complete code", "full code",
        "target pattern", "match pattern", "number prefix", "phone prefix", "e164", "e164 code", "breakout",
        "breakouts", "dial prefix", "destination prefix", "npanxx", "npa nxx", "code list", "dialed digits", "digits",
        "destination prefixes", "tel code", "vorwahl", "vorwahlen", "rufnummernpraefix", "indicatif", "indicatifs",
        "prefixe", "codigo", "codigos", "prefijo", "prefijos", "prefisso", "prefissi", "prefixo", "prefixos",
    ),
    Field.COUNTRY_CODE: (
        "country code", "country codes", "ctry code", "cc", "countrycode", "country dial code", "intl code",
        "country prefix",
    ),
    Field.AREA_CODE: (
        "area code", "area codes", "city code", "city codes", "network code", "network codes", "operator code",
        "area", "ndc", "city area code", "region code", "national code", "carrier code",
    ),
    Field.COUNTRY: ("country", "country name", "territory", "land", "pays", "pais", "paese"),
    Field.DESTINATION: (
        "destination", "destination name", "description", "code name", "target pattern name", "network", "name",
        "network name", "operator", "operator name", "dest", "destination description", "location", "zone", "route",
        "region", "area name", "carrier", "destination network", "breakout name", "product", "prefix name",
        "ziel", "zielname", "destino", "destinazione", "descripcion", "descrizione", "beschreibung", "bezeichnung",
    ),
    Field.RATE: (
        "rate", "rates", "price", "new rate", "new price", "cost", "charge", "price n", "next price", "rate n",
        "per minute charge", "cost min", "tariff", "unit price", "unit rate", "interstate", "interstate rate",
        "inter", "subsequent price", "amount", "offer", "your rate", "sell rate", "buy rate", "peak rate", "peak",
        "flat rate", "all day rate", "usd rate", "min price", "price minute", "rate minute", "minute rate",
        "minute price", "standard rate", "voice rate", "future rate", "rate new", "price new", "new tariff",
        "proposed rate", "preis", "minutenpreis", "preis pro minute", "prix", "prix minute", "tarif", "precio",
        "tarifa", "prezzo", "tariffa", "preco",
    ),
    Field.FIRST_RATE: ("price 1", "first price", "rate 1", "initial price", "initial rate", "first rate"),
    Field.INCREMENTS: (
        "billing", "billing increment", "billing increments", "increment", "increments", "pulse", "bi type", "bi",
        "rounding", "billing interval", "billing type", "billing terms", "billing rule", "billing unit", "pulses",
        "charging increment", "charge interval", "min inc", "minimum increment", "billing inc", "rounding rule",
        "billing method", "intervals", "tariffing", "taxation", "billing step", "increment s", "billing cycle",
        "incr", "incr s", "inc", "taktung", "takt", "abrechnungstakt", "facturation", "facturacion", "fatturazione",
    ),
    Field.FIRST_INCREMENT: (
        "interval 1", "initial increment", "first increment", "min time", "minimum time", "initial interval",
        "first interval", "initial", "min duration", "minimum duration", "min bill", "minimum", "initial period",
        "min charge seconds", "minimum billing", "initial billing", "minimal time", "billing min", "min seconds",
        "initial block", "first block", "min charge sec", "minimum charge sec", "min charge s",
    ),
    Field.NEXT_INCREMENT: (
        "interval n", "next increment", "subsequent increment", "interval", "next interval", "step", "additional",
        "additional increment", "subsequent", "recurring", "following increment", "next", "subsequent interval",
        "billing incremental", "next billing", "increment n", "additional interval", "recurring interval",
        "resolution", "billing block", "next block",
    ),
    Field.CONNECT_FEE: (
        "setup fee", "connect fee", "connection fee", "setup", "connection charge", "connect charge", "call setup",
        "set up fee", "setup charge", "setup cost", "connection cost", "flag fall", "flagfall", "call attempt charge",
        "connection", "call setup fee", "setup rate", "setup price", "connection rate", "connection price",
        "connect rate", "connect price",
    ),
    Field.EFFECTIVE: (
        "effective", "effective date", "effective from", "valid from", "start date", "date", "from", "active from",
        "activation date", "starting", "start", "eff date", "effective date from", "date effective", "validity",
        "valid since", "as of", "begin date", "implementation date", "date of change", "effective on",
        "new effective date", "eff", "date of effect", "gueltig ab", "gultig ab", "ab", "date d effet", "valable des",
        "fecha efectiva", "fecha", "valido desde", "vigencia", "data validita", "valido dal", "data",
    ),
    Field.UNTIL: (
        "end date", "until", "valid to", "valid until", "expires", "expiry", "expiry date", "valid till", "to date",
        "discontinue date", "expiration date", "end", "effective to", "effective until",
        "gueltig bis", "gultig bis",
    ),
    Field.STATUS: (
        "status", "change", "comment", "comments", "action", "change type", "rate change", "price change", "changes",
        "change status", "type of change", "remarks status", "code status", "rate status", "update", "code change",
        "increase decrease", "change indicator", "movement", "variation", "notes status", "change code",
    ),
    Field.BLOCKED: ("forbidden", "blocked", "is blocked", "barred", "block"),
    Field.WITHDRAWN: ("discontinued", "closed", "deleted", "removed", "withdrawn", "is deleted", "delete"),
    Field.CURRENCY: ("currency", "currency code", "rate currency", "price currency", "curr", "ccy", "cur"),
    Field.BAND: ("time band",),
    Field.NOTE: ("note", "notes", "remark", "remarks", "tag", "tags"),
}  # fmt: skip
NEVER = {
    "current rate", "old rate", "previous rate", "old price", "previous price", "current price", "last rate",
    "rate id", "bi effective date", "difference", "service level", "quality", "asr", "acd", "trunk", "routing",
    "intrastate", "intrastate rate", "indeterminate", "indeterminate rate", "intra", "off peak", "off peak rate",
    "offpeak rate", "level", "rate old", "existing rate", "issue date", "rate difference", "id", "no", "mcc", "mnc",
    "mccmnc", "mcc mnc", "rate type", "country iso", "iso", "prefix count", "iso code", "country iso code", "rate code",
    "route code", "product code", "service code", "tariff code", "trunk code", "vendor code", "customer code",
    "status code", "origin surcharge", "origin rate", "change date", "codes count",
}  # fmt: skip
"""Names that look like others and are none of them."""

_PARENTHESES = re.compile(r"\(.*?\)|\[.*?\]")
_PER_MINUTE = re.compile(
    r"\b(?:us|usd|eur|gbp|chf|euro?s?|dollars?|cents?|per|mins?|minutes?|in|the|secs?|seconds?|excl|incl|vat|taxes|tax|mm|dd|yyyy|yy)\b"
)
_OTHERS = re.compile(r"[^a-z0-9]+")


class Found(NamedTuple):
    """A column that is something."""

    at: int
    """Its index."""
    header: str
    confidence: int
    """Percent."""


class Header(NamedTuple):
    """A row of names."""

    row: int
    """Its index; the table begins behind `rows` of them."""
    rows: int
    columns: dict[Field, Found]


def plain(text: str) -> str:
    """A name as aliases have it: no case, no punctuation, no currency, no `per minute`."""
    text = plain_letters(text[:NAME_CHARS_MAX]).lower().replace("#", " number ")
    bare = _OTHERS.sub(" ", _PER_MINUTE.sub(" ", _OTHERS.sub(" ", _PARENTHESES.sub(" ", text)))).strip()
    return bare or _OTHERS.sub(" ", text).strip()


_NAMES = {alias: field for field, aliases in ALIASES.items() for alias in aliases}


def field_of(header: str) -> tuple[Field, int] | None:
    """What a name says its column is, and how surely; None: nothing that we know."""
    name = plain(header)
    exactly = _OTHERS.sub(" ", plain_letters(header[:NAME_CHARS_MAX]).lower()).strip()
    if not name or name in NEVER or exactly in NEVER:
        return None
    if exactly in _NAMES:
        return _NAMES[exactly], EXACT
    if name in _NAMES:
        return _NAMES[name], EXACT
    words = name.split()
    for size in range(len(words) - 1, 0, -1):
        for at in range(len(words) - size, -1, -1):  # the last noun is the head: `destination prefixes` are prefixes
            part = " ".join(words[at : at + size])
            if part in NEVER:
                return None
            if part in _NAMES and len(part) > 3:
                return _NAMES[part], CLEAR
    return None


def find_header(rows: list[list[Cell]]) -> Header | None:
    """The first row, or pair of rows, that names codes and rates; None: there is none."""
    for at, row in enumerate(rows[:HEADER_ROWS_MAX]):
        texts = [text_of(cell) for cell in row]
        columns = _columns(texts)
        below = rows[at + 1] if at + 1 < len(rows) else []
        if _is_table(columns):
            return Header(at, 2 if _continues(below, columns) else 1, columns)
        if sum(bool(text) for text in texts) >= 2 and below:
            both = [_joined(texts, below, index) for index in range(max(len(texts), len(below)))]
            columns = _columns(both)
            is_whole = _is_table(_columns([text_of(cell) for cell in below]))  # what is above is a notice
            if (
                _is_table(columns)
                and not is_whole
                and not any(any(one.isdigit() for one in text_of(cell)[:2]) for cell in below)
            ):
                return Header(at, 2, columns)
    return None


def known_header(rows: list[list[Cell]], names: dict[Field, str]) -> Header | None:
    """The first row, or pair of rows, that has all these names; None: there is none."""
    for at, row in enumerate(rows[:HEADER_ROWS_MAX]):
        texts = [text_of(cell) for cell in row]
        below = rows[at + 1] if at + 1 < len(rows) else []
        columns = _named(texts, names)
        if columns is not None:
            return Header(at, 2 if _continues(below, columns) else 1, columns)
        both = [_joined(texts, below, index) for index in range(max(len(texts), len(below)))]
        columns = _named(both, names)
        if columns is not None and _named([text_of(cell) for cell in below], names) is None:
            return Header(at, 2, columns)
    return None


def _named(texts: list[str], names: dict[Field, str]) -> dict[Field, Found] | None:
    found = [plain(text) for text in texts]
    if not all(plain(name) in found for name in names.values()):
        return None
    places = {field: texts.index(name) if name in texts else found.index(plain(name)) for field, name in names.items()}
    return {field: Found(at, texts[at], EXACT) for field, at in places.items()}


def _joined(texts: list[str], below: list[Cell], index: int) -> str:
    above = texts[index] if index < len(texts) else ""
    return f"{above} {text_of(below[index]) if index < len(below) else ''}".strip()


def _is_table(columns: dict[Field, Found]) -> bool:
    has_code = Field.CODE in columns or {Field.COUNTRY_CODE, Field.AREA_CODE} & columns.keys()
    return bool(has_code) and Field.RATE in columns


def _continues(below: list[Cell], columns: dict[Field, Found]) -> bool:
    """Whether the row below has names too: units such as (USD), and no digit in the columns of code and rate."""
    texts = [text_of(cell) for cell in below]
    if not any(texts):
        return False
    if Field.RATE not in columns:
        return False
    told = [columns[field].at for field in (Field.CODE, Field.AREA_CODE, Field.RATE) if field in columns]
    cells = [texts[index] if index < len(texts) else "" for index in told]
    return (
        any(cells)
        and not any(any(one.isdigit() for one in text) for text in cells)
        and len(told) > 1
        and all(len(text) < 24 for text in texts)
        and bool(texts[columns[Field.RATE].at] if columns[Field.RATE].at < len(texts) else "")
    )


def _columns(texts: list[str]) -> dict[Field, Found]:
    """The best column of each field; a destination's name beside a country's is the network's."""
    found: dict[Field, Found] = {}
    for index, text in enumerate(texts):
        known = field_of(text)
        if known is None:
            continue
        field, confidence = known
        if field not in found or _rank(field, text, confidence) > _rank(
            field, found[field].header, found[field].confidence
        ):
            found[field] = Found(index, text, confidence)
    if Field.RATE not in found and Field.FIRST_RATE in found:
        found[Field.RATE] = found.pop(Field.FIRST_RATE)
    if Field.CODE not in found and Field.AREA_CODE in found and Field.COUNTRY_CODE not in found:
        found[Field.CODE] = found.pop(Field.AREA_CODE)
    if Field.CODE in found and Field.AREA_CODE in found:  # whole codes tell all
        found.pop(Field.AREA_CODE)
        found.pop(Field.COUNTRY_CODE, None)
    return found


def _rank(field: Field, header: str, confidence: int) -> tuple[int, int]:
    """`new rate` goes before `rate`, without taxes before with them, then the earlier alias, the left column."""
    name = plain(header)
    taxed = int(field is Field.RATE and "incl" in header.lower() and "excl" not in header.lower())
    new = int(field is Field.RATE and any(word in name.split() for word in ("new", "future", "proposed")))
    place = ALIASES[field].index(name) if name in ALIASES[field] else len(ALIASES[field])
    return confidence + 1000 * (new - taxed), -place
