"""Where a report's figures come from: sums, and records where a day is cut, or where a customer has no sums.

Of a cut day the shorter part is read call by call, to be added, or to be taken out of the day's sums.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from service.access.permissions import Permission
from service.api.call import Call
from service.api.nouns import NOUNS, within
from service.calls.lines import pdd
from service.calls.sums import BY_DAY, DAY_MS, OF_CALLS, OF_CUSTOMERS
from service.calls.traffic_api import AskedTraffic
from service.database.among import among
from service.database.columns import BIG
from service.database.engine import is_sqlite
from service.database.paths import ids_below
from service.database.tables import accounts, cdrs, charges, gateways, trunks
from service.database.traffic_tables import call_sums

Expression = sa.ColumnElement[Any]
_S = call_sums.c
_P = Permission


class Way(NamedTuple):
    """How calls are summed up by something."""

    dimension: str
    """Of the sums."""
    key: Expression
    """Of the sums, too."""
    record: Expression | None = None
    """Of call records; None: these are never asked."""
    owner: Callable[[Expression], Expression] | None = None
    """The account that the thing with a number belongs to: only things of the asker's subtree are told."""
    noun: str = ""
    needs: Permission | None = None
    """Beside the endpoint's."""


def _itself(number: Expression) -> Expression:
    return number


def _owner_in(table: Any) -> Callable[[Expression], Expression]:
    return lambda number: sa.select(table.c.account_id).where(table.c.id == number).scalar_subquery()


_PROVIDER = sa.func.coalesce(cdrs.c.cost_account_id, 0)
WAYS: dict[str, Way] = {
    "account": Way("account", _S.number, cdrs.c.account_id, _itself, "account"),
    "trunk": Way("trunk", _S.number, cdrs.c.trunk_id, _owner_in(trunks), "trunk", _P.TRUNKS_READ),
    "destination": Way("destination", _S.destination),
    "provider": Way("provider", _S.number, _PROVIDER, _itself, "account", _P.GATEWAYS_READ),
    "gateway": Way("gateway", _S.number, cdrs.c.gateway_id, _owner_in(gateways), "gateway", _P.GATEWAYS_READ),
    "hour": Way("destination", _S.span_ms),
    "day": Way("destination", _S.span_ms - _S.span_ms % DAY_MS),
    "code": Way("code", _S.number),
}


class Span(NamedTuple):
    """Some time."""

    since_ms: int
    until_ms: int
    """Exclusive."""


class Part(NamedTuple):
    """Some time whose calls are read one by one."""

    span: Span
    times: int
    """-1: they are in the sums, and are taken out of them."""


class Keys(NamedTuple):
    """Accounts or trunks that are asked for, each for the asker's eyes."""

    numbers: Collection[int]
    are_below: bool
    """Whether all of them are the account's, or of one below it: then so are all their calls."""


_OWNER = accounts.alias("owner")


async def keys_of(call: Call, way: Way, asked: AskedTraffic, numbers: Collection[int]) -> Keys:
    """Of some numbers: looked at once, not for each sum and each call."""
    if asked.account.depth == 0 or way.dimension not in BY_DAY:
        return Keys(numbers, are_below=asked.account.depth == 0)
    noun = NOUNS[way.noun]
    owned = noun.table.join(_OWNER, _OWNER.c.id == noun.owner)
    found = sa.select(noun.table.c.id, _OWNER.c.path).select_from(owned)
    rows = await call.conn.execute(found.where(among(call.conn, noun.table.c.id, numbers)))
    paths = {row.id: row.path for row in rows}
    known = [one for one in numbers if call.actor.is_root or paths.get(one, "").startswith(call.actor.path)]
    return Keys(known, all(paths.get(one, "").startswith(asked.account.path) for one in known))


class Spans(NamedTuple):
    """What is read where."""

    sums: Span | None
    records: list[Part]


async def spans_of(call: Call, way: Way, asked: AskedTraffic) -> Spans:
    """Sums, as far as they go."""
    whole = Span(asked.since_ms, asked.until_ms)
    if asked.account.kind == "customer" and way.dimension not in OF_CUSTOMERS:
        return Spans(None, [Part(whole, 1)])
    if way.dimension not in BY_DAY:
        return Spans(whole, [])
    return _by_days(await _widened(call, whole))


async def _widened(call: Call, span: Span) -> Span:
    """To whole days where nobody called in what is added: most reports go to now."""
    first_ms, last_ms = span.since_ms // DAY_MS * DAY_MS, -(-span.until_ms // DAY_MS) * DAY_MS
    since_ms = span.since_ms if await _is_busy(call, Span(first_ms, span.since_ms)) else first_ms
    until_ms = span.until_ms if await _is_busy(call, Span(span.until_ms, last_ms)) else last_ms
    return Span(since_ms, until_ms)


async def _is_busy(call: Call, span: Span) -> bool:
    found = sa.select(cdrs.c.id).where(_began(span)).limit(1)
    return span.since_ms < span.until_ms and (await call.conn.execute(found)).first() is not None


def _by_days(span: Span) -> Spans:
    """The sums of days, and of each day that is cut the calls of its shorter part: added, or taken out of its sums."""
    since_ms, first = _cut(span.since_ms, is_end=False)
    until_ms, last = _cut(span.until_ms, is_end=True)
    if since_ms >= until_ms:
        return Spans(None, [Part(span, 1)])
    return Spans(Span(since_ms, until_ms), [*first, *last])


def _cut(edge_ms: int, *, is_end: bool) -> tuple[int, list[Part]]:
    """The nearest beginning of a day, and what lies between."""
    day_ms = (edge_ms + DAY_MS // 2) // DAY_MS * DAY_MS
    between = Span(min(edge_ms, day_ms), max(edge_ms, day_ms))
    return day_ms, [Part(between, 1 if (edge_ms > day_ms) is is_end else -1)] if edge_ms != day_ms else []


def _began(span: Span) -> Expression:
    return (cdrs.c.start_ms >= span.since_ms) & (cdrs.c.start_ms < span.until_ms)


def counted(
    call: Call,
    way: Way,
    asked: AskedTraffic,
    spans: Spans,
    currency: str,
    *,
    with_money: bool = False,
    keys: Keys | None = None,
) -> sa.Select[Any]:
    """Rows of key, attempts, answered, minutes, rang, pdd_ms; earned, spent and margin: by the sums alone, unless it is
    `with_money`, which reads every charge of the records. `keys`: only these; None: all for the asker's eyes.
    """
    parts = [] if spans.sums is None else [_of_sums(call, way, asked, spans.sums, currency, keys)]
    parts += [_of_records(call, way, asked, part, keys) for part in spans.records]
    if with_money:
        parts += [money for part in spans.records for money in _money_of(call, way, asked, part, currency, keys)]
    found = sa.union_all(*parts).subquery("found")
    names = ("attempts", "answered", "minutes", "rang", "pdd_ms", "earned", "spent")
    sums = [sa.func.sum(found.c[name]).label(name) for name in names]
    margin = (sa.func.sum(found.c.earned) - sa.func.sum(found.c.spent)).label("margin")
    is_some = sa.func.sum(found.c.attempts) > 0
    if way.dimension in OF_CALLS:  # what no call had may have had a paid attempt
        is_some |= (sa.func.sum(found.c.earned) != 0) | (sa.func.sum(found.c.spent) != 0)
    return sa.select(found.c.key, *sums, margin).group_by(found.c.key).having(is_some)


def _money_of(
    call: Call, way: Way, asked: AskedTraffic, part: Part, currency: str, keys: Keys | None
) -> Iterator[sa.Select[Any]]:
    """What records come to, as parts of the same rows; keys without attempts are left out of them."""
    nothing = sa.literal(0)
    for query in _money(asked, currency, _calls(call, way, asked, part.span, keys)):
        key, earned, spent = query.subquery().c
        yield sa.select(key, *[nothing] * 5, earned * part.times, spent * part.times)


def _of_sums(call: Call, way: Way, asked: AskedTraffic, span: Span, currency: str, keys: Keys | None) -> sa.Select[Any]:
    counts = (_S.attempts, _S.answered, _S.duration_ms.label("minutes"), _S.rang, _S.pdd_ms)
    money = [
        sa.case((_S.currency == currency, column), else_=0).label(name)
        for name, column in (("earned", _S.earned_micros), ("spent", _S.spent_micros))
    ]
    of = (_S.account_id == int(asked.account.id)) & (_S.dimension == way.dimension)
    hours = (_S.span_ms >= span.since_ms) & (_S.span_ms < span.until_ms)
    if keys is not None:  # each day's sum of each of them is a step on the index
        days = among(call.conn, _S.span_ms, range(span.since_ms, span.until_ms, DAY_MS))
        hours = days & among(call.conn, _S.number, keys.numbers)
    found = sa.select(way.key.label("key"), *counts, *money).where(of, hours)
    return found.where(_is_seen(call, way, _S.number, keys))


def _is_seen(call: Call, way: Way, key: Expression, keys: Keys | None) -> Expression:
    return sa.true() if way.owner is None or keys is not None else within(way.owner(key), call.actor)


def _of_records(call: Call, way: Way, asked: AskedTraffic, part: Part, keys: Keys | None) -> sa.Select[Any]:
    calls = _calls(call, way, asked, part.span, keys)
    key, nothing, times, own = calls.key, sa.literal(0), part.times, calls.table.c
    answered = sa.case((own.outcome == "answered", times), else_=0)
    rang = sa.case((own.ring_ms > 0, times), else_=0)
    sums = {
        "attempts": sa.func.count() * times, "answered": sa.func.sum(answered),
        "minutes": sa.func.sum(own.duration_ms) * times, "rang": sa.func.sum(rang),
        "pdd_ms": sa.func.sum(sa.func.coalesce(pdd(calls.table), 0)) * times, "earned": nothing, "spent": nothing,
    }  # fmt: skip
    found = sa.select(key.label("key"), *(column.label(name) for name, column in sums.items()))
    found = found.select_from(calls.source).where(calls.where).group_by(key)
    return found.where(_is_seen(call, way, key, keys))


_READ = [
    cdrs.c[name]
    for name in (
        "id", "account_id", "trunk_id", "outcome", "start_ms", "ring_ms", "duration_ms", "cost_account_id",
        "cost_micros", "cost_currency",
    )
]  # fmt: skip
"""Of records. To name all columns of a table in a statement takes longer than to read some calls."""


class _Calls(NamedTuple):
    """The same calls as the sums have, one by one."""

    table: Any
    source: sa.FromClause
    where: Expression
    key: Expression


def _calls(call: Call, way: Way, asked: AskedTraffic, span: Span, keys: Keys | None) -> _Calls:
    assert way.record is not None, way.dimension
    if keys is None or way.dimension not in BY_DAY:
        some = sa.true() if keys is None else way.record.in_(keys.numbers)
        return _Calls(cdrs, cdrs, _of(cdrs, asked) & _began(span) & some, way.record)
    if is_sqlite(call.conn):
        where = _of(cdrs, asked, keys) & _began(span) & among(call.conn, way.record, keys.numbers)
        return _Calls(cdrs, cdrs, where, way.record)
    each = sa.select(sa.func.unnest(sa.literal(list(keys.numbers), sa.ARRAY(BIG))).label("key")).subquery("each")
    # Key by key: with all of them at once it may read every call of these times.
    near = sa.select(*_READ).where(way.record == each.c.key, _began(span)).order_by(cdrs.c.start_ms)
    own = near.offset(0).lateral("own")
    return _Calls(own, each.join(own, sa.true()), _of(own, asked, keys), own.c[way.record.name])


def _of(calls: Any, asked: AskedTraffic, keys: Keys | None = None) -> Expression:
    """Whose they are. The account that is asked about lies in the asker's subtree."""
    if asked.account.depth == 0 or (keys is not None and keys.are_below):
        return sa.true()
    below = ids_below(asked.account.path)
    return sa.or_(calls.c.account_id.in_(below), calls.c.cost_account_id.in_(below))


class Earned(NamedTuple):
    """What the account itself earned and paid: micro-units."""

    earned: int = 0
    spent: int = 0

    def plus(self, earned: int, spent: int) -> Earned:
        """And so much more."""
        return Earned(self.earned + earned, self.spent + spent)


async def money_of_records(
    call: Call, way: Way, asked: AskedTraffic, spans: Spans, currency: str, keys: Collection[Any]
) -> dict[Any, Earned]:
    """By key: from those below and for what it carried; to its seller, or of the operator to providers. Without the
    taxes that were added.
    """
    sums: dict[Any, Earned] = {}
    known = await keys_of(call, way, asked, keys) if spans.records else None
    for span, times in spans.records:
        for query in _money(asked, currency, _calls(call, way, asked, span, known)):
            for key, earned, spent in await call.conn.execute(query):
                sums[key] = sums.get(key, Earned()).plus(times * int(earned), times * int(spent))
    return sums


def _money(asked: AskedTraffic, currency: str, calls: _Calls) -> Iterator[sa.Select[Any]]:
    """Queries of key and micro-units earned and spent: what was charged, and what providers got.

    Charges are found by their calls. By the account they would be all that it ever had: so an engine must not see it.
    """
    number, own, is_root = asked.account.id, calls.table.c, asked.account.depth == 0
    of_call, paid_by = charges.c.cdr_id == own.id, charges.c
    net = paid_by.charge_micros - paid_by.tax_micros
    sides: Sequence[Expression] = [
        sa.case((one == number, net), else_=0).label(name)
        for name, one in (("earned", paid_by.seller_id), ("spent", paid_by.account_id))
    ]
    is_own = (paid_by.seller_id == number) | (paid_by.account_id + 0 == number)
    asked_of = is_own & (paid_by.currency == currency)
    source = calls.source.join(charges, of_call)
    if calls.source is not calls.table:
        level = sa.select(*sides).where(of_call, asked_of).offset(0).lateral("level")
        source, sides, asked_of = calls.source.join(level, sa.true()), list(level.c), sa.true()
    found = sa.select(calls.key, *(sa.func.sum(one) for one in sides)).select_from(source)
    yield found.where(calls.where, asked_of).group_by(calls.key)
    paid, nothing = sa.func.sum(own.cost_micros), sa.literal(0)
    costs = sa.select(calls.key, *((nothing, paid) if is_root else (paid, nothing))).select_from(calls.source)
    costs = costs.where(calls.where, own.cost_currency == currency).group_by(calls.key)
    yield costs if is_root else costs.where(own.cost_account_id == number)
