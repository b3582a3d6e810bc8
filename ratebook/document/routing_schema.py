"""The JSON Schema of routing.yaml, for editors: of the fields that are read."""

from __future__ import annotations

from ratebook.document import plans, routes, values
from ratebook.document.schema import HOLIDAYS, PREFIX, URL, WINDOW, YES, Schema, some, table, words
from ratebook.routing import RING_TIMEOUT_MAX_S, Match, NoLoss, Order, Portability


def _whole(least: int, most: int) -> Schema:
    """A number, or the text of one."""
    return {"type": ["integer", "string"], "minimum": least, "maximum": most, "pattern": "^[0-9]+$"}


_GATEWAY = {"type": "string", "pattern": "^[^/]+/.+$", "description": "provider/gateway"}
_NAMES = {"type": "array", "items": {"type": ["string", "number"]}}
_CODE = {"type": ["integer", "string"], "pattern": "^[3-6][0-9]{2}(-[3-6][0-9]{2})?$", "minimum": 300, "maximum": 699}
_HANDLING: dict[str, Schema] = {
    "order": some(words(Order)) | {"description": "What comes first; several are asked one after the other"},
    "no_loss": words(NoLoss) | {"description": "What becomes of calls by which somebody would lose"},
    "failover": table(
        plans.FAILOVER_FIELDS,
        {"codes": {"type": "array", "items": _CODE}, "try_timeout": _whole(1, 60), "attempts": _whole(1, 16)},
    ),
    "ring_timeout": _whole(5, RING_TIMEOUT_MAX_S) | {"description": "Seconds over all gateways"},
    "expected_call": _whole(1, values.SECONDS_MAX) | {"description": "Seconds of the call whose cost is compared"},
}
_BAND = some({"type": "string"})
_CHOICE = table(
    routes.CHOICE_FIELDS,
    {"gateway": _GATEWAY, "priority": _whole(0, 1000), "weight": _whole(0, 1000), "band": _BAND},
    required=["gateway"],
)
_ROUTE = table(
    routes.ROUTE_FIELDS,
    _HANDLING
    | {"prefix": some(PREFIX), "gateways": {"type": "array", "items": {"anyOf": [_GATEWAY, _CHOICE]}}, "band": _BAND},
    required=["gateways"],
)
_DEMAND = table(plans.DEMAND_FIELDS, {"asr": _whole(1, 100), "acd": _whole(1, 86_400), "pdd": _whole(1, 180)})
_QUALITY = table(
    plans.QUALITY_FIELDS,
    {
        "window": _whole(15, plans.WINDOW_MAX_MIN) | {"description": "Minutes"},
        "calls": _whole(1, 100_000) | {"description": "Fewer attempts say nothing"},
        "bands": {"type": "array", "items": _DEMAND, "minItems": 1},
    },
)
_PINNED = {"type": "array", "items": _GATEWAY, "minItems": 1}
_RULE = table(
    plans.RULE_FIELDS,
    dict.fromkeys(("only", "first", "exclude"), _PINNED)
    | {"prefixes": {"type": "array", "items": PREFIX}, "groups": _NAMES, "accounts": _NAMES},
    oneOf=[{"required": [pin]} for pin in ("only", "first", "exclude")],
)
_PLAN = table(
    plans.PLAN_FIELDS,
    _HANDLING
    | {
        "match": words(Match) | {"description": "Which routes of a number count"},
        "timezone": {"type": "string"},
        "holidays": HOLIDAYS,
        "bands": {"type": "object", "additionalProperties": some(WINDOW)},
        "quality": _QUALITY,
        "rules": {"type": "array", "items": _RULE},
        "portability": words(Portability)
        | {"description": "Whether moved numbers are rated and routed by their new one"},
        "resellers": YES | {"description": "Whether they may give it; by default if no_loss is strict everywhere"},
        "routes": {"type": "array", "items": _ROUTE},
    },
    required=["routes"],
)


def routing_schema() -> Schema:
    """Of routing.yaml."""
    return {"$schema": URL, "title": "Routing plans of Kambill"} | table(
        ("plans",), {"plans": {"type": "object", "additionalProperties": _PLAN}}
    )
