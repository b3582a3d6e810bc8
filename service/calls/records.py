"""What the rows of a batch of journal lines are. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from ratebook.exchange import parse_factor
from ratebook.tax import tax_within
from service.ledger.rules import BALANCE, COST, REVENUE, ROOT_ID, Posting

Cdr = dict[str, Any]
"""The `cdr` of a journal line; docs/architecture.md lists its fields."""
Row = dict[str, Any]

NO_TAX = "1/1"
"""Of lines that an older release has written."""

_COPIED = (
    *("call", "kind", "outcome", "sip_code", "sip_reason", "ended_by", "refused_by", "rule", "path", "caller"),
    *(
        "called",
        "caller_sent",
        "called_sent",
        "destination",
        "call_id",
        "from_tag",
        "to_tag",
        "start_ms",
        "ring_ms",
        "answer_ms",
        "end_ms",
    ),
    *("duration_ms", "attempts"),
)


_LATER = ("routing_number", "identity", "attested")
"""Not in lines that an older release has written."""


def cdr_row(cdr: Cdr, *, node_id: int, epoch: int, sequence: int, entry_id: int | None) -> Row:
    """The row of `cdrs`."""
    row = {name: cdr[name] for name in _COPIED} | {name: cdr.get(name, "") for name in _LATER}
    row |= _callers(cdr)
    row |= {"node_id": node_id, "epoch": epoch, "sequence": sequence, "entry_id": entry_id}
    places = ("trunk", "device", "number", "owner", "entrance", "to_device", "account", "gateway")
    row |= {f"{name}_id": cdr[name] for name in places}
    cost = cdr["cost"] or {}
    for column, name in (("account_id", "account"), ("micros", "micros"), ("billed_s", "billed_s")):
        row[f"cost_{column}"] = cost.get(name)
    for name in ("tariff", "prefix", "terms", "currency", "exchange"):
        row[f"cost_{name}"] = cost.get(name)
    return row


def _callers(cdr: Cdr) -> Row:
    """Who calls, as the account of the record may know it: of a call from outside, or one that it makes by forwarding,
    the caller is somebody else.
    """
    private = cdr.get("private", False)
    if not (private and (cdr["entrance"] or cdr.get("forwarded", False))):
        return {"private": private, "withheld": ""}
    return {"private": True, "withheld": cdr["caller"] or cdr["caller_sent"], "caller": "", "caller_sent": ""}


def charge_rows(cdr_id: int, cdr: Cdr) -> list[Row]:
    """The rows of `charges`, from the customer upwards."""
    return [
        {
            "cdr_id": cdr_id,
            "level": level,
            "account_id": charge["account"],
            "seller_id": charge["seller"],
            "tariff": charge["tariff"],
            "prefix": charge["prefix"],
            "terms": charge["terms"],
            "billed_s": charge["billed_s"],
            "charge_micros": charge["micros"],
            "currency": charge["currency"],
            "exchange": charge["exchange"],
            "tax": charge.get("tax", NO_TAX),
            "tax_set_id": charge.get("tax_set", 0),
            "tax_micros": tax_of(charge),
            "covered_s": charge["covered_s"],
            "covered_micros": charge["covered_micros"],
            "fees_covered": charge["fees_covered"],
        }
        for level, charge in enumerate(cdr["charges"])
    ]


def tax_of(charge: Mapping[str, Any]) -> int:
    """Of what a level was charged, by a journal line: taxes that were added."""
    return tax_within(charge["micros"], parse_factor(charge.get("tax", NO_TAX)))


def take_rows(cdr_id: int, cdr: Cdr) -> list[Row]:
    """The rows of `package_takes`."""
    return [
        {"cdr_id": cdr_id, "level": level, "grant_id": grant, "amount": amount}
        for level, charge in enumerate(cdr["charges"])
        for grant, amount in charge["takes"]
    ]


def postings_of(cdrs: Iterable[Cdr]) -> list[Posting]:
    """What a batch of calls posts, summed by book and account; lines of nothing are left out."""
    sums: defaultdict[tuple[str, int, str], int] = defaultdict(int)
    for cdr in cdrs:
        for charge in cdr["charges"]:
            sums[BALANCE, charge["account"], charge["currency"]] -= charge["micros"]
            sums[REVENUE, charge["seller"], charge["currency"]] += charge["micros"]
        cost = cdr["cost"]
        if cost:
            sums[BALANCE, cost["account"], cost["currency"]] += cost["micros"]
            sums[COST, ROOT_ID, cost["currency"]] -= cost["micros"]
    return [
        Posting(book, account, micros, currency) for (book, account, currency), micros in sorted(sums.items()) if micros
    ]
