"""Plots: lines over time, with a table of the same figures beside them. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from service.portal.components.lists import Cell, Head, Table


class Line(NamedTuple):
    """One line of a plot."""

    label: str
    """In the visitor's language."""
    values: Sequence[int | None]
    texts: Sequence[str]
    """The values as the table has them."""
    divisor: int = 1
    """What the drawing divides by, such as micro-units: a drawing need not be exact, its table is."""


class Plot(NamedTuple):
    """As it is printed."""

    data: str
    """JSON, for the script that draws."""
    table: Table
    title: str


def plot(
    title: str,
    head: str,
    moments_ms: Sequence[int],
    texts: Sequence[str],
    lines: Sequence[Line],
    zone: str,
    unit: str = "",
) -> Plot:
    """Lines over moments; `texts` are the moments as the table has them, `head` what they are called. `unit`: of the
    values as they are drawn.
    """
    drawn = [[None if value is None else value / line.divisor for value in line.values] for line in lines]
    data = {
        "zone": zone,
        "head": head,
        "unit": unit,
        "series": [line.label for line in lines],
        "values": [[ms // 1000 for ms in moments_ms], *drawn],
    }
    heads = [Head(head, "", "", at_end=False, is_wide=False)]
    heads += [Head(line.label, "", "", at_end=True, is_wide=False) for line in lines]
    rows = [[Cell(text), *(Cell(line.texts[at]) for line in lines)] for at, text in enumerate(texts)]
    return Plot(json.dumps(data), Table(heads, rows), title)
