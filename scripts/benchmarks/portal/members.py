"""The ledger's rows that are few enough to be made one by one: accounts, and what belongs to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from scripts.benchmarks.portal.plan import (
    BELOW,
    DAY_MS,
    FIRST_BELOW,
    FIRST_CUSTOMER,
    FIRST_RESELLER,
    PROVIDERS,
    RESELLERS,
    Plan,
)

Row = tuple[Any, ...]
WORDS = ("Alder", "Birch", "Cedar", "Elm", "Hazel", "Juniper", "Larch", "Maple", "Oak", "Poplar", "Rowan", "Willow")


class Member(NamedTuple):
    """A customer, with the ids of those above it: from the one that it pays up to the root."""

    id: int
    above: tuple[int, ...]

    @property
    def path(self) -> str:
        """As `accounts.path`."""
        return "/" + "/".join(str(one) for one in (*reversed(self.above), self.id)) + "/"


class Rows(NamedTuple):
    """Of a table."""

    table: str
    columns: str
    rows: Iterable[Row]


def member(number: int) -> Member:
    """Six of ten buy from the operator, three from a reseller, one from a reseller's reseller; the first have most."""
    drawn = number * 7919 % 9973
    if number % 10 < 6:
        return Member(FIRST_CUSTOMER + number, (1,))
    if number % 10 < 9:
        return Member(FIRST_CUSTOMER + number, (FIRST_RESELLER + drawn * drawn // 9973 * RESELLERS // 9973, 1))
    below = drawn * drawn // 9973 * BELOW // 9973
    return Member(FIRST_CUSTOMER + number, (FIRST_BELOW + below, FIRST_RESELLER + below % RESELLERS, 1))


def name_of(number: int) -> str:
    """Of a customer, as people search for it."""
    words = (WORDS[number % 12], WORDS[number // 12 % 12])
    return f"{words[0]} {words[1]} {number}"


def _account(number: int, name: str, kind: str, above: tuple[int, ...], plan: Plan) -> Row:
    path = "/" + "/".join(str(one) for one in (*reversed(above), number)) + "/"
    state = "suspended" if kind == "customer" and number % 97 == 0 else "active"
    return (
        number,
        name,
        above[0],
        kind,
        "prepaid",
        "EUR",
        state,
        len(above),
        path,
        plan.begin_ms - number % 300 * DAY_MS,
    )


def _accounts(plan: Plan, members: list[Member]) -> Iterator[Row]:
    for number in range(PROVIDERS):
        yield _account(2 + number, f"Carrier {number}", "provider", (1,), plan)
    for number in range(RESELLERS):
        yield _account(FIRST_RESELLER + number, f"Reseller {number}", "reseller", (1,), plan)
    for number in range(BELOW):
        above = (FIRST_RESELLER + number % RESELLERS, 1)
        yield _account(FIRST_BELOW + number, f"Shop {number}", "reseller", above, plan)
    for number, one in enumerate(members):
        yield _account(one.id, name_of(number), "customer", one.above, plan)


def _has_device(one: Member) -> bool:
    return one.id % 10 == 9


def _helper(one: Member) -> Row:
    above = [*one.above, 0, 0]
    json = "[" + ", ".join(str(number) for number in (one.id, *one.above)) + "]"
    place = (0, one.id, one.id) if _has_device(one) else (one.id, 0, one.id)
    return one.id, len(one.above), above[0], above[1], json, *place


def rows_of(plan: Plan) -> Iterator[Rows]:
    """Table by table, in an order in which they can stand."""
    members = [member(number) for number in range(plan.customers)]
    sip = [one for one in members if not _has_device(one)]
    at = plan.begin_ms
    yield Rows(
        "accounts", "id name parent_id kind billing currency state depth path created_ms", _accounts(plan, members)
    )
    yield Rows("bench_members", "id depth above1 above2 path trunk device number", (_helper(one) for one in members))
    yield Rows(
        "gateways", "id name account_id host networks created_ms",
        ((1 + at_, f"carrier/{at_}", 2 + at_, "192.0.2.1", "[]", at) for at_ in range(PROVIDERS)),
    )  # fmt: skip
    yield Rows(
        "trunks", "id name account_id created_ms", ((one.id, f"trunk {one.id}", one.id, at + one.id) for one in sip)
    )
    yield Rows(
        "trunk_networks", "trunk_id network port transport tech_prefix",
        ((one.id, f"10.{one.id >> 16}.{one.id >> 8 & 255}.{one.id & 255}/32", 0, "any", "") for one in sip),
    )  # fmt: skip
    yield Rows(
        "devices", "id account_id username name realm ha1_md5 ha1_sha256 created_ms",
        ((one.id, one.id, f"phone{one.id}", "Desk", "sip", "0" * 32, "0" * 64, at) for one in members
         if _has_device(one)),
    )  # fmt: skip
    yield Rows("numbers", "id number account_id created_ms", ((one.id, f"4989{one.id}", one.id, at) for one in members))
    yield from _beside(members, at)


def _beside(members: list[Member], at: int) -> Iterator[Rows]:
    """What is listed beside calls and books."""
    some = members[::5]
    yield Rows(
        "users", "id account_id email name state recovery_hashes created_ms",
        ((one.id, one.id, f"user{one.id}@bench.example", f"User {one.id}", "active", "[]", at) for one in some),
    )  # fmt: skip
    yield Rows(
        "call_limits", "account_id name measure period amount action set_by created_ms",
        ((one.id, f"a day {one.id}", "minutes", "day", 60_000_000, "warn", 1, at) for one in some),
    )  # fmt: skip
    yield Rows(
        "number_filters", "account_id subject digits kind set_by created_ms",
        ((one.id, "called", f"88{one.id}", "block", 1, at) for one in some),
    )  # fmt: skip
    yield Rows(
        "alarms", "account_id rule seen action raised_ms",
        ((one.id, "more than 1000 minutes a day", "1001", "warn", at + one.id * 1000) for one in some),
    )  # fmt: skip
    yield Rows(
        "mails", "account_id recipient template fields state created_ms",
        ((one.id, f"user{one.id}@bench.example", "welcome", "{}", "sent", at + one.id) for one in members),
    )  # fmt: skip
    yield Rows(
        "audit",
        "created_ms actor actor_account_id address action noun noun_id account_id before after prior_hash hash",
        ((at + one.id * 1000, "boss@bench.example", 1, "192.0.2.7", "account.make", "account", one.id, one.id, "", "{}",
          "", "") for one in members),
    )  # fmt: skip
    yield Rows(
        "operations", "kind account_id amount_micros currency reason actor state node_id created_ms",
        (("refund", one.id, 1_000_000, "EUR", "asked for", "boss", "refused", 1, at + one.id) for one in some),
    )  # fmt: skip
