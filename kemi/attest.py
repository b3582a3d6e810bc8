"""What can be said, signed, of a caller's right to its number, and what an Identity header that came is worth."""

from __future__ import annotations

from typing import Any

from kemi.caller import CallerId
from kemi.clock import Now
from kemi.invitation import Invitation
from kemi.passport import PASSED_ON, refusal_rule, verdict_of
from kemi.refusal import Refusal
from kemi.store.devices import Device
from kemi.store.environment import HotStore
from kemi.store.numbers import id_of_digits, number_by_id
from kemi.store.origins import Origin
from kemi.store.trunks import Gateway

FULL, PARTIAL, GATEWAY = "A", "B", "C"
"""RFC 8588: the customer is known and may use the number; the customer is known; who calls is not known."""


def attestation_of(store: HotStore, txn: Any, origin: Origin, caller: CallerId, said: str, verdict: str) -> str:
    """Of a call of a customer. An Identity that came and was found good goes on, as long as the number is the one that
    it is about: `said` is what the INVITE named.
    """
    number = caller.number
    if verdict.startswith("passed") and number == said:
        return PASSED_ON
    if not isinstance(origin, Device) and origin.attestation == "gateway":
        return GATEWAY
    return FULL if number and (_is_given(origin, number) or _is_own(store, txn, origin, number)) else PARTIAL


def _is_given(origin: Origin, number: str) -> bool:
    """Whether the operator has listed the number for the trunk or device."""
    if isinstance(origin, Device):
        return number == origin.caller_number or number in origin.caller_numbers
    return origin.caller_rule != "pass" and number in origin.caller_numbers


def _is_own(store: HotStore, txn: Any, origin: Origin, number: str) -> bool:
    """Whether it is a number of ours that the account has."""
    found = number_by_id(store.config, txn, id_of_digits(store.config, txn, number))
    return found is not None and found.account == origin.account


def identity_of(
    origin: Origin | Gateway, invitation: Invitation, caller: str, called: str, now: Now, *, may_refuse: bool = True
) -> str:
    """The verdict on the Identity header of a call; empty: it is not looked at. `caller`, `called`: E.164. Raises
    Refusal.
    """
    if invitation.shown is None or isinstance(origin, Device):
        return ""
    verdict = verdict_of(invitation.shown, caller, called, now.wall_s)
    rule = refusal_rule(origin.identity, verdict)
    if rule and may_refuse:
        account = 0 if isinstance(origin, Gateway) else origin.account
        raise Refusal(rule, account, account, verdict)
    return verdict
