"""Prints pages: Jinja2 with everything escaped, one environment a language."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from service.portal.cookies import THEMES, flash_of, theme_of
from service.portal.formats import NEVER, duration
from service.portal.navigation import menu
from service.portal.screen import Shown
from service.portal.static import File
from service.portal.visit import Visit
from service.portal.wording import languages, say_in

FOLDER = Path(__file__).with_name("templates")


class Printer:
    """Of one service."""

    def __init__(self, files: Mapping[str, File]) -> None:
        self._environments = {language: _environment(language, files) for language in languages()}

    def page(self, visit: Visit, shown: Shown) -> str:
        """The whole page."""
        return self.piece(visit, shown.template, {**_around(visit), **shown.values, "shown": shown})

    def piece(self, visit: Visit, template: str, values: Mapping[str, Any]) -> str:
        """A part of a page, such as one that is sent again and again."""
        environment = self._environments[visit.language]
        return environment.get_template(template).render(visit=visit, f=visit.formats, **values)


PRINTER: web.AppKey[Printer] = web.AppKey("printer", Printer)


def _environment(language: str, files: Mapping[str, File]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["_"] = say_in(language)
    environment.globals["static"] = lambda name: files[name].url
    environment.globals["duration"] = duration
    environment.globals["never"] = NEVER
    return environment


def _around(visit: Visit) -> dict[str, Any]:
    """What every page shows beside its own."""
    return {
        "menu": menu(visit),
        "look": visit.look,
        "flash": flash_of(visit.request),
        "theme": theme_of(visit.request),
        "themes": THEMES,
        "acting_as": visit.actor.behalf_of if visit.actor is not None else "",
    }
