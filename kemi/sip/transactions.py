"""The transaction of the message at hand: made, answered, sent on, failed."""

from __future__ import annotations

import re

import KSR

from kemi.sip.message import get, number, text

DROP = -255
"""What a reply route returns, after `set_drop`, so that the reply goes nowhere."""
FAILURE_HEADERS_MAX = 8
_HEX = re.compile(r"[0-9A-Fa-f]{1,4}")


def new_transaction() -> bool:
    """Makes the transaction of a request; False: it is a retransmission, which has been dealt with."""
    return bool(KSR.tm.t_newtran() > 0)


def check_transaction() -> int:
    """Above 0: it belongs to a transaction (CANCEL, ACK, reply). 0: a retransmission, dealt with. Below: unknown."""
    return int(KSR.tm.t_check_trans())


def reply(code: int, reason: str) -> None:
    """Answers the request, by its transaction if it has one."""
    KSR.sl.send_reply(code, reason)


def add_to_reply(header: str) -> None:
    """One more header of the answer to the request at hand."""
    KSR.hdr.append_to_reply(header + "\r\n")


def transaction_reply(code: int, reason: str) -> None:
    """Answers the request of the transaction at hand: also in the reply route, and its branches end then."""
    KSR.tm.t_reply(code, reason)


def relay() -> bool:
    """Sends the request on. False: it could not be sent."""
    return bool(KSR.tm.t_relay() > 0)


def arm_reply_route(name: str) -> None:
    """Names the method that is called for each reply to the request, before it goes on."""
    KSR.tm.t_on_reply(name)


def keep_call(call: str) -> None:
    """Keeps a call key with the transaction at hand, which has no dialog."""
    KSR.pv.sets("$avp(call)", call)


def kept_call() -> str | None:
    """The call key of the transaction at hand; None: none was kept."""
    return get("$avp(call)")


def give_branch_up() -> None:
    """Notes in the transaction at hand that one more of its branches counts no longer."""
    KSR.pv.seti("$avp(past)", branches_given_up() + 1)


def branches_given_up() -> int:
    """How many, the first ones, count no longer."""
    return number("$avp(past)")


def arm(branch_route: str, failure_route: str, ring_ms: int, silence_ms: int) -> None:
    """Names the methods that are called for each branch of the request, before it is sent, and when every one has
    failed, and sets the timers. The first may replace From and To: tm's CANCEL then has those of the branch.
    """
    KSR.tm.t_on_branch(branch_route)
    KSR.tm.t_use_uac_headers()
    KSR.tm.t_on_failure(failure_route)
    KSR.tm.t_set_fr(ring_ms, silence_ms)


def set_timers(ring_ms: int, silence_ms: int) -> None:
    """How long the branches may ring, and how long they may be silent before; also how long a final answer of ours is
    sent again. 0: as it is.
    """
    KSR.tm.t_set_fr(ring_ms, silence_ms)


def is_cancelled() -> bool:
    """In a failure route: whether the caller gave up."""
    return bool(KSR.tm.t_is_canceled() > 0)


def failure_code() -> int:
    """In a failure route: the code that won."""
    return number("$T_reply_code")


def failure_headers(name: str) -> list[str]:
    """In a failure route: the bodies of the headers of this name in the reply that won, top first, up to one that is no
    text; at most FAILURE_HEADERS_MAX.
    """
    found: list[str] = []
    while len(found) < FAILURE_HEADERS_MAX and (body := _text_of_reply(f"$T_rpl($(hdr({name})[{len(found)}]))")):
        found.append(body)
    return found


def failure_source() -> str:
    """In a failure route: the address that the reply that won has come from; empty: nobody has sent one."""
    return text("$T_rpl($si)")


def failure_reason() -> str:
    """In a failure route: the reason of the code that won; empty: it has none, or one that is no text."""
    return _text_of_reply("$T_reply_reason")


def _text_of_reply(name: str) -> str:
    """The reply is another side's affair: what it says in no text must not stop what follows from its code."""
    try:
        return text(name)
    except UnicodeDecodeError:
        return ""


def branch_of(via_branch: str) -> int:
    """Which of a request's branches has this branch in our Via, from 0: its end. Below 0: none of ours."""
    _, _, index = via_branch.rpartition(".")
    return int(index, 16) if _HEX.fullmatch(index) else -1


def drop_reply() -> int:
    """Stops the reply at hand; what the reply route has to return."""
    KSR.set_drop()
    return DROP
