"""Every page, on one screen."""

from __future__ import annotations

from service.portal.pages import accounts, home, profile, sign_in
from service.portal.screen import Screen

SCREENS: tuple[Screen, ...] = (
    *sign_in.SCREENS,
    *home.SCREENS,
    *profile.SCREENS,
    *accounts.SCREENS,
)
