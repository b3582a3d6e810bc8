"""Who deals with a partner: whoever stands above it, never it with itself."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from service.api.call import Call
from service.api.problems import Problem, invalid
from service.interconnect.partners import IN, OUT
from service.ledger.rules import ROOT_ID


def has_costs(account: Row[Any]) -> bool:
    """Whether calls may be sent to it."""
    return bool(account.kind == "provider" or account.provides)


def check_payer(call: Call, direction: str) -> None:
    """What is sent to a provider costs the operator, wherever the provider stands: nobody else agrees on that. Raises
    Problem.
    """
    if direction != IN and call.actor.account_id != ROOT_ID:
        raise Problem("forbidden", "what a provider gets is owed by the operator, who alone agrees on it")


def direction_of(account: Row[Any], asked: str | None) -> str:
    """Of its traffic: what was asked for, else what such an account mostly has. Raises Problem."""
    if asked is None:
        return OUT if account.kind == "provider" else IN
    if asked == OUT and not has_costs(account):
        raise invalid("/direction", "this account is no provider: nothing is sent to it")
    return asked
