"""Every page, on one screen."""

from __future__ import annotations

from service.portal.pages import (
    accounts,
    calls,
    fraud,
    home,
    imports,
    live,
    money,
    operator,
    people,
    prices,
    profile,
    publications,
    routing,
    sellers,
    sheets,
    sign_in,
    tariffs,
    trials,
    trunks,
)
from service.portal.screen import Screen

SCREENS: tuple[Screen, ...] = (
    *sign_in.SCREENS,
    *home.SCREENS,
    *profile.SCREENS,
    *accounts.SCREENS,
    *money.SCREENS,
    *live.SCREENS,
    *calls.SCREENS,
    *trunks.SCREENS,
    *people.SCREENS,
    *operator.SCREENS,
    *sellers.SCREENS,
    *imports.SCREENS,
    *tariffs.SCREENS,
    *prices.SCREENS,
    *sheets.SCREENS,
    *trials.SCREENS,
    *publications.SCREENS,
    *routing.SCREENS,
    *fraud.SCREENS,
)
