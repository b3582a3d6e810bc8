"""calls.yaml: the payments and calls of the demo, read as a whole with every fault at its line. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

import yaml

from scripts.demo.fields import Fields, Parser, amount, matching, read_fields, text
from service.setup.document import Setup
from service.setup.sheet import Sheet, place_of

TALK_MS_MAX = 4 * 3_600_000
RING_MS = 500
"""Of a gateway that is told no other time."""


class Gateway(NamedTuple):
    """What a gateway does with a call."""

    does: str
    """answer, refuse, dead"""
    ring_ms: int = RING_MS
    talk_ms: int | None = None
    """After which it hangs up; None: it leaves that to the caller."""
    status: str = ""
    """With which it refuses: code, blank, reason."""


WORDS = {
    "answer": Gateway("answer"),
    "busy": Gateway("refuse", status="486 Busy Here"),
    "dead": Gateway("dead"),
}


class Payment(NamedTuple):
    """Money that comes in before the first call."""

    account: str
    amount_micros: int


class Call(NamedTuple):
    """A call as the sheet wants it."""

    name: str
    trunk: str
    number: str
    talk_ms: int
    caller: str
    gateways: dict[str, Gateway]
    """What each gateway of the set-up does, by its name."""


class Callsheet(NamedTuple):
    """What calls.yaml says."""

    payments: list[Payment]
    calls: list[Call]


def seconds(value: str) -> int:
    """Seconds with up to three decimals, as milliseconds. Raises ValueError."""
    whole, _, part = value.partition(".")
    if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,3})?", value, re.ASCII):
        raise ValueError(f"{value!r}: seconds such as 5 or 2.5 were expected")
    millis = int(whole) * 1000 + int(part.ljust(3, "0"))
    if millis > TALK_MS_MAX:
        raise ValueError(f"{value!r}: at most {TALK_MS_MAX // 1000} seconds were expected")
    return millis


_NUMBER = matching(re.compile(r"\+?[0-9*#]{1,48}"), "a number to dial was expected")
_STATUS = matching(re.compile(r"[3-6][0-9]{2}( .+)?"), "a code from 300 such as `486 Busy Here` was expected")
_PAYMENT: dict[str, Parser | None] = {"account": text, "amount": amount}
_CALL: dict[str, Parser | None] = {
    "name": text,
    "trunk": text,
    "number": _NUMBER,
    "talk_s": seconds,
    "caller": _NUMBER,
    "gateway": None,
    "gateways": None,
}
_GATEWAY: dict[str, Parser | None] = {"ring_s": seconds, "talk_s": seconds, "refuse": _STATUS}


def read_calls(content: str, setup: Setup) -> tuple[Callsheet, Sheet]:
    """The calls of a text beside the set-up that they are made in, and the sheet with its problems."""
    sheet = Sheet()
    found = Callsheet([], [])
    root = sheet.compose(content)
    sections = {name: node for name, _, node in sheet.pairs(root, ("payments", "calls"))} if root else {}
    for node in sheet.items(sections["payments"]) if "payments" in sections else ():
        row = read_fields(sheet, node, _PAYMENT, ("account", "amount"))
        if row is not None and _known(sheet, row, "account", setup.named("accounts")):
            found.payments.append(Payment(row.values["account"], row.values["amount"]))
    for node in sheet.items(sections["calls"]) if "calls" in sections else ():
        row = read_fields(sheet, node, _CALL, ("name", "trunk", "number", "talk_s"))
        if row is not None and _known(sheet, row, "trunk", setup.named("trunks")):
            if row.values["name"] in {call.name for call in found.calls}:
                sheet.problem(
                    row.place_of("name"), f"a second call has the name {row.values['name']!r}: give it another"
                )
            found.calls.append(_call(sheet, row, setup))
    return found, sheet


def _known(sheet: Sheet, row: Fields, field: str, names: Collection[str]) -> bool:
    name = row.values[field]
    if name not in names:
        known = ", ".join(names) or "none"
        sheet.problem(row.place_of(field), f"setup.yaml has no {field} {name!r}: one of {known} was expected")
    return name in names


def _call(sheet: Sheet, row: Fields, setup: Setup) -> Call:
    values = row.values
    usual = _gateway(sheet, values["gateway"]) if "gateway" in values else WORDS["answer"]
    gateways = dict.fromkeys(setup.gateways(), usual)
    for name, key, node in sheet.pairs(values["gateways"], list(gateways)) if "gateways" in values else ():
        del key
        gateways[name] = _gateway(sheet, node)
    caller = values.get("caller", "493012345")
    return Call(values["name"], values["trunk"], values["number"], values["talk_s"], caller, gateways)


def _gateway(sheet: Sheet, node: yaml.Node) -> Gateway:
    if isinstance(node, yaml.ScalarNode):
        if node.value not in WORDS:
            expected = f"one of {', '.join(WORDS)}, {{ring_s: 2, talk_s: 4}} or {{refuse: 503}} was expected"
            sheet.problem(place_of(node), f"{node.value!r}: {expected}")
        return WORDS.get(node.value, WORDS["answer"])
    row = read_fields(sheet, node, _GATEWAY, ())
    if row is None:
        return WORDS["answer"]
    if "refuse" in row.values:
        for other in sorted({"ring_s", "talk_s"} & row.places.keys()):
            sheet.problem(row.place_of(other), f"{other}: a gateway that refuses neither rings nor talks: leave it out")
        code, _, reason = row.values["refuse"].partition(" ")
        return Gateway("refuse", status=f"{code} {reason or 'Refused'}")
    return Gateway("answer", row.values.get("ring_s", RING_MS), row.values.get("talk_s"))
