"""Entries and their lines. Pure: an entry that doesn't add up to nothing can't be made.

A balance is what an account has with its seller. One sign for all books: what makes an account richer with its
seller is positive, and the seller's side of the same line is its opposite.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

ROOT_ID = 1
BALANCE, REVENUE, COST, CASH, TAX = "balance", "revenue", "cost", "cash", "tax"
PAYMENT, ADJUSTMENT, WRITE_OFF, MOVE = "payment", "adjustment", "write_off", "move"
CHARGES, CORRECTION = "charges", "correction"
NETTING = "netting"
ITEM, INVOICE, CREDIT_NOTE = "item", "invoice", "credit_note"
COMMISSION, PAYOUT = "commission", "payout"
"""The first is a book too: what a reseller has earned that was not handed out."""


class Unbalanced(Exception):
    """The lines of an entry don't add up to nothing."""

    def __init__(self, currency: str, micros: int) -> None:
        super().__init__(f"the lines of this entry add up to {micros} micro-units of {currency}, not to nothing")


class Posting(NamedTuple):
    """One line of an entry."""

    book: str
    account_id: int
    amount_micros: int
    currency: str


class Batch(NamedTuple):
    """The journal's lines that an entry posts, both ends included."""

    node_id: int
    epoch: int
    first_sequence: int
    last_sequence: int


class Entry(NamedTuple):
    """A bookkeeping entry, not yet written."""

    kind: str
    actor: str
    """Who: a user, `cli:name`, or a part of the system."""
    reason: str
    created_ms: int
    postings: tuple[Posting, ...]
    idempotency_key: str | None = None
    request: str = ""
    """What was asked for under the key, in a canonical form."""
    batch: Batch | None = None
    actor_account_id: int = 0
    """The actor's account; 0: a part of the system, or the command line."""


def check(postings: Iterable[Posting]) -> None:
    """Raises Unbalanced unless the lines add up to nothing in each currency; ValueError if there are none."""
    sums: defaultdict[str, int] = defaultdict(int)
    for posting in postings:
        sums[posting.currency] += posting.amount_micros
    if not sums:
        raise ValueError("an entry without lines says nothing: leave it out")
    for currency, micros in sums.items():
        if micros:
            raise Unbalanced(currency, micros)


def charge_postings(account_id: int, seller_id: int, micros: int, currency: str) -> tuple[Posting, Posting]:
    """An account pays its seller for a call."""
    return Posting(BALANCE, account_id, -micros, currency), Posting(REVENUE, seller_id, micros, currency)


def cost_postings(provider_id: int, micros: int, currency: str) -> tuple[Posting, Posting]:
    """The root owes a provider for a call."""
    return Posting(BALANCE, provider_id, micros, currency), Posting(COST, ROOT_ID, -micros, currency)


def payment_postings(account_id: int, seller_id: int, micros: int, currency: str) -> tuple[Posting, Posting]:
    """An account pays in (negative: it is paid out)."""
    return Posting(BALANCE, account_id, micros, currency), Posting(CASH, seller_id, -micros, currency)


def adjustment_postings(account_id: int, seller_id: int, micros: int, currency: str) -> tuple[Posting, Posting]:
    """A seller corrects what an account has: to its favour costs revenue."""
    return Posting(BALANCE, account_id, micros, currency), Posting(REVENUE, seller_id, -micros, currency)


def write_off_postings(account_id: int, seller_id: int, micros: int, currency: str) -> tuple[Posting, Posting]:
    """A debt that nobody will pay becomes a cost of the seller."""
    return Posting(BALANCE, account_id, micros, currency), Posting(COST, seller_id, -micros, currency)


def netting_postings(
    account_id: int, seller_id: int, ours_micros: int, theirs_micros: int, currency: str
) -> tuple[Posting, ...]:
    """An account pays for its traffic and is paid for ours, at once: a pair of lines each, none for nothing."""
    paid = payment_postings(account_id, seller_id, ours_micros, currency) if ours_micros else ()
    got = payment_postings(account_id, seller_id, -theirs_micros, currency) if theirs_micros else ()
    return (*paid, *got)


def move_postings(before_id: int, after_id: int, micros: int, currency: str) -> tuple[Posting, Posting]:
    """What an account has goes from one seller's hands into another's: the account's own books stay."""
    return Posting(CASH, before_id, micros, currency), Posting(CASH, after_id, -micros, currency)


def handed_over(before_id: int, after_id: int, micros: int, currency: str) -> tuple[Posting, ...]:
    """What a balance rises by with a seller of before is with whom the account pays by now; the same one: nothing."""
    return () if before_id == after_id else move_postings(before_id, after_id, micros, currency)


def sum_postings(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """One line for each book, account and currency, sorted; lines of nothing left out."""
    sums: defaultdict[tuple[str, int, str], int] = defaultdict(int)
    for book, account_id, micros, currency in postings:
        sums[book, account_id, currency] += micros
    return tuple(
        Posting(book, account_id, micros, currency)
        for (book, account_id, currency), micros in sorted(sums.items())
        if micros
    )
