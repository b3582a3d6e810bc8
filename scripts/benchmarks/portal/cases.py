"""What is asked: every list of the API and of the portal as it comes, far behind, by each filter and in each order that
it offers, calls by each two of them, what a search field sends while one types, and the pages that sum up.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

from scripts.benchmarks.portal.asking import NO_ANSWER, Asker
from scripts.benchmarks.portal.plan import BELOW, DAY_MS, DESTINATIONS, FIRST_BELOW, FIRST_CUSTOMER, HOUR_MS, Plan
from service.api.endpoint import Endpoint
from service.api.lists import Paging
from service.api.values import moment_text
from service.portal.components.fields import kinds
from service.portal.screens import SCREENS
from service.urls import ENDPOINTS

TYPED = ("w", "wil", "willow m")
"""In a search field, one after the other."""
DASHBOARDS = ("/", "/live")
REPORT_DAYS = (1, 14, 31)
REPORTS = ("account", "trunk", "destination", "provider", "gateway", "hour", "day", "code")
_SUMMARY = "report.summary"
_ROWS = 200
_LISTED = {screen.path.removesuffix(".csv"): screen.endpoint for screen in SCREENS if screen.path.endswith(".csv")}


class Case(NamedTuple):
    """One address."""

    what: str
    """Of which list or page."""
    how: str
    path: str


def is_case(status: int) -> bool:
    """What is not for their eyes, or can't be asked, is none; what fails is one, to be told."""
    return status in {200, NO_ANSWER} or status >= 500


def lists() -> list[Endpoint]:
    """Endpoints that answer with pages."""
    return [one for one in ENDPOINTS if one.method == "GET" and issubclass(one.query, Paging)]


def cases(asker: Asker, plan: Plan) -> Iterator[Case]:
    """All that are open to somebody."""
    for endpoint in lists():
        yield from _of_endpoint(asker, plan, endpoint)
    for path, name in _LISTED.items():
        endpoint = next(one for one in ENDPOINTS if one.name == name)
        here = filled(path, asker, plan)
        if not is_case(asker.get(here)[0]):
            continue
        yield Case(path, "first page", here)
        for how, query in _ways(endpoint, plan):
            if is_case(asker.get(address := f"{here}?{urlencode(query)}")[0]):
                yield Case(path, how, address)
    account = asker.person.account_id
    for path in (*DASHBOARDS, f"/accounts/{account}", f"/accounts/{account}/overview"):
        if is_case(asker.get(path)[0]):
            yield Case(path, "page", path)
    yield from _reports(asker, plan)


def _reports(asker: Asker, plan: Plan) -> Iterator[Case]:
    """By everything, over a day, two weeks and a month, and a day in each order; until an odd hour: days are cut."""
    until_ms = (plan.begin_ms + plan.end_ms) // 2 // DAY_MS * DAY_MS + 3 * DAY_MS + 7 * HOUR_MS
    for days in REPORT_DAYS:
        span = {"since": moment_text(until_ms - days * DAY_MS), "until": moment_text(until_ms)}
        for by in REPORTS:
            path = f"/reports?{urlencode({'by': by} | span)}"
            if is_case(asker.get(path)[0]):
                yield Case("/reports", f"by {by}, {days} days", path)
        yield from _plots(asker, days, span)
    span = {"since": moment_text(until_ms - DAY_MS), "until": moment_text(until_ms)}
    here = "/api/v1" + next(one.path for one in ENDPOINTS if one.name == _SUMMARY)
    for how, query in _orders(asker, here):
        if is_case(asker.get(address := f"{here}?{urlencode(query | span)}")[0]):
            yield Case(_SUMMARY, f"{how}, 1 days", address)


def _plots(asker: Asker, days: int, span: dict[str, Any]) -> Iterator[Case]:
    """Over hours and days, split by everything, and of one thing of each kind: with what is drawn above."""
    ways = [{"split": way} for way in REPORTS if way not in {"hour", "day"}]
    ways += [{"destination": DESTINATIONS[0]}, {"customer_id": str(FIRST_CUSTOMER)}, {"gateway_id": "1"}]
    for by, way in itertools.product(("hour", "day"), ways):
        path = f"/reports?{urlencode({'by': by} | way | span)}"
        if is_case(asker.get(path)[0]):
            yield Case("/reports", f"plot by {by}, {urlencode(way)}, {days} days", path)


def _of_endpoint(asker: Asker, plan: Plan, endpoint: Endpoint) -> Iterator[Case]:
    here = "/api/v1" + filled(endpoint.path, asker, plan)
    status, body = asker.get(here)
    if not is_case(status):
        return
    yield Case(endpoint.name, "first page", here)
    if status == 200 and json.loads(body)["next"] is None:
        return  # all of it is a page: every other way is shorter
    pairs = _pairs(endpoint, plan) if endpoint.name == "cdr.list" else ()
    for how, query in [*_orders(asker, here), *_ways(endpoint, plan), *pairs]:
        if is_case(asker.get(address := f"{here}?{urlencode(query)}")[0]):
            yield Case(endpoint.name, how, address)


def filled(path: str, asker: Asker, plan: Plan) -> str:
    """A path with the asker's own account, else with something that there is."""
    values = {"account_id": asker.person.account_id, "invoice_id": 1, "cdr_id": plan.calls // 2}
    return re.sub(r"{(\w+)}", lambda found: str(values.get(found.group(1), 1)), path)


def _orders(asker: Asker, here: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each order, both ways; and far behind: its last rows but some."""
    said = json.loads(asker.get(f"{here}?sort=no")[1])
    found = re.search(r"one of ([\w, ]+) was expected", json.dumps(said)) or re.search(r"'(\w+)'", json.dumps(said))
    names = found.group(1).split(", ") if found else []
    for name in dict.fromkeys(one for known in names for one in (known, f"-{known}")):
        yield f"sort={name}", {"sort": name}
        other = name.removeprefix("-") if name.startswith("-") else f"-{name}"
        following = json.loads(asker.get(f"{here}?sort={other}&limit={_ROWS}")[1]).get("next")
        if following is not None and not following.isdecimal():
            yield f"sort={name}, the last page", {"sort": name, "cursor": _turned(following, name)}


def _turned(cursor: str, sort: str) -> str:
    """The same place in a list the other way round."""
    values: list[Any] = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return base64.urlsafe_b64encode(json.dumps([sort, *values[1:]]).encode()).decode().rstrip("=")


def _ways(endpoint: Endpoint, plan: Plan) -> Iterator[tuple[str, dict[str, str]]]:
    """Each filter by itself."""
    for name, kind in kinds(endpoint.query).items():
        if name in {"limit", "cursor", "sort"}:
            continue
        for value in _values(name, kind, plan):
            yield f"{name}={value}", {name: value}


def _pairs(endpoint: Endpoint, plan: Plan) -> Iterator[tuple[str, dict[str, str]]]:
    """Each two filters together, many of which find nothing or little; and each in the order of numbers."""
    ways = [query for _, query in _ways(endpoint, plan)]
    for one, other in itertools.combinations([*ways, {"sort": "id"}, {"sort": "-id"}], 2):
        if not set(one) & set(other):
            yield urlencode(one | other), one | other


def _values(name: str, kind: Any, plan: Plan) -> tuple[str, ...]:
    customer, middle_ms = FIRST_CUSTOMER + plan.customers // 2, (plan.begin_ms + plan.end_ms) // 2
    if kind.choices:
        return tuple(one for one in kind.choices if one)
    if kind.shape == "moment":
        return (str(moment_text(middle_ms)), str(moment_text(plan.begin_ms + HOUR_MS)))
    if kind.shape == "check":
        return ("true", "false")
    known = {
        "account_id": (str(FIRST_CUSTOMER), str(customer), "10", str(FIRST_BELOW + BELOW - 1)),
        "parent_id": ("1", "10"), "below_id": ("10", str(FIRST_BELOW)), "trunk_id": (str(FIRST_CUSTOMER),),
        "device_id": (str(FIRST_CUSTOMER + 9),), "called": ("4", "44", "4412345678", "99"), "call": ("0", "1234", "ff"),
        "name": TYPED, "email": ("user12", "zz"), "username": ("phone12", "zz"), "number": ("4989", "zz"),
        "recipient": ("user12@", "zz"), "network": ("10.0.4.1/32",), "actor": ("boss",), "action": ("make", "zz"),
        "noun": ("account",), "noun_id": (str(customer),), "digits": ("88", "7"), "by": ("account",),
        "currency": ("EUR",), "destination": (DESTINATIONS[0],), "user_id": (str(FIRST_CUSTOMER),),
    }  # fmt: skip
    if name in known:
        return known[name]
    return ("1",) if kind.shape == "number" or kind.noun else ("zz",)
