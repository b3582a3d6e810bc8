"""Where one begins: the overview of whoever is signed in, and the menu as a page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from aiohttp import web

from service.accounts.api import AccountView
from service.api.problems import Problem
from service.api.values import moment_text
from service.calls.running import FundsView, RunningCalls
from service.calls.traffic_api import DestinationsView, TrafficView
from service.portal.components import columns
from service.portal.components.choosing import found as found_things
from service.portal.components.columns import each
from service.portal.components.facts import Section, page
from service.portal.components.lists import Cell, table_of
from service.portal.components.plots import Line, plot
from service.portal.formats import NEVER, duration
from service.portal.pages import live
from service.portal.pages.attention import attention
from service.portal.pages.beginning import beginning
from service.portal.pages.commissions import month_of
from service.portal.printer import PRINTER
from service.portal.reckoning import (
    DAY_MS,
    HOUR_MS,
    Sums,
    cash,
    counted_from,
    currencies,
    day_begins,
    hours_back,
    lasts_ms,
    month_begins,
    sums,
)
from service.portal.screen import Screen, Shown
from service.portal.streams import stream
from service.portal.visit import Visit

DAYS = 14
"""That the plots of days go back."""
HOURS = 24
WEEK_DAYS = 7
LASTS_HOURS_MAX = 10 * 365 * 24
"""Longer than that a pace says nothing."""
DESTINATIONS = 8


class Figure(NamedTuple):
    """One figure of the overview."""

    what: str
    much: str
    beside: str = ""
    link: str = ""


async def show(visit: Visit) -> Shown:
    """What matters to the visitor now."""
    sections = await overview(visit, visit.account_id)
    sections[1:1] = await attention(visit)
    return page(visit, visit.say("Overview"), sections, subtitle=visit.me.account_name if visit.me else "")


async def overview(visit: Visit, account_id: int) -> list[Section | None]:
    """Of one account: figures, running calls, plots, destinations; each as far as the visitor may see it."""
    traffic = await _traffic(visit, account_id)
    funds = await visit.ask("account.funds", FundsView, account_id=account_id) if visit.can("account.funds") else None
    row = await visit.ask("account.show", AccountView, account_id=account_id) if visit.can("account.show") else None
    earned = await _commission(visit, row)
    figures = _money_figures(visit, row, account_id, funds, traffic) + earned + _call_figures(visit, traffic)
    return [
        _figures(visit, figures),
        await beginning(visit, account_id, traffic),
        await _running(visit, account_id),
        *(await plots(visit, account_id, traffic)),
        await _destinations(visit, account_id),
    ]


async def _traffic(visit: Visit, account_id: int) -> TrafficView | None:
    if not visit.can("traffic.hours", "account.show"):
        return None
    since = day_begins(visit.now_ms, visit.formats.zone, DAYS - 1)
    query = {"since": iso(since), "until": iso(visit.now_ms + 1), "account_id": str(account_id)}
    return await visit.ask("traffic.hours", TrafficView, query=query)


def iso(wall_ms: int) -> str:
    """As the API takes a moment."""
    return moment_text(wall_ms) or "1970-01-01T00:00:00Z"


# --- figures


def _figures(visit: Visit, figures: list[Figure]) -> Section | None:
    if not figures:
        return None
    return Section(visit.say("Now and today"), template="figures.html", data=figures, is_full=True)


def _money_figures(
    visit: Visit, row: AccountView | None, account_id: int, funds: FundsView | None, traffic: TrafficView | None
) -> list[Figure]:
    if funds is None:
        return []
    say, formats = visit.say, visit.formats
    link = f"/accounts/{account_id}/lines" if visit.can("payment.list") else ""
    found = [Figure(say("Balance"), formats.money(funds.balance, funds.currency), _held(visit, funds), link)]
    if row is not None and row.kind == "root":
        found = []  # it pays nobody
    spent = cash(traffic.money, funds.currency, visit.now_ms - DAY_MS, visit.now_ms).spent if traffic else 0
    lasts = lasts_ms(funds.available, spent, DAY_MS)
    if row is None or not (row.kind in {"root", "provider"} or row.commission):  # those buy nothing by it
        beside = say("at the pace of the last 24 hours") if lasts is not None else say("nothing was spent in 24 hours")
        found.append(
            Figure(say("Can be spent"), formats.money(funds.available, funds.currency), _lasts(visit, lasts, beside))
        )
    return found + _earnings(visit, funds, traffic, is_paid=row is not None and row.kind == "provider")


def _held(visit: Visit, funds: FundsView) -> str:
    if not funds.held:
        return ""
    return visit.say("{amount} on hold").format(amount=visit.formats.money(funds.held, funds.currency))


def _lasts(visit: Visit, lasts: int | None, beside: str) -> str:
    """In words: hours below two days, else days."""
    if lasts is None:
        return beside
    hours = lasts // HOUR_MS
    if hours > LASTS_HOURS_MAX:
        return f"{visit.say('lasts more than ten years')} {beside}"
    text = visit.say("lasts {days} days") if hours >= 48 else visit.say("lasts {hours} hours")
    return f"{text.format(days=visit.formats.number(hours // 24), hours=visit.formats.number(hours))} {beside}"


def _today(visit: Visit, beside: str = "") -> str:
    """What stands beside a figure of today; where the day began within an hour that is summed up, from when it is."""
    begins = day_begins(visit.now_ms, visit.formats.zone)
    since = counted_from(begins)
    if since == begins:
        return beside
    clock = datetime.fromtimestamp(since // 1000, UTC).astimezone(visit.formats.zone)
    return "; ".join(filter(None, (visit.say("from {time} on").format(time=f"{clock:%H:%M}"), beside)))


def _earnings(visit: Visit, funds: FundsView, traffic: TrafficView | None, *, is_paid: bool) -> list[Figure]:
    """Today's revenue and margin of whoever sells; the spending of whoever only buys. `is_paid`: for carrying calls,
    as a provider, who buys none.
    """
    if traffic is None:
        return []
    today = day_begins(visit.now_ms, visit.formats.zone)
    found = []
    for currency in currencies(traffic.money, funds.currency):
        one = cash(traffic.money, currency, today, visit.now_ms)
        money = visit.formats.money
        if one.earned and is_paid:
            found.append(Figure(visit.say("For calls of today"), money(one.earned, currency), _today(visit)))
        elif one.earned:
            beside = visit.say("cost {cost}, margin {margin}")
            told = beside.format(cost=money(one.spent, currency), margin=money(one.margin, currency))
            found.append(Figure(visit.say("Revenue today"), money(one.earned, currency), _today(visit, told)))
        elif one.spent:
            found.append(Figure(visit.say("Spent today"), money(one.spent, currency), _today(visit)))
    return found


async def _commission(visit: Visit, row: AccountView | None) -> list[Figure]:
    """What a commission reseller has earned in this month, and of what."""
    if row is None or not row.commission or not visit.can("commission.report"):
        return []
    since = month_begins(visit.now_ms, visit.formats.zone)
    beside = visit.say("of {amount} that customers were charged")
    return [
        Figure(
            visit.say("Commission of this month"), visit.formats.exact(str(earned), currency),
            beside.format(amount=visit.formats.money(base, currency)), f"/accounts/{row.id}/commission",
        )
        for currency, (earned, base) in (await month_of(visit, row.id, iso(since))).items()
    ]  # fmt: skip


def _call_figures(visit: Visit, traffic: TrafficView | None) -> list[Figure]:
    if traffic is None:
        return []
    zone, say, number = visit.formats.zone, visit.say, visit.formats.number
    today = sums(traffic.hours, day_begins(visit.now_ms, zone), visit.now_ms)
    week = sums(traffic.hours, day_begins(visit.now_ms, zone, WEEK_DAYS), day_begins(visit.now_ms, zone))
    beside = say("a day of the week before: {count}")
    calls = beside.format(count=number(week.attempts // WEEK_DAYS))
    minutes = beside.format(count=number(week.minutes // WEEK_DAYS))
    link = "/calls" if visit.can("cdr.list") else ""
    return [
        Figure(say("Calls today"), number(today.attempts), _today(visit, calls), link),
        Figure(say("Minutes today"), number(today.minutes), _today(visit, minutes)),
        Figure(
            say("ASR and ACD today"), f"{_percent(today)} · {_acd(today)}", _today(visit, _before(visit, today, week))
        ),
    ]


def _before(visit: Visit, today: Sums, week: Sums) -> str:
    """Beside today's quality."""
    told = [visit.say("the week before: {percent}").format(percent=f"{_percent(week)} · {_acd(week)}")]
    if today.delay_ms is not None:
        told.insert(0, visit.say("PDD {delay} ms").format(delay=visit.formats.number(today.delay_ms)))
    return "; ".join(told)


def _acd(found: Sums) -> str:
    return NEVER if found.acd_s is None else duration(found.acd_s)


def _percent(found: Sums) -> str:
    return NEVER if found.asr_percent is None else f"{found.asr_percent}\u00a0%"


# --- running calls


async def _running(visit: Visit, account_id: int) -> Section | None:
    if not visit.can("call.list"):
        return None
    query = {"account_id": str(account_id)} if account_id != visit.account_id else {}
    data = {"link": f"/live?account_id={account_id}" if query else "/live", **await running_of(visit, query)}
    data["stream"] = f"/overview/running?account_id={account_id}" if query else "/overview/running"
    return Section(visit.say("Running calls"), template="running.html", data=data, is_full=True)


async def running_of(visit: Visit, query: dict[str, str]) -> dict[str, Any]:
    """How many run, and what they cost so far."""
    try:
        found = await visit.ask("call.list", RunningCalls, query={**query, "limit": "0"})
    except Problem as problem:
        if problem.kind != "unavailable":
            raise
        return {"problem": problem.detail, "total": 0, "ringing": 0, "sums": []}
    return {"problem": "", "total": found.total, "ringing": found.ringing, "sums": live.sums_of(visit, found)}


async def running_piece(visit: Visit) -> str:
    """Sent again and again."""
    account = visit.request.query.get("account_id", "")
    data = await running_of(visit, {"account_id": account} if account else {})
    return visit.request.app[PRINTER].piece(visit, "running_now.html", {"data": data})


# --- plots


async def plots(visit: Visit, account_id: int, traffic: TrafficView | None) -> list[Section]:
    """Calls by the hour, minutes by the day, money by the day."""
    if traffic is None:
        return []
    found = [_hours_plot(visit, traffic), _days_plot(visit, traffic)]
    if traffic.money:
        account = await visit.ask("account.show", AccountView, account_id=account_id)
        is_paid = account.kind == "provider"
        shown = currencies(traffic.money, account.currency)[:3]
        found += [_money_plot(visit, traffic, one, is_paid=is_paid) for one in shown]
    return found


def _hours_plot(visit: Visit, traffic: TrafficView) -> Section:
    hours = hours_back(visit.now_ms, HOURS)
    found = [sums(traffic.hours, at, at + HOUR_MS) for at in hours]
    lines = [
        _counts(visit, "Attempts", [one.attempts for one in found]),
        _counts(visit, "Answered", [one.answered for one in found]),
    ]
    title = visit.say("Calls of the last 24 hours")
    texts = [visit.formats.clock(at) for at in hours]
    drawn = plot(title, visit.say("Hour"), hours, texts, lines, str(visit.formats.zone))
    return Section(title, template="plot.html", data=drawn)


def _counts(visit: Visit, label: str, values: list[int]) -> Line:
    return Line(visit.say(label), values, [visit.formats.number(value) for value in values])


def _days(visit: Visit) -> list[int]:
    return [day_begins(visit.now_ms, visit.formats.zone, back) for back in range(DAYS - 1, -1, -1)]


def _days_plot(visit: Visit, traffic: TrafficView) -> Section:
    days = _days(visit)
    ends = [*days[1:], visit.now_ms + 1]
    found = [sums(traffic.hours, at, until) for at, until in zip(days, ends, strict=True)]
    title = visit.say("Minutes of the last two weeks")
    lines = [_counts(visit, "Minutes", [one.minutes for one in found])]
    texts = [visit.formats.day(at) for at in days]
    drawn = plot(title, visit.say("Day"), days, texts, lines, str(visit.formats.zone))
    return Section(title, template="plot.html", data=drawn)


def _money_plot(visit: Visit, traffic: TrafficView, currency: str, *, is_paid: bool) -> Section:
    days = _days(visit)
    ends = [*days[1:], visit.now_ms + 1]
    found = [cash(traffic.money, currency, at, until) for at, until in zip(days, ends, strict=True)]
    series = [("Spent", [one.spent for one in found])]
    if is_paid:
        series = [("For its calls", [one.earned for one in found])]
    elif any(one.earned for one in found):
        series = [("Revenue", [one.earned for one in found]), ("Cost", [one.spent for one in found])]
        series.append(("Margin", [one.margin for one in found]))
    money = visit.formats.money
    lines = [
        Line(visit.say(label), values, [money(one, currency) for one in values], 1_000_000) for label, values in series
    ]
    title = visit.say("Money of the last two weeks, {currency}").format(currency=currency)
    texts = [visit.formats.day(at) for at in days]
    drawn = plot(title, visit.say("Day"), days, texts, lines, str(visit.formats.zone))
    return Section(title, template="plot.html", data=drawn)


async def _destinations(visit: Visit, account_id: int) -> Section | None:
    if not visit.can("traffic.destinations", "account.show"):
        return None
    since = day_begins(visit.now_ms, visit.formats.zone, WEEK_DAYS)
    query = {"since": iso(since), "until": iso(visit.now_ms + 1), "account_id": str(account_id)}
    found = await visit.ask("traffic.destinations", DestinationsView, query=query)
    shown = (
        each("Destination", lambda visit, one: Cell(one.destination or visit.say("unknown"))),
        columns.number("Attempts", "attempts"),
        each("ASR", lambda _, one: Cell(_percent(Sums(one.attempts, one.answered, 0))), at_end=True),
        each(
            "Minutes", lambda visit, one: Cell(visit.formats.number(Sums(0, 0, one.duration_ms).minutes)), at_end=True
        ),
    )
    table = await table_of(visit, shown, found.items[:DESTINATIONS])
    return Section(visit.say("Top destinations of the week"), [], table, empty=visit.say("No call yet."), is_half=True)


async def show_choices(visit: Visit) -> web.StreamResponse:
    """Names for a field of things that are too many to choose from: while one types."""
    typed = visit.request.query.get(visit.request.query.get("field", ""), "")
    choices = await found_things(visit, visit.parameter("noun"), typed.strip())
    text = visit.request.app[PRINTER].piece(visit, "choices.html", {"choices": choices})
    return web.Response(text=text, content_type="text/html")


async def show_menu(visit: Visit) -> Shown:
    """For who has no room for it beside the page, and no scripts."""
    return Shown("menu.html", visit.say("Menu"), {})


SCREENS = (
    Screen("/", "me.show", show),
    Screen("/overview/running", "call.list", stream(running_piece), streams=True),
    Screen("/menu", "me.show", show_menu),
    Screen("/choices/{noun}", "me.show", show_choices),
)
