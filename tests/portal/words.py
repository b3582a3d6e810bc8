"""Every English sentence that the pages can say: of the code, of templates, of fields, and of what the API refuses."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from ratebook.compare import Change
from ratebook.sheets.columns import Field as Column
from service.access.permissions import BUILT_IN, Permission, area_name, meaning
from service.api.problems import KINDS
from service.delivery.columns import COLUMNS
from service.portal.components.columns import STATES
from service.portal.components.fields import Kind, kinds
from service.portal.components.forms import NONE_YET, NOTHING_YET
from service.portal.components.labels import LABELS, VALUES, label_of
from service.portal.components.refused import RULES
from service.portal.components.sides import OWN
from service.portal.pages.beginning import STEPS
from service.portal.pages.commissions import SOURCES
from service.portal.pages.sellers import INHERITED
from service.portal.pages.trials import OUTCOMES
from service.portal.plain import FORMS, OTHERWISE, PLAIN
from service.portal.screens import SCREENS
from service.portal.visit import BY_NAME

SERVICE = Path(__file__).parents[2] / "service"
PORTAL = SERVICE / "portal"
PLACES: dict[str, tuple[object, ...]] = {
    "Form": (2, 3, "said", "text"),
    "Listed": (2, 6, "empty"),
    "Section": (0,),
    "Crumb": (0,),
    "page": (1,),
    "Question": (2, 3, "text"),
    "Pen": (2, "text"),
    "Fact": (0, 2, "hint"),
    "Item": (0,),
    "Group": (0,),
    "Kind": ("hint",),
    "section": (1,),
    "part": (1, "empty"),
    "each": (0,),
    "text": (0,),
    "itself": (0,),
    "other": (0,),
    "moment": (0,),
    "number": (0, "nothing"),
    "money": (0,),
    "amount": (0,),
    "state": (0,),
    "said": (0,),
    "rate": (0,),
    "yes": (0,),
    "deed": (0,),
    "say": (0,),
    "_door": (2,),
    "_answered": (1,),
    "_first_of": (1, 4),
    "_table": (1,),
    "_counts": (1,),
    "_changed": (2,),
    "Measure": (0,),
    "Drawing": (0,),
}
"""What the code calls with words for people, and where they stand."""
API_WORDS = re.compile(r"\b[a-z0-9]+(_[a-z0-9]+)+\b|\bmicros\b|(?<!nicht )(?<!unter )\bnull:|`|\bkambill [a-z]")
"""What stands in JSON and at the command line, and on no page."""
PYDANTIC = ("Input should be {0}", OTHERWISE, *FORMS.values(), *(said for _, said in PLAIN))
"""What pydantic finds of a field, as pages say it."""


def words() -> set[str]:
    """All of them. A sentence with something filled in has it in braces."""
    found = {*_of_templates(), *_of_code(), *_of_fields(), *refusals(), *faults(), *PYDANTIC}
    found |= {title for _, title in KINDS.values()} | {*OWN, *OWN.values()}
    found |= {state.replace("_", " ") for state in STATES} | {meaning(one) for one in Permission}
    found |= {area_name(one).capitalize() for one in Permission}
    found |= {*RULES.values(), *OUTCOMES, *SOURCES.values(), *NONE_YET.values(), NOTHING_YET, *INHERITED.values()}
    found |= {text for step in STEPS for text in (step.what, step.why)}
    found |= {column.meaning for column in COLUMNS.values()}
    found |= {role.name for role in BUILT_IN} | {role.note for role in BUILT_IN}
    said = {one for one in found if re.search(r"[A-Za-z]{2}", re.sub(r"{\w*}", "", one))}
    return {one for one in said if not one.startswith(("/", "-"))}


def _of_templates() -> Iterator[str]:
    for path in (PORTAL / "templates").glob("*.html"):
        yield from re.findall(r'_\("([^"]+)"\)', path.read_text())


# --- what stands in calls


def _of_code() -> Iterator[str]:
    for path in PORTAL.rglob("*.py"):
        tree = ast.parse(path.read_text())
        named = _constants(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield from _of_call(node, named)
            elif isinstance(node, ast.Tuple):
                yield from _of_deed(node)


def _of_call(call: ast.Call, named: Mapping[str, ast.expr]) -> Iterator[str]:
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    if name == "facts":
        yield from (label_of(text) for one in call.args[2:] if (text := _text(one)) is not None)
    for place in PLACES.get(name, ()):
        if isinstance(place, int) and place < len(call.args):
            yield from _texts(call.args[place], named)
        for keyword in call.keywords:
            if keyword.arg == place:
                yield from _texts(keyword.value, named)


def _of_deed(node: ast.Tuple) -> Iterator[str]:
    """(text, path, endpoint): what can be done; (text, path): a way back, or to more."""
    texts = [_text(one) or "" for one in node.elts]
    is_deed = len(texts) == 3 and (bool({*texts[1:]} & BY_NAME.keys()) or texts[1].startswith("/"))
    is_way = len(texts) == 2 and texts[1].startswith("/")
    if is_deed or is_way:
        yield texts[0]


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """What names of the module stand for."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = node.value
    return found


def _texts(node: ast.expr, named: Mapping[str, ast.expr]) -> Iterator[str]:
    """The sentences that an expression may come to."""
    text = _text(node)
    if text is not None:
        yield text
    elif isinstance(node, ast.IfExp):
        yield from (*_texts(node.body, named), *_texts(node.orelse, named))
    elif isinstance(node, ast.BoolOp):
        for one in node.values:
            yield from _texts(one, named)
    elif isinstance(node, ast.Name) and node.id in named:
        yield from _texts(named[node.id], {})
    elif isinstance(node, ast.Subscript):
        yield from _texts(node.value, named)
    elif isinstance(node, ast.Dict):
        for one in node.values:
            yield from _texts(one, {})


def _text(node: ast.expr) -> str | None:
    """What is filled in becomes {0}, {1}."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        parts = [one.value if isinstance(one, ast.Constant) else None for one in node.values]
        numbers = iter(range(len(parts)))
        return "".join(f"{{{next(numbers)}}}" if one is None else str(one) for one in parts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left), _text(node.right)
        return None if left is None or right is None else left + right
    return None


# --- fields


def _of_fields() -> Iterator[str]:
    yield from LABELS.values()
    yield from VALUES.values()
    yield from (label_of(one.value) for one in Column)
    yield from (one.value for one in Change)
    for name in sorted({screen.endpoint for screen in SCREENS}):
        endpoint = BY_NAME[name]
        yield from _of_kinds(kinds(endpoint.query).values(), with_hints=not endpoint.name.endswith("list"))
        if endpoint.body is not None:
            yield from _of_kinds(kinds(endpoint.body).values(), with_hints=True)
        if endpoint.answer is not None:
            yield from _of_model(endpoint.answer)


def _of_model(model: type[BaseModel]) -> Iterator[str]:
    """Names of what is shown of a thing."""
    yield from (label_of(name) for name in model.model_fields if name in LABELS)


def _of_kinds(found: Iterable[Kind], *, with_hints: bool) -> Iterator[str]:
    for kind in found:
        yield label_of(kind.name)
        if kind.hint and with_hints:
            yield kind.hint
        if not kind.noun:
            yield from (VALUES.get(choice) or choice.replace("_", " ") for choice in kind.choices if "." not in choice)
        yield from _of_kinds(kind.parts, with_hints=with_hints)


# --- refusals

ARGUMENTS = {
    "Problem": 1, "invalid": 1, "FieldError": 2, "ValueError": 0, "sentence": 0, "Check": 0, "check": 0, "warning": 0,
    "refuse": 0, "Fault": 1, "UnreadableFile": 0,
}  # fmt: skip
"""Refusals, of banks' and partners' files too; what the doctor says, and what its checks are called."""
NO_PAGES = frozenset({"portal", "cli", "setup", "database"})
"""Rooms whose refusals no page shows."""


def refusals() -> set[str]:
    """What the API says when it can't do what was asked."""
    found = set()
    for path in SERVICE.rglob("*.py"):
        if not NO_PAGES & set(path.relative_to(SERVICE).parts):
            found |= set(_refusals_in(ast.parse(path.read_text())))
    return found


def _refusals_in(tree: ast.Module) -> Iterator[str]:
    named = _constants(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            place = ARGUMENTS.get(getattr(node.func, "id", ""))
            if place is not None and place < len(node.args):
                yield from _texts(node.args[place], named)
        elif isinstance(node, ast.FunctionDef) and "problem" in node.name:
            for one in ast.walk(node):
                if isinstance(one, ast.Return) and one.value is not None:
                    yield from _texts(one.value, named)


# --- faults of texts, decks and sheets

FAULTS = frozenset({
    "add", "fault", "warn", "_wrong", "_fault", "_Note", "ValueError", "UnclearCode", "LeftOut", "NoTable", "Problem",
    "UnreadableSheet", "DeckUnreadable", "SheetUnusable", "_ask", "mapping", "items", "text", "value", "Question",
    "append", "write", "_lines", "problems",
})  # fmt: skip
"""What the ratebook calls with words for people."""
HELD = frozenset({"said", "expected", "reason", "what", "told", "limits", "lines", "notices", "wanted", "known"})
"""Names that such words have until then."""
TOGETHER = {
    " (did you mean {0}?)": ("{0} (did you mean {1}?)",),
    "code {0}: {1} line {2}": (
        "code {0}: the same stands in line {1}",
        "code {0}: another price for the same code and date stands in line {1}",
    ),
    "prefix {0} is in {1} already": ("prefix {0} is in this group already", "prefix {0} is in group {1} already"),
    "this rate of prefix {0} {1} {2} has ended": (
        "this rate of prefix {0} begins before that of {1} has ended",
        "this rate of prefix {0} begins some time after that of {1} has ended",
    ),
    "withdrawn {0}, and the deck has no rate for it": (
        "withdrawn at once, and the deck has no rate for it", "withdrawn from {0}, and the deck has no rate for it",
    ),
    "{0} codes begin with 0, which no country's code does: {1}": (
        "{0} codes begin with 0, which no country's code does: the first one is {1} in line {2}",
    ),
    "{0} more prices {1}": (
        "{0} more prices move as far", "{0} more prices lie below every provider's",
        "{0} more prices lie below what their seller pays by {1}",
    ),
    "{0} more {1}": ("{0} more faults", "{0} more warnings"),
    "{0} was expected{1}": ("one of {0} was expected{1}", "a table `bands:` in the tariff was expected"),
    "the price of {0} moves {1}: a call of {2} s costs {3} instead of {4} {5}": (
        "the price of {0} moves {1}: a call of {2} s costs {3} instead of {4} {5}", "by {0} %", "from nothing",
    ),
    "the same stands in": (), "another price for the same code and date stands in": (), "move as far": (),
    "lie below every provider's": (), "lie below what their seller pays by {0}": (), "at once": (), "from {0}": (),
    "the first one is {0} in line {1}": (),
}  # fmt: skip
"""Sentences that are put together of words, and the whole ones that they come to."""
_CODE = re.compile(r"`[^`]*`|{[a-z]+[:,].*}|\\W.*")
"""What a text says, and no sentence."""


def faults() -> set[str]:
    """What may be wrong with a text, a deck or a sheet, as a page tells it."""
    rooms = [RATEBOOK / "document", RATEBOOK / "sheets"]
    files = [*(path for room in rooms for path in room.glob("*.py")), *OTHER_FAULTS]
    found = {said for path in files for said in _faults_in(ast.parse(path.read_text()))}
    whole = {one for said in found for one in TOGETHER.get(said, (said,))}
    return {one for one in whole if " " in one and not _CODE.fullmatch(one)}


RATEBOOK = SERVICE.parent / "ratebook"
OTHER_FAULTS = (
    RATEBOOK / "money.py", RATEBOOK / "exchange.py", SERVICE / "tariffs" / "warnings.py",
    SERVICE / "tariffs" / "decks.py", SERVICE / "interconnect" / "reconcile" / "reading.py",
    SERVICE / "interconnect" / "reconcile" / "numbers.py",
)  # fmt: skip


def _faults_in(tree: ast.Module) -> Iterator[str]:
    named = _constants(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in FAULTS:
            for one in node.args:
                yield from _texts(one, named)
        elif isinstance(node, ast.Assign | ast.AugAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if getattr(target, "id", getattr(target, "attr", "")) in HELD:
                yield from _of_each(node.value)
        elif isinstance(node, ast.Return) and node.value is not None:
            yield from _texts(node.value, {})


def _of_each(node: ast.expr) -> Iterator[str]:
    """Of a list's or a row's parts too."""
    if isinstance(node, ast.ListComp):
        yield from _of_each(node.elt)
    elif isinstance(node, ast.Tuple | ast.List):
        for one in node.elts:
            yield from _of_each(one)
    else:
        yield from _texts(node, {})
