"""Every page, on one screen."""

from __future__ import annotations

from service.portal.pages import (
    accounts,
    billing,
    calls,
    fraud,
    home,
    imports,
    invoices,
    live,
    money,
    operator,
    partners,
    people,
    products,
    profile,
    publications,
    reconciliations,
    routing,
    sellers,
    sign_in,
    tariffs,
    trunks,
)
from service.portal.screen import Screen

SCREENS: tuple[Screen, ...] = (
    *sign_in.SCREENS,
    *home.SCREENS,
    *profile.SCREENS,
    *accounts.SCREENS,
    *money.SCREENS,
    *invoices.SCREENS,
    *billing.SCREENS,
    *products.SCREENS,
    *partners.SCREENS,
    *reconciliations.SCREENS,
    *live.SCREENS,
    *calls.SCREENS,
    *trunks.SCREENS,
    *people.SCREENS,
    *operator.SCREENS,
    *sellers.SCREENS,
    *imports.SCREENS,
    *tariffs.SCREENS,
    *publications.SCREENS,
    *routing.SCREENS,
    *fraud.SCREENS,
)
