"""What came of the calls: one JSON document, or tables for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ratebook.money import format_micros
from scripts.demo.callsheet import Call
from scripts.demo.telephones import Heard


class Outcome(NamedTuple):
    """A call of the demo and all that is known of it."""

    call: Call
    call_id: str
    caller: Heard
    gateway: Heard
    record: dict[str, Any] | None
    """As `kambill cdr list --json` gives it; None: there is none."""

    @property
    def word(self) -> str:
        """completed, cut, failed_over or refused, by us or by a gateway: nobody talked."""
        if self.record is None or self.record["outcome"] != "answered":
            return "refused"
        if self.record["ended_by"] in {"grant", "operator", "system"}:
            return "cut"
        return "failed_over" if len(self.record["attempts"]) > 1 else "completed"

    @property
    def sip_code(self) -> int:
        """What the caller got; 0: no final answer."""
        if self.caller.answered_ms is not None:
            return 200
        code = self.caller.status[:3]
        return int(code) if code.isdecimal() else 0


def document(
    outcomes: Iterable[Outcome], before: dict[str, int], after: dict[str, int], doctor: dict[str, Any]
) -> dict[str, Any]:
    """The demo as one JSON document, amounts in micro-units."""
    return {
        "calls": [_call(outcome) for outcome in outcomes],
        "balances": {name: {"before": before.get(name, 0), "after": micros} for name, micros in after.items()},
        "doctor": {"ok": doctor["ok"], "checks": doctor["checks"]},
    }


def _call(outcome: Outcome) -> dict[str, Any]:
    record = outcome.record or {"charges": [], "cost": None}
    charges, cost = record["charges"], record["cost"]
    return {
        "call": outcome.call.name,
        "number": outcome.call.number,
        "outcome": outcome.word,
        "sip_code": outcome.sip_code,
        "billed_s": charges[0]["billed_s"] if charges else 0,
        "gateway_ms": outcome.gateway.talked_ms,
        "charges": {line["account"]: line["micros"] for line in charges},
        "provider_cost_micros": cost["micros"] if cost else 0,
    }


def money(micros: int | None) -> str:
    """An amount for a table."""
    return "" if micros is None else format_micros(micros)


def calls_table(outcomes: Iterable[Outcome]) -> tuple[list[str], list[list[str]]]:
    """One row a call: what became of it, and what both sides saw."""
    titles = ["call", "trunk", "number", "became", "caller got", "over", "ended by", "talked s", "billed s", "why"]
    rows = []
    for one in outcomes:
        record = one.record or {}
        charges = record.get("charges", [])
        talked = one.gateway.talked_ms
        rows.append(
            [
                *(one.call.name, one.call.trunk, one.call.number, one.word.replace("_", " ")),
                one.caller.status or str(one.sip_code or "nothing"),
                record.get("gateway") or "",
                record.get("ended_by") or "",
                "" if talked is None else f"{talked // 1000}.{talked % 1000:03}",
                str(charges[0]["billed_s"]) if charges else "",
                _why(record),
            ]
        )
    return titles, rows


def _why(record: dict[str, Any]) -> str:
    if record.get("rule"):
        return f"{record['rule']}, by {record.get('refused_by') or 'the system'}"
    attempts = record.get("attempts", [])
    return f"{len(attempts)} gateways tried" if len(attempts) > 1 else ""


def levels_table(outcomes: Iterable[Outcome]) -> tuple[list[str], list[list[str]]]:
    """What every level paid to the one above for each call, the provider's cost below."""
    titles = ["call", "who pays", "to", "rate of", "billed s", "amount"]
    rows = []
    for one in outcomes:
        record = one.record or {"charges": [], "cost": None}
        for line in record["charges"]:
            amount = f"{money(line['micros'])} {line['currency']}"
            rows.append([one.call.name, line["account"], line["seller"], line["prefix"], str(line["billed_s"]), amount])
        if record["cost"]:
            line = record["cost"]
            amount = f"{money(line['micros'])} {line['currency']}"
            rows.append([one.call.name, "Operator", line["account"], line["prefix"], str(line["billed_s"]), amount])
    return titles, rows


def margins_table(outcomes: Iterable[Outcome]) -> tuple[list[str], list[list[str]]]:
    """What stayed with every seller, over all calls."""
    sums: dict[tuple[str, str], list[int]] = {}
    for one in outcomes:
        for line in (one.record or {}).get("margins", []):
            total = sums.setdefault((line["account"], line["currency"]), [0, 0])
            total[0] += line["earned_micros"]
            total[1] += line["paid_micros"]
    rows = [
        [name, *(f"{money(micros)} {currency}" for micros in (earned, paid, earned - paid))]
        for (name, currency), (earned, paid) in sums.items()
    ]
    return ["seller", "earned", "paid", "margin"], rows


def balances_table(before: dict[str, int], after: dict[str, int]) -> tuple[list[str], list[list[str]]]:
    """Every account, before and after."""
    rows = []
    for name, micros in after.items():
        was = before.get(name, 0)
        rows.append([name, money(was), money(micros), money(micros - was)])
    return ["account", "before", "after", "change"], rows


def doctor_table(doctor: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """The doctor's checks."""
    rows = [[check["name"], "ok" if check["ok"] else "NOT OK", check.get("detail", "")] for check in doctor["checks"]]
    return ["check", "", "found"], rows
