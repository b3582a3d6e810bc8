"""Whom a broadcast goes to: people of accounts below the sender's, by a filter; never those who want none."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from service.api.nouns import BALANCE
from service.api.values import AccountId, Asked, Micros, Money, TariffId, Told
from service.database.access_tables import users
from service.database.billing_tables import billing_parties
from service.database.message_tables import suppressions
from service.database.paths import is_below
from service.database.tables import accounts


class Audience(Asked):
    """Whom to write to; what is left out filters nothing."""

    kind: Literal["", "customer", "reseller", "provider"] = ""
    state: Literal["", "active", "suspended"] = ""
    below_id: Annotated[AccountId | None, Field(description="This account, and all below it")] = None
    tariff_id: TariffId | None = None
    balance_below: Micros | None = None
    balance_above: Micros | None = None
    country: Annotated[str, Field(pattern=r"^([A-Z]{2})?$", description="Of the address on invoices")] = ""
    language: Annotated[str, Field(pattern=r"^([a-z]{2,3})?$", description="Of people; en is en-GB too")] = ""


class AudienceView(Told):
    """Whom it is written to, as it was asked for."""

    kind: str = ""
    state: str = ""
    below_id: int | None = None
    tariff_id: int | None = None
    balance_below: Money | None = None
    balance_above: Money | None = None
    country: str = ""
    language: str = ""


class Chosen:
    """What an audience is asked for."""

    def __init__(self, path: str, audience: Audience, paths_below: str | None = None) -> None:
        self._where = is_below(accounts.c.path, path) & (accounts.c.path != path) & _matches(audience)
        if paths_below is not None:
            self._where &= is_below(accounts.c.path, paths_below)

    def people(self) -> sa.Select[Any]:
        """Number, address and account of everybody, each address once; in a fixed order."""
        first = (
            sa.select(sa.func.min(users.c.id)).select_from(_JOINED).where(self._where & WANTS).group_by(users.c.email)
        )
        return (
            sa.select(users.c.id, users.c.email, users.c.account_id).where(users.c.id.in_(first)).order_by(users.c.id)
        )


_JOINED = users.join(accounts, accounts.c.id == users.c.account_id)
_SUPPRESSED = (
    sa.select(suppressions.c.address)
    .where((suppressions.c.account_id == accounts.c.parent_id) & (suppressions.c.address == users.c.email))
    .exists()
)
WANTS = (users.c.state == "active") & (accounts.c.state != "closed") & ~_SUPPRESSED
"""Who may get a broadcast at all."""


def _matches(audience: Audience) -> sa.ColumnElement[bool]:
    found: sa.ColumnElement[bool] = sa.true()
    for column, value in (
        (accounts.c.kind, audience.kind),
        (accounts.c.state, audience.state),
        (accounts.c.tariff_id, audience.tariff_id),
    ):
        if value:
            found &= column == value
    balance = sa.func.coalesce(BALANCE, 0)
    if audience.balance_below is not None:
        found &= balance < audience.balance_below
    if audience.balance_above is not None:
        found &= balance > audience.balance_above
    if audience.country:
        there = sa.select(billing_parties.c.account_id).where(billing_parties.c.country == audience.country)
        found &= accounts.c.id.in_(there)
    if audience.language:
        found &= (users.c.language == audience.language) | users.c.language.startswith(audience.language + "-")
    return found


def still_want(user_ids: set[int]) -> sa.Select[tuple[int]]:
    """Of these people, those who may get one now."""
    return sa.select(users.c.id).select_from(_JOINED).where(users.c.id.in_(user_ids) & WANTS)
