"""The way back from a page below a thing: it says below which one."""

from __future__ import annotations

import re

from service.portal.screen import Crumb, filled
from service.portal.visit import BY_NAME, Visit

_THING = re.compile(r".*/{(\w+)_id}")


async def way_up(visit: Visit, text: str, path: str) -> Crumb:
    """To the page above, by the name of its thing; `text`: what it is called where it has none."""
    link, found = filled(path, visit.request.match_info), _THING.fullmatch(path)
    noun = found[1].replace("_", "-") if found else ""
    if f"{noun}.show" not in BY_NAME:
        return Crumb(visit.say(text), link)
    number = int(visit.parameter(f"{found[1]}_id") if found else 0)
    await visit.learn(noun, [number])
    name = visit.name(noun, number)
    is_named = visit.knows(noun, number) and name != f"#{number}"
    return Crumb(name if is_named else visit.say(text), link)
