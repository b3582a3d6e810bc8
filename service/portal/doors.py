"""Which endpoint says who may see the page at an address: so that nobody is led to a page that isn't for them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from service.portal.screen import Screen


class Doors:
    """Of all pages."""

    def __init__(self, screens: Iterable[Screen]) -> None:
        known = list(screens)
        self._plain = {one.path: one.endpoint for one in known if "{" not in one.path}
        self._named = [(_expression(one.pattern), one.endpoint) for one in known if "{" in one.path]

    def endpoint_at(self, link: str) -> str:
        """By a page's address, with or without a query; empty: there is no such page."""
        path = re.split(r"[?#]", link, maxsplit=1)[0]
        found = (endpoint for expression, endpoint in self._named if expression.fullmatch(path))
        return self._plain.get(path) or next(found, "")


def _expression(pattern: str) -> re.Pattern[str]:
    """Of a path as aiohttp has it: a name stands for its own expression, or for one step."""
    parts = re.split(r"{\w+(?::([^{}]+))?}", pattern)
    plain, named = parts[::2], [one or "[^/]+" for one in parts[1::2]]
    return re.compile("".join(re.escape(text) + one for text, one in zip(plain, [*named, ""], strict=True)))
