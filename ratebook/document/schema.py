"""The JSON Schemas of tariffs and of exchange.yaml, for editors that complete and check while one types.

Of the fields that are read.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ratebook.document import bands, decks, exchange, groups, tariffs, terms, values
from ratebook.model import Border, DurationMode, FreeMode
from ratebook.money import RoundingMode

Schema = dict[str, Any]

URL = "https://json-schema.org/draft/2020-12/schema"
_DECIMAL = {"type": ["number", "string"], "pattern": r"^[0-9]+(\.[0-9]{1,9})?$", "minimum": 0}
_SIGNED = {"type": ["number", "string"], "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?$"}
_SECONDS = {"type": ["integer", "string"], "minimum": 0, "maximum": values.SECONDS_MAX, "pattern": "^[0-9]+$"}
_DECIMALS = {"type": ["integer", "string"], "minimum": 0, "maximum": 6, "pattern": "^[0-6]$"}
_TEXT = {"type": ["string", "number"]}
YES = {"type": ["boolean", "string", "integer"]}
_DATE = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}"}
PREFIX = {"type": ["string", "integer"], "pattern": r"^[0-9*#+,;| -]*$"}


def words(kind: type[StrEnum]) -> Schema:
    """One of an enumeration's."""
    return {"enum": [one.value for one in kind]}


def some(schema: Schema) -> Schema:
    """One, or a list of them."""
    return {"anyOf": [schema, {"type": "array", "items": schema}]}


def table(fields: tuple[str, ...], known: dict[str, Schema], **more: Any) -> Schema:
    """Every field that is read, and no other. KeyError: one has no schema."""
    properties = {name: known[name] for name in fields}
    return {"type": "object", "properties": properties, "additionalProperties": False} | more


_TERMS: dict[str, Schema] = {
    "increments": {
        "type": ["string", "integer"],
        "pattern": "^[0-9]+(/[0-9]+)?$",
        "description": "First and next, in seconds: 30/6; 60 is 60/60",
    },
    "connect_fee": _DECIMAL | {"description": "For each answered call, once"},
    "minimum": _DECIMAL | {"description": "What an answered call costs at least"},
    "maximum": _DECIMAL | {"description": "What a call costs at most"},
    "grace": _SECONDS | {"description": "An answered call of so many seconds or fewer costs nothing"},
    "free_seconds": {"anyOf": [_SECONDS, table(("seconds", "taken"), {"seconds": _SECONDS, "taken": words(FreeMode)})]},
    "attempt_fee": _DECIMAL | {"description": "For a call that was not answered"},
    "message_fee": _DECIMAL | {"description": "For each delivered MESSAGE; without it they are refused"},
    "rounding": table(("decimals", "mode"), {"decimals": _DECIMALS, "mode": words(RoundingMode)}),
    "duration": words(DurationMode) | {"description": "How a part of a second counts"},
    "effective": _DATE | {"description": "From when the rate holds, in the tariff's zone"},
    "until": _DATE | {"description": "Until when, exclusive"},
}
WINDOW = table(bands.WINDOW_FIELDS, {"days": some(_TEXT), "hours": some({"type": "string"})})
HOLIDAYS = some({"type": "string", "pattern": "^([0-9]{4}-)?[0-9]{2}-[0-9]{2}$"})
_INTERVAL = table(
    ("from", "rate", "increment"), {"from": _SECONDS, "rate": _DECIMAL, "increment": _SECONDS}, required=["rate"]
)
_RATE = table(
    tariffs.RATE_FIELDS,
    _TERMS
    | {
        "prefix": some(PREFIX) | {"description": "Digits, a range of them, or a list; empty: every number"},
        "destination": _TEXT,
        "rate": _DECIMAL | {"description": "Per minute"},
        "intervals": {"type": "array", "items": _INTERVAL, "minItems": 1, "maxItems": terms.INTERVALS_MAX},
        "blocked": YES,
        "band": some({"type": "string"}),
    },
    required=["prefix"],
)
_DECK = table(
    tariffs.DECK_FIELDS,
    _TERMS | {"file": {"type": "string"}, "columns": table(decks.COLUMNS, dict.fromkeys(decks.COLUMNS, _TEXT))},
    required=["file"],
)
_DERIVE = table(
    tariffs.DERIVE_FIELDS,
    {
        "from": {"type": "string", "description": "The other tariff's name"},
        "markup": {"type": ["string", "number"], "pattern": r"^-?[0-9]+(\.[0-9]+)? ?%?$"},
        "add": _SIGNED | {"description": "To each minute's rate"},
        "floor": _DECIMAL,
        "ceiling": _DECIMAL,
        "grid": _DECIMAL | {"description": "Rates are rounded up to a multiple"},
        "exchange": _DECIMAL | {"description": "One unit of the other tariff's currency in this one's"},
        "prefixes": some(PREFIX),
    },
    required=["from"],
)
_TARIFF: dict[str, Schema] = _TERMS | {
    "name": _TEXT,
    "description": _TEXT,
    "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
    "timezone": {"type": "string", "description": "Of all dates and hours, such as Europe/Berlin"},
    "bands": {"type": "object", "additionalProperties": some(WINDOW), "maxProperties": bands.BANDS_MAX},
    "holidays": HOLIDAYS,
    "border": words(Border) | {"description": "What becomes of a call in which a band ends"},
    "include": {"type": "array", "items": {"type": "string"}},
    "derive": _DERIVE,
    "rates": {"type": "array", "items": _RATE},
    "decks": {"type": "array", "items": {"anyOf": [{"type": "string"}, _DECK]}},
}


def tariff_schema() -> Schema:
    """Of a file under tariffs/."""
    return {"$schema": URL, "title": "A tariff of Kambill"} | table(
        tariffs.TARIFF_FIELDS, _TARIFF, required=["currency"]
    )


_CURRENCY = {"type": "string", "pattern": "^[A-Z]{3}$"}
_EXCHANGED = table(
    exchange.RATE_FIELDS,
    {
        "from": _CURRENCY,
        "to": _CURRENCY,
        "rate": _DECIMAL | {"description": "One unit of `from` in `to`"},
        "effective": _DATE | {"description": "From when it holds, in the file's zone"},
    },
    required=["from", "to", "rate"],
)
_EXCHANGE: dict[str, Schema] = {
    "base": _CURRENCY | {"description": "Over which currencies without a pair of their own are exchanged"},
    "timezone": {"type": "string", "description": "Of all dates, such as Europe/Berlin"},
    "rates": {"type": "array", "items": _EXCHANGED},
    "decks": {"type": "array", "items": {"type": "string"}},
}


def exchange_schema() -> Schema:
    """Of exchange.yaml."""
    return {"$schema": URL, "title": "Rates of exchange of Kambill"} | table(exchange.FIELDS, _EXCHANGE)


def groups_schema() -> Schema:
    """Of groups.yaml."""
    group = table(
        groups.FIELDS,
        {
            "prefixes": some(PREFIX) | {"description": "Digits, a range of them, or a list; empty: every number"},
            "destinations": {"type": "array", "items": _TEXT, "description": "As rates name them"},
            "except": some(PREFIX) | {"description": "Prefixes that are left out"},
            "description": _TEXT,
        },
    )
    named = {"type": "object", "additionalProperties": group, "maxProperties": groups.GROUPS_MAX}
    title = {"$schema": URL, "title": "Destination groups of Kambill"}
    return title | table(("groups",), {"groups": named}, required=["groups"])
