"""Every page, on one screen."""

from __future__ import annotations

from service.portal.pages import (
    accounts,
    calls,
    home,
    imports,
    live,
    money,
    operator,
    people,
    profile,
    sellers,
    sign_in,
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
)
