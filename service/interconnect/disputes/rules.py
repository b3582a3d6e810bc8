"""Which way a dispute may go. Pure."""

from __future__ import annotations

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
AGES_DAYS = (15, 30, 60)
"""Borders of the aging: up to 15 days since it was opened, up to 30, up to 60, older."""


def move_problem(state: str, after: str) -> str | None:
    """Why a dispute can't go there; None: it can."""
    if after in MOVES[state]:
        return None
    if state in AGREED:
        return f"it is {state}: it is settled next"
    known = " or ".join(MOVES[state]) or "nothing"
    return f"it is {state}: {known} comes next"


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


def age_of(days: int) -> int:
    """The index of the age: as many as there are borders, and one."""
    return sum(days > border for border in AGES_DAYS)
