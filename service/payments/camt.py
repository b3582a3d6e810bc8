"""CAMT.053, the bank's statement of ISO 20022, of any version. Pure.

Read by expat into a small tree: a document type ends it before any entity can be declared; depth, elements and bytes
are bounded, so that no file can cost more than its size. Pending entries are left out: they come again when booked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.parsers import expat

from ratebook.money import parse_micros
from service.payments.bank_csv import parse_day
from service.payments.bank_file import LINES_MAX, BankLine, UnreadableFile, is_currency, tidy

DEPTH_MAX = 40
ELEMENTS_MAX = 500_000
_NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.\d{2}")


class Node:
    """An element, by its local name."""

    __slots__ = ("children", "currency", "name", "text")

    def __init__(self, name: str, currency: str = "") -> None:
        self.name = name
        self.currency = currency
        """The attribute Ccy; empty: none."""
        self.text = ""
        self.children: list[Node] = []

    def all(self, path: str) -> Iterator[Node]:
        """What stands at the end of a path of names."""
        name, _, rest = path.partition("/")
        for child in self.children:
            if child.name == name:
                if rest:
                    yield from child.all(rest)
                else:
                    yield child

    def said(self, *paths: str) -> str:
        """The text at the first of these paths that has any; empty: none has."""
        return next((text for path in paths for node in self.all(path) if (text := node.text.strip())), "")


class _Builder:
    """Of a tree."""

    def __init__(self) -> None:
        self.root = Node("")
        self.namespace = ""
        self._open = [self.root]
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > ELEMENTS_MAX or len(self._open) > DEPTH_MAX:
            raise UnreadableFile(
                f"more than {ELEMENTS_MAX} elements, or {DEPTH_MAX} in each other: no bank writes such"
            )
        space, _, local = name.rpartition(" ")
        self.namespace = self.namespace or space
        node = Node(local, attributes.get("Ccy", ""))
        self._open[-1].children.append(node)
        self._open.append(node)

    def end(self, _name: str) -> None:
        self._open.pop()

    def data(self, text: str) -> None:
        self._open[-1].text += text


def _refuse_types(*_: Any) -> None:
    raise UnreadableFile("it has a document type, which no bank's file has: it is not read")


def _tree(raw: bytes) -> Node:
    builder = _Builder()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_types
    parser.EntityDeclHandler = _refuse_types
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(raw, True)  # noqa: FBT003 -- positional in C
    except expat.ExpatError as fault:
        raise UnreadableFile(f"this is no XML ({expat.ErrorString(fault.code)})", fault.lineno) from None
    except (ValueError, LookupError) as fault:
        raise UnreadableFile(f"its letters can't be read ({fault})") from None
    if not _NAMESPACE.fullmatch(builder.namespace):
        raise UnreadableFile("this is no CAMT.053: its namespace is another one")
    return builder.root


def read_camt(raw: bytes, iban: str) -> list[BankLine]:
    """`iban`: the seller's; empty: whatever account the statement is of. Raises UnreadableFile."""
    found: list[BankLine] = []
    statements = list(_tree(raw).all("Document/BkToCstmrStmt/Stmt"))
    if not statements:
        raise UnreadableFile("there is no statement in it")
    for statement in statements:
        own = statement.said("Acct/Id/IBAN").replace(" ", "").upper()
        if iban and own and own != iban.replace(" ", "").upper():
            raise UnreadableFile(f"it is a statement of {own[:40]}, and the seller's account is another one")
        for number, entry in enumerate(statement.all("Ntry"), 1):
            try:
                found += _lines(entry)
            except ValueError as fault:
                raise UnreadableFile(f"entry {number}: {fault}") from None
            if len(found) > LINES_MAX:
                raise UnreadableFile(f"more than {LINES_MAX} lines: take fewer days at once")
    return found


def _lines(entry: Node) -> list[BankLine]:
    """One for each of its transactions if they say their amounts and add up to it; else one. Raises ValueError."""
    if entry.said("Sts/Cd", "Sts") not in {"BOOK", ""}:
        return []
    micros, currency = _money(next(entry.all("Amt"), None))
    sign = {"CRDT": 1, "DBIT": -1}.get(entry.said("CdtDbtInd"))
    if sign is None:
        raise ValueError("it says neither credit nor debit (CdtDbtInd)")
    booked_on = parse_day(entry.said("BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm")[:10], "ymd")
    odd = "it is a reversal" if entry.said("RvslInd") in {"true", "1"} else ""
    details = list(entry.all("NtryDtls/TxDtls"))
    parts = [_part(detail) for detail in details]
    reference = entry.said("AcctSvcrRef", "NtryRef")
    if len(details) < 2 or any(part is None or part[1] != currency for part in parts):
        return [_line(booked_on, sign * micros, currency, details or [entry], reference, odd)]
    amounts = [part[0] for part in parts if part is not None]
    if sum(amounts) != micros:
        return [_line(booked_on, sign * micros, currency, details, reference, odd)]
    rows = zip(details, amounts, strict=True)
    return [_line(booked_on, sign * amount, currency, [detail], reference, odd) for detail, amount in rows]


def _part(detail: Node) -> tuple[int, str] | None:
    node = next(detail.all("Amt"), None) or next(detail.all("AmtDtls/TxAmt/Amt"), None)
    return None if node is None else _money(node)


def _money(node: Node | None) -> tuple[int, str]:
    if node is None:
        raise ValueError("it has no amount")
    if not is_currency(node.currency):
        raise ValueError(f"{node.currency[:10]!r} is no currency such as EUR")
    micros = parse_micros(node.text.strip())
    if micros < 0:
        raise ValueError("an amount below zero: CdtDbtInd says which way it went")
    return micros, node.currency


def _line(booked_on: str, micros: int, currency: str, details: list[Node], reference: str, odd: str) -> BankLine:
    payers = [detail.said("RltdPties/Dbtr/Nm", "RltdPties/Dbtr/Pty/Nm") for detail in details]
    texts = [_remittance(detail) for detail in details]
    named = " ".join(filter(None, [reference, *(detail.said("Refs/AcctSvcrRef", "Refs/TxId") for detail in details)]))
    return BankLine(
        booked_on=booked_on,
        amount_micros=micros,
        currency=currency,
        payer=tidy("; ".join(filter(None, payers))),
        remittance=tidy("; ".join(filter(None, texts))),
        reference=tidy(named),
        odd=odd,
    )


def _remittance(detail: Node) -> str:
    """What was written, a creditor's reference, the payer's own; what names nothing is left out."""
    written = [node.text for node in detail.all("RmtInf/Ustrd")]
    written += [node.text for node in detail.all("RmtInf/Strd/CdtrRefInf/Ref")]
    written += [node.text for node in detail.all("RmtInf/Strd/RfrdDocInf/Nb")]
    own = detail.said("Refs/EndToEndId")
    written += [own] if own not in {"", "NOTPROVIDED"} else []
    written += [node.text for node in detail.all("AddtlNtryInf")] if not written else []
    return " ".join(written)
