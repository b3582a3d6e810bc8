"""YAML as nodes with their places: scalars stay the text that stands there, so that `0123`, `1:30` and `no` do.

Anchors are refused and depth is bounded before a tree is built: no file takes more than its own size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import yaml

from ratebook.document.problems import Place, Problems, shorten, suggestion

BYTES_MAX = 16 * 1024 * 1024
"""Of one YAML file; larger tables belong into a deck."""
DEPTH_MAX = 12
NODES_MAX = 500_000
"""Of one YAML file: some 50,000 rates; larger tables belong into a deck."""
FIELDS_MAX = 1_000
"""Of a table whose fields are known: more are a mistake, which is told once."""

T = TypeVar("T")


class Document:
    """One YAML file being read."""

    def __init__(self, file: str, problems: Problems) -> None:
        self.file = file
        self.problems = problems
        self.mentioned: dict[tuple[str, str], Place] = {}
        """Where something that stands elsewhere is named first, by its kind and name."""

    def place(self, node: yaml.Node | yaml.Event) -> Place:
        """Where a node begins."""
        mark: Any = node.start_mark
        return Place(self.file, mark.line + 1, mark.column + 1)

    def fault(self, node: yaml.Node | yaml.Event, message: str, expected: str) -> None:
        """Notes what is wrong at a node."""
        self.problems.add(self.place(node), message, expected)

    def warn(self, node: yaml.Node, message: str, expected: str) -> None:
        """Notes what is allowed and rarely meant."""
        self.problems.warn(self.place(node), message, expected)

    def mention(self, noun: str, name: str, node: yaml.Node) -> None:
        """Notes that a node names something that stands elsewhere."""
        place = self.place(node)
        self.mentioned[noun, name] = min(place, self.mentioned.get((noun, name), place))

    def read(self, text: str) -> yaml.Node | None:
        """The tree of the file; None: it is empty, or its faults are noted."""
        if len(text) > BYTES_MAX:
            self.problems.add(Place(self.file, 1, 1), f"the file has {len(text)} bytes", f"{BYTES_MAX} at most")
            return None
        try:
            return self._compose(text)
        except yaml.MarkedYAMLError as fault:
            mark = fault.problem_mark or fault.context_mark
            place = Place(self.file, mark.line + 1 if mark else 1, mark.column + 1 if mark else 1)
            expected = "blanks in place of the tab were expected" if _is_tab(text, place) else "YAML was expected"
            self.problems.add(place, f"no YAML ({fault.problem or fault.context})", expected)
        except yaml.reader.ReaderError as fault:
            before = text.encode()[: fault.position].decode(errors="ignore")
            place = Place(self.file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
            self.problems.add(place, f"no YAML ({fault.reason})", "printable text was expected")
        return None

    def _compose(self, text: str) -> yaml.Node | None:
        depth = 0
        for number, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
            if number > NODES_MAX:
                self.fault(event, f"more than {NODES_MAX} values", "a deck for larger tables")
                return None
            if isinstance(event, yaml.AliasEvent):
                self.fault(event, "an alias", "what it stands for, written out")
                return None
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > DEPTH_MAX:
                self.fault(event, f"nested more than {DEPTH_MAX} deep", "a flatter document")
                return None
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.CSafeLoader)
        return node

    # --- reading a tree

    def mapping(self, node: yaml.Node, known: tuple[str, ...], what: str) -> dict[str, yaml.Node]:
        """The fields of a mapping; unknown and repeated ones are noted. Without fields: it is none, which is noted.

        `known`: the names it may have; empty: any, and the mapping may be empty.
        """
        if not isinstance(node, yaml.MappingNode) or (known and not node.value):
            names = f", one of {', '.join(known)}" if known else ""
            self.fault(node, f"{what} is no table of fields", f"`name: value`{names}")
            return {}
        if known and len(node.value) > FIELDS_MAX:
            self.fault(node, f"{what} has {len(node.value)} fields", f"some of {', '.join(known)}")
            return {}
        fields: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if known and name not in known:
                self.fault(
                    key, f"{what} has no field {shorten(name)}", f"one of {', '.join(known)}{suggestion(name, known)}"
                )
            elif name in fields:
                self.fault(key, f"{shorten(name)} stands twice", "once")
            else:
                fields[name] = value
        return fields

    def items(self, node: yaml.Node | None, what: str) -> list[yaml.Node]:
        """The items of a list; nothing for None."""
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.fault(node, f"{what} is not a list", "items that begin with `-`")
            return []
        found: list[yaml.Node] = node.value
        return found

    def text(self, node: yaml.Node, what: str) -> str | None:
        """A scalar's text; None: it is none, which is noted."""
        if isinstance(node, yaml.ScalarNode):
            text: str = node.value
            return text
        self.fault(node, f"{what} is a list or table", "a single value")
        return None

    def value(self, fields: dict[str, yaml.Node], name: str, parse: Callable[[str], T], default: T) -> T:
        """A scalar field's value; the default if it is absent or wrong, which is noted."""
        node = fields.get(name)
        text = None if node is None else self.text(node, name)
        if node is None or text is None:
            return default
        try:
            return parse(text)
        except ValueError as fault:
            self.fault(node, f"{name} {shorten(text)}", str(fault))
            return default


def _is_tab(text: str, place: Place) -> bool:
    """Whether a tab stands there, which no eye sees."""
    lines = text.splitlines()
    return place.line <= len(lines) and lines[place.line - 1][place.column - 1 : place.column] == "\t"
