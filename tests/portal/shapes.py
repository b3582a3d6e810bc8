"""What a page is made of: its elements, without what they say. What was looked at once needs no second look."""

from __future__ import annotations

from html.parser import HTMLParser

Shape = tuple[str, ...]
VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
TOLD = frozenset({"class", "type", "role", "rel", "method", "target", "autocomplete", "scope", "tabindex"})
"""Attributes whose values are the templates'; of the others it counts that they are there."""
POINTING = ("for", "list", "aria-labelledby", "aria-describedby", "aria-controls")
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})


class _Shapes(HTMLParser):
    """`mark`: what was typed contains it, and where it stands is part of a shape."""

    def __init__(self, mark: str) -> None:
        super().__init__()
        self.mark = mark
        self.found: set[Shape] = set()
        self._within: list[str] = [""]
        self._before: list[str] = [""]
        self._is_said: list[bool] = [False]
        self._heading = ""
        self._ids: set[str] = set()
        self._pointed: set[tuple[str, str, str]] = set()
        self._fields: list[tuple[Shape, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        own = sorted(self._attribute(name, value) for name, value in given.items())
        shape = (tag, self._within[-1], self._before[-1], *own)
        self.found.add(shape)
        self._link(tag, given, shape)
        if tag in HEADINGS:
            self.found.add(("after", self._heading, tag))
            self._heading = tag
        self._before[-1] = tag
        if tag not in VOID:
            self._within.append(f"{tag} {given.get('class', '')}")
            self._before.append("")
            self._is_said.append(False)

    def _attribute(self, name: str, value: str) -> str:
        said = f"{name}={value}" if name in TOLD else name
        return f"{said} typed" if self.mark in value else said if value else f"{said} empty"

    def _link(self, tag: str, given: dict[str, str], shape: Shape) -> None:
        self._ids |= {given["id"]} if "id" in given else set()
        self._pointed |= {(tag, name, one) for name in POINTING for one in given.get(name, "").split()}
        if tag in {"input", "select", "textarea"}:
            self._fields.append((shape, given.get("id", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID or len(self._within) == 1:
            return
        self._before.pop()
        here, is_said = self._within.pop(), self._is_said.pop()
        self.found |= set() if is_said else {("empty", here, self._within[-1])}
        self._is_said[-1] |= is_said

    def handle_data(self, data: str) -> None:
        self._is_said[-1] |= bool(data.strip())
        self.found |= {("typed", self._within[-1])} if self.mark in data else set()

    def whole(self) -> set[Shape]:
        """With what is seen at a page's end only: names that lead nowhere, fields that no label names."""
        nowhere = {("nowhere", tag, name) for tag, name, one in self._pointed if one not in self._ids}
        labelled = {one for tag, name, one in self._pointed if (tag, name) == ("label", "for")}
        return self.found | nowhere | {("no label", *shape) for shape, name in self._fields if name not in labelled}


def shapes_of(text: str, mark: str) -> set[Shape]:
    """Of a page's HTML: each element with its attributes, in which one and after which one it stands."""
    parser = _Shapes(mark)
    parser.feed(text)
    return parser.whole()


def new_ones(pages: dict[str, str], mark: str, known: set[Shape]) -> list[str]:
    """Those of the pages, by their addresses, that have something that isn't known. It is known afterwards."""
    found = []
    for url, text in pages.items():
        shapes = shapes_of(text, mark)
        found += [url] if shapes - known else []
        known |= shapes
    return found
