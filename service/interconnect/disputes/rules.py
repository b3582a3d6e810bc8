"""Which way a dispute may go. Pure."""

from __future__ import annotations

from typing import NamedTuple

from service.interconnect.partners import OUT

OPEN, SENT, ANSWERED, ACCEPTED, PARTLY, REJECTED, CLOSED = (
    "open", "sent", "answered", "accepted", "partly", "rejected", "closed",
)  # fmt: skip

MOVES: dict[str, tuple[str, ...]] = {
    OPEN:     (SENT, CLOSED),
    SENT:     (ANSWERED, ACCEPTED, PARTLY, REJECTED, CLOSED),
    ANSWERED: (SENT, ACCEPTED, PARTLY, REJECTED, CLOSED),
    REJECTED: (SENT, CLOSED),
    ACCEPTED: (),
    PARTLY:   (),
    CLOSED:   (),
}  # fmt: skip
"""What comes after what. Accepted, wholly or partly, it is settled, which closes it; else closed means given up."""
AGREED = frozenset({ACCEPTED, PARTLY})
"""It is settled next."""
DAY_MS = 86_400_000
AGES_DAYS = (15, 30, 60)
"""Borders of the aging: up to 15 days since it was opened, up to 30, up to 60, older."""


ANSWERS: dict[tuple[bool, str], str] = {
    (False, SENT):     ANSWERED,
    (True, ANSWERED):  SENT,
    (True, REJECTED):  SENT,
}  # fmt: skip
"""Where a dispute goes when its partner writes, by whether the partner has opened it. Else it stays where it is."""
OPEN_MAX = 20
"""Of one statement, that its partner may have open at once: after that it waits for answers."""


def move_problem(state: str, after: str) -> str | None:
    """Why a dispute can't go there; None: it can."""
    if after in MOVES[state]:
        return None
    if state in AGREED:
        return f"it is {state}: it is settled next"
    known = " or ".join(MOVES[state]) or "nothing"
    return f"it is {state}: {known} comes next"


def may_withdraw(state: str, *, is_partners: bool) -> bool:
    """Whether its partner may take it back: what it has opened itself, until something is agreed on."""
    return is_partners and CLOSED in MOVES[state]


def agreed_micros(after: str, amount_micros: int, said_micros: int | None) -> int:
    """What is agreed on by a move. Raises ValueError."""
    if after == ACCEPTED:
        if said_micros not in {None, amount_micros}:
            raise ValueError("accepted is the whole of it: a part of it is `partly`")
        return amount_micros
    if after != PARTLY:
        if said_micros is not None:
            raise ValueError("an amount is agreed on with `partly` only")
        return 0
    if said_micros is None or not 0 < said_micros < amount_micros:
        raise ValueError("a part of the disputed amount: more than nothing, less than the whole")
    return said_micros


class Settling(NamedTuple):
    """A dispute whose money is to be posted."""

    direction: str
    amount_micros: int
    agreed_micros: int
    is_compared: bool
    """Whether it is about differences: our records of their calls are in the books, what the partner counts is not."""
    risen_micros: int = 0
    """By what our records of its calls have risen since they were compared."""
    is_partners: bool = False
    """Whether the partner has opened it: then what is agreed on is in its favour, whichever way the traffic went."""


def may_settle(state: str, direction: str, *, is_compared: bool) -> bool:
    """What was agreed on; and what a partner insists on, since it isn't in the books yet."""
    return state in AGREED or (state == REJECTED and direction == OUT and is_compared)


def settling_micros(one: Settling) -> int:
    """What is to be posted so that the books say what was agreed on; positive: the partner owes us more."""
    if not one.is_compared:
        return one.agreed_micros if one.direction == OUT and not one.is_partners else -one.agreed_micros
    if one.direction == OUT:  # it is owed what it counts, less what it has given in
        return one.risen_micros - (one.amount_micros - one.agreed_micros)
    return -one.agreed_micros - one.risen_micros


def borders_ms(now_ms: int) -> tuple[int, ...]:
    """The border of each age: what was opened by then is older."""
    return tuple(now_ms - (border + 1) * DAY_MS for border in AGES_DAYS)
