"""The dialogs that Kamailio keeps: made, marked, timed, ended."""

from __future__ import annotations

import KSR

from kemi.sip.message import get, number, text

ANSWERED, CONFIRMED = 3, 4
"""States of a dialog (`$dlg(state)`): a 2xx has passed; its ACK has come."""


def begin_dialog(call: str) -> bool:
    """Makes the dialog of an INVITE: at its timeout both sides get BYE, and nothing prolongs it. False: it failed."""
    KSR.pv.seti("$dlg_ctx(timeout_bye)", 1)
    if KSR.dialog.dlg_manage() <= 0:
        return False
    KSR.dialog.var_sets("call", call)  # not before: what is set without a dialog is lost
    return True


def take_dialog(call_id: str, from_tag: str, to_tag: str) -> bool:
    """Makes the dialog of the request at hand the one that `bye` works on. False: there is none.

    Only for what ends here: with a dialog taken, `loose_route` would not follow CSeqs, and Kamailio's own BYE would
    come with one that the other side has seen.
    """
    return bool(KSR.dialog.dlg_get(call_id, from_tag, to_tag) > 0)


def has_ack(call_id: str, from_tag: str, to_tag: str) -> bool:
    """Whether the 200 of a dialog has been acknowledged; a dialog that isn't there waits for nothing."""
    return KSR.dialog.dlg_get(call_id, from_tag, to_tag) <= 0 or number("$dlg(state)") >= CONFIRMED


def follow_call(call: str) -> None:
    """The dialog at hand goes on as another call."""
    KSR.dialog.var_sets("call", call)


def dialog_call() -> str | None:
    """The call key of the dialog at hand; None: there is none."""
    return get("$dlg_var(call)")


def is_from_callee() -> bool:
    """Of a reply in the dialog at hand: whether the callee of the INVITE that began it has sent it."""
    return text("$ft") == text("$dlg(from_tag)")


def dialog_note(name: str) -> str:
    """What `set_dialog_note` left in the dialog at hand; empty: nothing."""
    return get(f"$dlg_var({name})") or ""


def set_dialog_note(name: str, value: str) -> None:
    """Leaves a text in the dialog at hand."""
    KSR.dialog.var_sets(name, value)


def set_dialog_timeout(seconds: int) -> bool:
    """Sets the lifetime of the dialog at hand, from its answer or from now."""
    return bool(KSR.dialog.dlg_set_timeout(seconds) > 0)


def set_timeout_of(seconds: int, h_entry: int, h_id: int) -> bool:
    """Sets the rest of the lifetime of any dialog; False: there is none of these ids."""
    return bool(KSR.dialog.dlg_set_timeout_id(seconds, h_entry, h_id) > 0)


def bye(side: str) -> bool:
    """Sends a BYE of our own to one side (`caller`, `callee`, `all`) of the dialog at hand."""
    return bool(KSR.dialog.dlg_bye(side) > 0)
