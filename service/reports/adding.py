"""What a report adds up: sums, and records where a day is cut, or where a customer has no sums.

Which of them over which time says `service.reports.spans`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from service.access.permissions import Permission
from service.api.call import Call
from service.api.nouns import NOUNS, within
from service.calls.lines import pdd
from service.calls.sums import BY_DAY, DAY_MS, HOUR_MS, HOURLY, OF_CALLS
from service.calls.traffic_api import AskedTraffic
from service.database.among import among, listed
from service.database.columns import BIG
from service.database.engine import is_sqlite
from service.database.paths import ids_below
from service.database.tables import accounts, cdrs, charges, gateways, trunks
from service.database.traffic_tables import call_sums
from service.reports.spans import Part, Span, Spans

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
    at: Callable[[Expression], Expression] | None = None
    """Of a moment the hour or day that rows are of, where they are those of one thing: then `key` is that of a sum, and
    the thing is told by `keys`. None: rows are of things.
    """
    destination: str = ""
    """Whose sums alone are read, where `keys` are no number of it; empty: all."""


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


OF_MONEY = frozenset({"earned", "spent", "margin"})
"""What a report may be sorted by for who may read payments."""


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
    found = sa.union_all(*_parts(call, way, asked, spans, currency, with_money=with_money, keys=keys)).subquery("found")
    names = ("attempts", "answered", "minutes", "rang", "pdd_ms", "earned", "spent")
    sums = [sa.func.sum(found.c[name]).label(name) for name in names]
    margin = (sa.func.sum(found.c.earned) - sa.func.sum(found.c.spent)).label("margin")
    is_some = sa.func.sum(found.c.attempts) > 0
    if way.dimension in OF_CALLS:  # what no call had may have had a paid attempt
        is_some |= (sa.func.sum(found.c.earned) != 0) | (sa.func.sum(found.c.spent) != 0)
    return sa.select(found.c.key, *sums, margin).group_by(found.c.key).having(is_some)


def ranked(call: Call, way: Way, asked: AskedTraffic, spans: Spans, currency: str, by: str) -> sa.Select[Any]:
    """The same keys with nothing but the value that they are sorted by, a third of the work: `counted` tells the rest.
    By account or trunk alone.
    """
    parts = []
    for part in _parts(call, way, asked, spans, currency, with_money=by in OF_MONEY, keys=None):
        read = part.selected_columns
        value = read.earned - read.spent if by == "margin" else read[by]
        parts.append(part.with_only_columns(read.key, value.label("value"), read.attempts.label("attempts")))
    found = sa.union_all(*parts).subquery("found")
    ranks = sa.select(found.c.key, sa.func.sum(found.c.value).label("value")).group_by(found.c.key)
    if not spans.records and all(part.times > 0 for part in spans.hours):
        return ranks  # who has a sum has called
    # PostgreSQL adds up numbers of 32 bits far quicker than longer ones.
    return ranks.having(sa.func.sum(sa.cast(found.c.attempts, sa.Integer)) > 0)


def _parts(
    call: Call,
    way: Way,
    asked: AskedTraffic,
    spans: Spans,
    currency: str,
    *,
    with_money: bool,
    keys: Keys | None,
) -> list[sa.Select[Any]]:
    """What is added up, all with the same columns."""
    parts = [] if spans.sums is None else [_of_sums(call, way, asked, Part(spans.sums, 1), currency, keys)]
    hourly = way._replace(dimension=HOURLY.get(way.dimension, ""))
    parts += [_of_sums(call, hourly, asked, part, currency, keys) for part in spans.hours]
    for part in spans.records:
        calls = _calls(call, way, asked, part.span, keys)
        parts.append(_of_records(call, way, part, calls, keys))
        parts += _money_of(call, asked, part, currency, calls) if with_money else []
    return parts


def _money_of(call: Call, asked: AskedTraffic, part: Part, currency: str, calls: _Calls) -> Iterator[sa.Select[Any]]:
    """What records come to, as parts of the same rows; keys without attempts are left out of them."""
    counts = [sa.literal(0).label(name) for name in ("attempts", "answered", "minutes", "rang", "pdd_ms")]
    for query in _money(call, asked, currency, calls):
        key, earned, spent = query.subquery().c
        money = (earned * part.times).label("earned"), (spent * part.times).label("spent")
        yield sa.select(key.label("key"), *counts, *money)


def _of_sums(call: Call, way: Way, asked: AskedTraffic, part: Part, currency: str, keys: Keys | None) -> sa.Select[Any]:
    span, times = part
    counts = (_S.attempts, _S.answered, _S.duration_ms.label("minutes"), _S.rang, _S.pdd_ms)
    money = [
        sa.case((_S.currency == currency, column), else_=0).label(name)
        for name, column in (("earned", _S.earned_micros), ("spent", _S.spent_micros))
    ]
    account: Any = sa.literal(int(asked.account.id), BIG)
    if keys is None and asked.account.depth == 0:  # PostgreSQL must not see whose they are: it would go by the leaders'
        account = sa.select(account).scalar_subquery()  # index, and for each sum to another page of the table
    of = (_S.account_id == account) & (_S.dimension == way.dimension)
    columns = [one if times > 0 else (-one).label(one.name) for one in (*counts, *money)]
    if way.destination:
        of &= _S.destination == way.destination
    found = sa.select(way.key.label("key"), *columns)
    if keys is None:
        of &= (_S.span_ms >= span.since_ms) & (_S.span_ms < span.until_ms)
        return found.where(of, _is_seen(call, way, _S.number, keys))
    spans = range(*span, DAY_MS if way.dimension in BY_DAY else HOUR_MS)
    if is_sqlite(call.conn):
        return found.select_from(_each(of, spans, keys.numbers))
    return found.where(of, among(call.conn, _S.span_ms, spans), among(call.conn, _S.number, keys.numbers))


def _each(of: Expression, spans: Collection[int], numbers: Collection[int]) -> sa.FromClause:
    """Each span's sum of each number is a step on the index; what isn't there is a row of nulls. Only an outer join
    makes SQLite do so: believing that each account has two sums a day it read all of a day's for some of them.
    """
    span, number = listed(spans), listed(numbers)
    is_theirs = of & (_S.span_ms == span.c.value) & (_S.number == number.c.value)
    return span.join(number, sa.true()).outerjoin(call_sums, is_theirs)


def _is_seen(call: Call, way: Way, key: Expression, keys: Keys | None) -> Expression:
    return sa.true() if way.owner is None or keys is not None else within(way.owner(key), call.actor)


def _of_records(call: Call, way: Way, part: Part, calls: _Calls, keys: Keys | None) -> sa.Select[Any]:
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
        own = _of_sides(call, asked, span, way.record)
        some = sa.true() if keys is None else own.c.key.in_(keys.numbers)
        return _Calls(own, own, some, _key(way, own, own.c.key))
    if is_sqlite(call.conn):
        where = _of(cdrs, asked, keys) & span.has(cdrs.c.start_ms) & among(call.conn, way.record, keys.numbers)
        return _Calls(cdrs, cdrs, where, _key(way, cdrs, way.record))
    each = sa.select(sa.func.unnest(sa.literal(list(keys.numbers), sa.ARRAY(BIG))).label("key")).subquery("each")
    # Key by key: with all of them at once it may read every call of these times.
    near = sa.select(*_READ).where(way.record == each.c.key, span.has(cdrs.c.start_ms)).order_by(cdrs.c.start_ms)
    own = near.offset(0).lateral("own")
    key = _key(way, own, own.c[way.record.name])
    return _Calls(own, each.join(own, sa.true()), _of(own, asked, keys), key)


def _key(way: Way, calls: Any, thing: Expression) -> Expression:
    return thing if way.at is None else way.at(calls.c.start_ms)


def _of_sides(call: Call, asked: AskedTraffic, span: Span, key: Expression) -> Any:
    """All of the account's and of those below it, read once for what they cost and for how many they are. On SQLite
    each side is a step on its index for each of them: with both in one condition it goes through all that there are.
    """
    below = ids_below(asked.account.path)
    made, carried = cdrs.c.account_id.in_(below), cdrs.c.cost_account_id.in_(below)
    calls = sa.select(*_READ, key.label("key")).where(span.has(cdrs.c.start_ms))
    if not is_sqlite(call.conn):
        return calls.where(made | carried).cte()
    return sa.union_all(calls.where(made), calls.where(carried, ~made)).cte()


def _of(calls: Any, asked: AskedTraffic, keys: Keys) -> Expression:
    """Whose they are. The account that is asked about lies in the asker's subtree."""
    if keys.are_below:
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
    """By key: from those below and for what it carried; to its seller. Without the taxes that were added. The
    operator's are in the sums.
    """
    sums: dict[Any, Earned] = {}
    known = await keys_of(call, way, asked, keys) if spans.records else None
    for span, times in spans.records:
        for query in _money(call, asked, currency, _calls(call, way, asked, span, known)):
            for key, earned, spent in await call.conn.execute(query):
                sums[key] = sums.get(key, Earned()).plus(times * int(earned), times * int(spent))
    return sums


def _money(call: Call, asked: AskedTraffic, currency: str, calls: _Calls) -> Iterator[sa.Select[Any]]:
    """Queries of key and micro-units earned and spent: what was charged, and what providers got.

    Charges are found by their calls. By the account they would be all that it ever had: so an engine must not see it.
    """
    number, own = asked.account.id, calls.table.c
    of_call, paid_by = charges.c.cdr_id == own.id, charges.c
    net = paid_by.charge_micros - paid_by.tax_micros
    sides: Sequence[Expression] = [
        sa.case((one == number, net), else_=0).label(name)
        for name, one in (("earned", paid_by.seller_id), ("spent", paid_by.account_id))
    ]
    is_own = (paid_by.seller_id == number) | (paid_by.account_id + 0 == number)
    asked_of = is_own & (paid_by.currency == currency)
    source = calls.source.join(charges, of_call)
    if not is_sqlite(call.conn):  # which would join all charges to so many calls as it believes in
        level = sa.select(*sides).where(of_call, asked_of).offset(0).lateral("level")
        source, sides, asked_of = calls.source.join(level, sa.true()), list(level.c), sa.true()
    found = sa.select(calls.key, *(sa.func.sum(one) for one in sides)).select_from(source)
    yield found.where(calls.where, asked_of).group_by(calls.key)
    costs = sa.select(calls.key, sa.func.sum(own.cost_micros), sa.literal(0)).select_from(calls.source)
    is_paid = (own.cost_account_id == number) & (own.cost_currency == currency)
    yield costs.where(calls.where, is_paid).group_by(calls.key)
