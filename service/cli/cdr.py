"""`kambill cdr`: calls that have ended, with the charge of every level."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from kemi.store.queues import ATTEMPT
from ratebook.exchange import factor_shown, factor_text
from ratebook.money import format_micros
from service.calls.attempts import Attempt, attempts_of, delay_ms
from service.calls.browse import CdrFilter, CdrView, ChargeLine, Margin, find_cdr, list_cdrs
from service.calls.fees import Fee
from service.calls.sums import rebuild
from service.cli.groups import Verbs
from service.cli.output import Column, as_json, exact, facts, moment, money, table
from service.cli.session import config, ledger, run
from service.config import Config
from service.database.engine import reading
from service.faults import Fault
from service.ledger.hourly import add_up_money

_JSON = click.option("--json", "wants_json", is_flag=True, help="One JSON document.")


@click.group(cls=Verbs, noun="cdr")
def command() -> None:
    """Call records with every level's charge."""


@command.command("list")
@click.option("--account", help="Calls of this account and those below it.")
@click.option("--outcome", type=click.Choice(["answered", "failed", "cancelled", "refused"]))
@click.option("--number", help="Calls to numbers that begin so.")
@click.option("--since", help="From this time on: 2026-01-31 or 2026-01-31T12:00:00, in the configured zone.")
@click.option("--until", help="Before this time.")
@click.option("--before", type=int, help="Older than the record of this id: the next page.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@_JSON
def list_records(
    account: str | None,
    outcome: str | None,
    number: str | None,
    since: str | None,
    until: str | None,
    before: int | None,
    limit: int,
    *,
    wants_json: bool,
) -> None:
    """Calls that have ended, the latest first."""
    settings = config()
    chosen = CdrFilter(
        account, outcome, number, _moment(since, settings), _moment(until, settings), before_id=before, limit=limit
    )

    async def work() -> list[CdrView]:
        async with ledger(settings) as engine, reading(engine) as conn:
            return await list_cdrs(conn, chosen)

    views = run(work())
    if wants_json:
        as_json([document(view) for view in views])
        return
    columns = [Column("call"), Column("start"), Column("account"), Column("called"), Column("destination")]
    columns += [Column("outcome"), Column("SIP", right=True), Column("seconds", right=True)]
    columns += [Column("charge", right=True), Column("gateway"), Column("cost", right=True)]
    table(columns, (_cells(view, settings.timezone) for view in views), empty="no call records")


def _moment(text: str | None, settings: Config) -> int | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Fault(f"{text!r}: a time such as 2026-01-31 or 2026-01-31T12:00:00 was expected") from None
    zoned = found if found.tzinfo else found.replace(tzinfo=ZoneInfo(settings.timezone))
    since_1970 = zoned - datetime(1970, 1, 1, tzinfo=UTC)
    return (since_1970.days * 86_400 + since_1970.seconds) * 1000 + since_1970.microseconds // 1000


def _cells(view: CdrView, zone: str) -> list[str]:
    row = view.row
    paid = view.charges[0] if view.charges else None
    return [
        row.call,
        moment(row.start_ms, zone),
        row.account_name or f"#{row.account_id}",
        row.called or row.called_sent,
        row.destination,
        f"{row.outcome} ({row.rule})" if row.rule else row.outcome,
        str(row.sip_code),
        seconds(row.duration_ms),
        money(paid.micros, paid.currency) if paid else "",
        row.gateway_name or "",
        money(row.cost_micros, row.cost_currency),
    ]


def seconds(duration_ms: int) -> str:
    """Milliseconds as seconds with three decimals."""
    return f"{duration_ms // 1000}.{duration_ms % 1000:03}"


@command.command("show")
@click.argument("call")
@_JSON
def show_record(call: str, *, wants_json: bool) -> None:
    """One CALL (its key, or enough of its beginning): every level's charge, the provider's cost, margins."""
    settings = config()

    async def work() -> CdrView:
        async with ledger(settings) as engine, reading(engine) as conn:
            return await find_cdr(conn, call)

    view = run(work())
    if wants_json:
        as_json(document(view))
        return
    _show(view, settings.timezone)


@command.command("add-up")
def add_up() -> None:
    """Add up anew, from the records, what overviews and reports are read from. Calls go on; each day waits its turn."""
    settings = config()

    async def work() -> int:
        days = 0
        async with ledger(settings) as engine:
            async for day_ms in rebuild(engine):
                days += 1
                click.echo(f"{moment(day_ms, 'UTC')[:10]} added up")
            await add_up_money(engine)
        return days

    click.echo(f"{run(work())} days added up")


def _show(view: CdrView, zone: str) -> None:
    facts(_facts(view, zone))
    levels = [*view.charges, *([view.cost] if view.cost else [])]
    if levels:
        click.echo()
        columns = [Column("level"), Column("pays"), Column("tariff version"), Column("prefix")]
        columns += [
            Column("a minute", right=True),
            Column("increments"),
            Column("billed s", right=True),
            Column("charge", right=True),
            Column("tax in it", right=True),
            Column("exchange"),
            Column("packages paid"),
        ]
        table(columns, (_level(line) for line in levels), empty="")
        for line in levels:
            for step in line.steps if line.packages else ():
                click.echo(f"  {line.account}: {step}")
    if view.margins:
        click.echo()
        columns = [Column("seller"), *(Column(title, right=True) for title in ("earned", "paid", "margin"))]
        table(columns, (_margin(one) for one in view.margins), empty="")


def _facts(view: CdrView, zone: str) -> list[tuple[str, str]]:
    row = view.row
    attempts = "; ".join(_attempt(one, view.fees.of(row, one)) for one in attempts_of(row.attempts))
    times = (f"{name} {exact(ms, zone)}" for name, ms in _times(row) if ms)
    delay = delay_ms(row.start_ms, row.ring_ms)
    return [
        ("call", row.call),
        ("kind", row.kind if row.kind == ATTEMPT else ""),
        ("outcome", f"{row.outcome}, {row.sip_code} {row.sip_reason}, ended by {row.ended_by}"),
        ("refused", f"{row.rule}, by {row.refused_by_name or 'the system'}" if row.rule else ""),
        ("account", row.account_name or ""),
        ("trunk", (row.trunk_name or f"#{row.trunk_id}") if row.trunk_id else ""),
        ("device", (row.device_name or f"#{row.device_id}") if row.device_id else ""),
        ("caller", _number(row.caller, row.caller_sent)),
        ("called", _number(row.called, row.called_sent)),
        ("ported to", row.routing_number),
        ("signature", row.identity),
        ("attested", row.attested),
        ("destination", row.destination),
        ("gateway", row.gateway_name or ""),
        ("attempts", attempts),
        ("times", ", ".join(times)),
        ("PDD", "" if delay is None else f"{seconds(delay)} s"),
        ("talked", f"{seconds(row.duration_ms)} s"),
        ("Call-ID", row.call_id),
        ("tags", " ".join(filter(None, (row.from_tag, row.to_tag)))),
    ]


def _times(row: Any) -> list[tuple[str, int]]:
    return [("start", row.start_ms), ("ring", row.ring_ms), ("answer", row.answer_ms), ("end", row.end_ms)]


def _attempt(one: Attempt, fee: Fee | None) -> str:
    """The gateway, what it answered when, and when it rang: each so long after its own INVITE; what that was paid."""
    whither = f"#{one.gateway_id}" if one.gateway_id else "place"
    said = [f"{whither} {one.sip_code or 'no answer'}"]
    if one.delay_ms is not None:
        said.append(f"rang after {seconds(one.delay_ms)} s")
    if one.end_ms:
        said.append(f"ended after {seconds(max(0, one.end_ms - one.start_ms))} s")
    if fee is not None:
        said.append(f"paid {money(fee.micros, fee.currency)}")
    return ", ".join(said)


def _number(number: str, sent: str) -> str:
    return number if number == sent else f"{number} (sent as {sent})".strip()


def _margin(one: Margin) -> list[str]:
    return [one.account, *(money(micros, one.currency) for micros in (one.earned_micros, one.paid_micros, one.micros))]


def _level(line: ChargeLine) -> list[str]:
    pays = line.seller or "(is paid for carrying it)"
    exchanged = line.tariff_currency not in {line.currency, ""}
    exchange = f"{line.tariff_currency} at {factor_shown(line.exchange)}" if exchanged else ""
    charge = money(line.micros, line.currency)
    tax = format_micros(line.tax_micros) if line.tax_micros else ""
    rate = [line.tariff, line.prefix, line.rate, line.increments]
    return [line.account, pays, *rate, str(line.billed_s), charge, tax, exchange, line.packages]


def _line(line: ChargeLine) -> dict[str, Any]:
    return line._asdict() | {"exchange": factor_text(line.exchange)}


_FIELDS = (
    *("id", "call", "kind", "outcome", "sip_code", "sip_reason", "ended_by", "rule", "caller", "called", "caller_sent"),
    *("called_sent", "routing_number", "identity", "attested", "destination", "call_id", "from_tag", "to_tag"),
    *("start_ms", "ring_ms", "answer_ms", "end_ms", "duration_ms"),
)


def _attempted(one: Attempt, fee: Fee | None) -> dict[str, Any]:
    paid = {"fee_micros": fee and fee.micros, "fee_currency": fee and fee.currency}
    return one._asdict() | {"pdd_ms": one.delay_ms} | paid


def document(view: CdrView) -> dict[str, Any]:
    """A call as JSON: names instead of ids, micro-units beside their currency."""
    row = view.row
    return {
        **{name: row._mapping[name] for name in _FIELDS},
        "pdd_ms": delay_ms(row.start_ms, row.ring_ms),
        "attempts": [_attempted(one, view.fees.of(row, one)) for one in attempts_of(row.attempts)],
        "account": row.account_name,
        "trunk": row.trunk_name,
        "device": row.device_name,
        "gateway": row.gateway_name,
        "refused_by": row.refused_by_name,
        "charges": [_line(line) for line in view.charges],
        "cost": None if view.cost is None else {k: v for k, v in _line(view.cost).items() if k != "seller"},
        "margins": [{**one._asdict(), "micros": one.micros} for one in view.margins],
    }
