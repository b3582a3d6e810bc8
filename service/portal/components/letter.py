"""A mail as whoever gets it would read it, as a page."""

from __future__ import annotations

from collections.abc import Sequence

from service.portal.components.facts import Fact, page, section
from service.portal.components.lists import Cell
from service.portal.screen import Crumb, Shown
from service.portal.visit import Visit
from service.sellers.mail import Mail


def letter_page(visit: Visit, mail: Mail, back: Crumb, more: Sequence[Fact] = ()) -> Shown:
    """`back`: where it is written; `more`: what else is to be known of it."""
    told = section(visit, "The mail", [Fact("Subject", Cell(mail.subject)), *more])
    sections = [told._replace(template="source.html", data=mail.text, is_full=True)]
    return page(visit, visit.say("Preview"), sections, trail=(back,))
