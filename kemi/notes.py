"""What a dialog keeps for us between two messages, as the text of its variables. Pure.

Only what may be lost with Kamailio stands here: sides that ring, and targets on the move. What a call costs
and whom it belongs to is in the store.
"""

from __future__ import annotations

from typing import NamedTuple

URI_MAX = 512
ROUTES_MAX = 16
EARLY_MAX = 8
"""Forks that a gateway may ring at."""

RING, PAST, EARLY, MOVE, MOVED = "ring", "past", "early", "move", "moved"
SENT, NAT, PROVED, CODECS, REFERRED = "sent", "nat", "proved", "codecs", "referred"
REDIRECTED, AIM, OTHERS, PRACKED, LATE = "redirected", "aim", "others", "pracked", "late"
"""Names: wall milliseconds of the first 18x of the gateway at hand; how many branches of the INVITE were given up;
sides that ring; a request that waits to move its sender's target; targets that have moved; what the callee at hand was
told; sides that may stand behind a NAT; the gateway and place whose challenge was answered; what the gateway at hand
takes of an offer; the side whose REFER went on last; the places to which gateways have sent the call; the one of them
where it is, empty: it is at none; what else that redirection had named; the CSeqs of PRACKs that Kamailio's dialog
hasn't seen; that the INVITE had no SDP, of a Kamailio with rtpengine."""
CALLER, CALLEE = SIDES = "caller", "callee"


class Early(NamedTuple):
    """A side that rings: what its 18x said."""

    contact: str
    route_set: tuple[str, ...]
    """URIs in the order in which a request to it carries them."""
    ip: str = "-"
    """Where the 18x came from."""


def early_sides(noted: str) -> dict[str, Early]:
    """The sides that ring, by To-tag: a line each of tag, Contact, address and routes, divided by blanks."""
    lines = (line.split(" ") for line in noted.split("\n") if line)
    return {tag: Early(contact, tuple(routes), ip) for tag, contact, ip, *routes in lines}


def with_early_side(noted: str, tag: str, side: Early) -> str | None:
    """The note with one more side; None: it is known, there are too many, or it can't be noted."""
    known = early_sides(noted) if noted else {}
    words = (tag, side.contact, side.ip, *side.route_set)
    if tag in known or len(known) >= EARLY_MAX or len(side.route_set) > ROUTES_MAX:
        return None
    line = " ".join(words)
    are_words = all(words) and max(map(len, words)) <= URI_MAX and line.isprintable()  # as `is_word` of each
    if not are_words or line.count(" ") >= len(words):
        return None
    return f"{noted}\n{line}" if noted else line


def is_word(text: str) -> bool:
    """Whether a text can stand in a note: printable, without blanks, not beyond a URI's length."""
    return 0 < len(text) <= URI_MAX and text.isprintable() and " " not in text


class Move(NamedTuple):
    """A request that asks to move its sender's remote target: it moves when a 2xx accepts it."""

    side: str
    cseq: int
    contact: str

    def to_note(self) -> str:
        """As the dialog keeps it; `from_note` reads it."""
        return f"{self.side} {self.cseq} {self.contact}"

    @classmethod
    def from_note(cls, noted: str) -> Move | None:
        """The request that waits for its answer; None: none does."""
        if not noted:
            return None
        side, cseq, contact = noted.split(" ")
        return cls(side, int(cseq), contact)


def with_moved(noted: str, tag: str, contact: str) -> str:
    """The note of moved targets with the one of a tag."""
    return "\n".join(f"{key} {value}" for key, value in {**moved_targets(noted), tag: contact}.items())


def moved_targets(noted: str) -> dict[str, str]:
    """Where requests to the owner of each tag go now; one that never moved isn't in it."""
    return dict(line.split(" ") for line in noted.split("\n") if line)


def with_prack(noted: str, tag: str, cseq: int) -> str:
    """The note of PRACKs past Kamailio's dialog with one more, of the side with a tag."""
    return with_moved(noted, tag, str(cseq))


def last_prack(noted: str, tag: str) -> int:
    """The CSeq of the last one of a side; 0: it sent none."""
    return int(moved_targets(noted).get(tag, 0))


class Sent(NamedTuple):
    """What the gateway at hand was told of both ends."""

    from_tag: str
    """Of the caller."""
    from_uri: str
    to_uri: str
    cseq: int = 0
    """Of the INVITE; 0: nobody knows any more."""

    def to_note(self) -> str:
        """As the dialog keeps it; `from_note` reads it."""
        return f"{self.from_tag} {self.from_uri} {self.to_uri} {self.cseq}"

    @classmethod
    def from_note(cls, noted: str) -> Sent | None:
        """What it was told; None: it was not noted."""
        if not noted:
            return None
        from_tag, from_uri, to_uri, cseq = noted.split(" ")
        return cls(from_tag, from_uri, to_uri, int(cseq))


def is_answered_by(sent: str, from_tag: str, cseq: int) -> bool:
    """Whether a reply with this From-tag and CSeq answers the INVITE of a note of that name. Kamailio finds a dialog
    that rings by Call-ID and either tag: one that was given up may have had the same, or the other way round.
    """
    return not sent or (sent.startswith(f"{from_tag} ") and sent.endswith((f" {cseq}", " 0")))


def invite_cseq(sent: str) -> int:
    """The CSeq of the INVITE of a note of that name; 0: nobody knows."""
    return int(sent.rpartition(" ")[2] or 0)
