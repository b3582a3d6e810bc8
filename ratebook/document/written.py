"""A plan as people write it: the tables that `ratebook.document.plans` reads, without what need not be said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from ratebook.bands import NO_BAND
from ratebook.clocks import DAY_S
from ratebook.document.bands import EVERY_DAY, WEEK
from ratebook.model import Band, Hours, Window
from ratebook.routing import Choice, Demands, Plan, Route, Rule


def written_plan(plan: Plan) -> dict[str, Any]:
    """What stands under its name in routing.yaml. `plan` names its gateways and accounts."""
    handling = {name: getattr(plan, name) for name in _HANDLING}
    names = [band.name for band in plan.hours.bands] if plan.hours else []
    found = _handling(handling)
    if plan.match is not plan._field_defaults["match"]:
        found["match"] = plan.match.value
    if plan.hours is not None:
        found |= _hours(plan.hours)
    if plan.demands != plan._field_defaults["demands"]:
        found["quality"] = _demands(plan.demands)
    if plan.portability is not plan._field_defaults["portability"]:
        found["portability"] = plan.portability.value
    if plan.resellers is not None:
        found["resellers"] = plan.resellers
    if plan.rules:
        found["rules"] = [_rule(rule) for rule in plan.rules]
    found["routes"] = [_route(prefix, one, names) for prefix, routes in plan.routes.items() for one in routes]
    return found


_HANDLING = (
    "order", "no_loss", "failover_codes", "try_timeout_ms", "attempts_max", "ring_timeout_s", "expected_call_s",
)  # fmt: skip


def _handling(said: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    failover: dict[str, Any] = {}
    for name, value in said.items():
        if name == "order":
            words = [one.value for one in value]
            found["order"] = words[0] if len(words) == 1 else words
        elif name == "failover_codes":
            failover["codes"] = list(_ranges(sorted(value)))
        elif name == "try_timeout_ms":
            failover["try_timeout"] = value // 1000
        elif name == "attempts_max":
            failover["attempts"] = value
        else:
            found[name.removesuffix("_s")] = value.value if name == "no_loss" else value
    return found | ({"failover": failover} if failover else {})


def _ranges(codes: list[int]) -> Iterator[int | str]:
    """503, and 500-599 for those that follow each other."""
    for _, group in groupby(enumerate(codes), key=lambda item: item[1] - item[0]):
        run = [code for _, code in group]
        yield run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}"


def _route(prefix: str, route: Route, names: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"prefix": prefix}
    if route.bands and NO_BAND not in route.bands:
        found["band"] = _when(route.bands, names)
    return found | {"gateways": [_choice(one, names) for one in route.choices]} | _handling(dict(route.own))


def _choice(choice: Choice, names: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"gateway": choice.gateway, "priority": choice.priority}
    if choice.weight != 1:
        found["weight"] = choice.weight
    if choice.bands:
        found["band"] = _when(choice.bands, names)
    return found


def _when(bands: Sequence[int], names: list[str]) -> str | list[str]:
    found = [names[band] for band in bands]
    return found[0] if len(found) == 1 else found


def _hours(hours: Hours) -> dict[str, Any]:
    """Holidays stand as the dates that they are."""
    bands = {band.name: _band(band) for band in hours.bands}
    return {"timezone": hours.zone, "bands": bands}


def _band(band: Band) -> Any:
    windows = [_window(window) for window in band.windows]
    return windows[0] if len(windows) == 1 else windows


def _window(window: Window) -> dict[str, Any]:
    days = [*_weekdays(window.weekdays), *map(_date, window.dates)]
    found: dict[str, Any] = {"hours": f"{_time(window.from_s)}-{_time(window.to_s)}"}
    return found if window.weekdays == EVERY_DAY else {"days": days} | found


def _weekdays(bits: int) -> list[str]:
    return [name for at, name in enumerate(WEEK) if bits >> at & 1]


def _date(number: int) -> str:
    year, rest = divmod(number, 10_000)
    text = f"{rest // 100:02}-{rest % 100:02}"
    return f"{year:04}-{text}" if year else text


def _time(second: int) -> str:
    """Of the day, or of the next one."""
    clock = second if second <= DAY_S else second - DAY_S
    hour, rest = divmod(clock, 3600)
    text = f"{hour:02}:{rest // 60:02}"
    return f"{text}:{rest % 60:02}" if rest % 60 else text


def _demands(demands: Demands) -> dict[str, Any]:
    bands = [
        {name: value for name, value in zip(("asr", "acd", "pdd"), (asr, acd, pdd_ms // 1000), strict=True) if value}
        for asr, acd, pdd_ms in demands.bands
    ]
    return {"window": demands.window_s // 60, "calls": demands.calls_min, "bands": bands}


def _rule(rule: Rule) -> dict[str, Any]:
    found: dict[str, Any] = {rule.pin.value: list(rule.gateways)}
    if rule.prefixes:
        found["prefixes"] = list(rule.prefixes)
    if rule.groups:
        found["groups"] = list(rule.groups)
    if rule.accounts:
        found["accounts"] = list(rule.accounts)
    return found
