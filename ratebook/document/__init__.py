"""What operators write: tariffs, decks, routing.yaml and exchange.yaml, read as a whole with all their faults.

Runs in the service and at the command line, never inside Kamailio.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import yaml

from ratebook.collector import without_collector
from ratebook.document.exchange import EXCHANGE_FILE, read_exchange
from ratebook.document.groups import GROUPS_FILE, read_groups
from ratebook.document.nodes import BYTES_MAX, Document
from ratebook.document.places import Places
from ratebook.document.plans import read_plans
from ratebook.document.problems import Place, Problem, Problems, suggestion
from ratebook.document.resolve import Elsewhere, resolve
from ratebook.document.tariffs import Draft, Written, read_tariff, read_written
from ratebook.exchange import NO_EXCHANGE, Exchange
from ratebook.groups import Group
from ratebook.model import Tariff
from ratebook.routing import Plan

__all__ = [
    "LoadedRatebook", "Parsed", "Place", "Places", "Problem", "Routing", "load", "parse_plans", "parse_routing",
    "parse_tariff", "places_in", "places_of_text",
]  # fmt: skip

TARIFFS_FOLDER = "tariffs"
ROUTING_FILE = "routing.yaml"
ENDINGS = (".yaml", ".yml")
BESIDE = (ROUTING_FILE, EXCHANGE_FILE, GROUPS_FILE)


class LoadedRatebook(NamedTuple):
    """A ratebook as it was read. With problems it must not be published."""

    tariffs: dict[str, Tariff]
    """By name: that of the file under tariffs/ without its ending, with its folder; or the folder and its own name."""
    plans: dict[str, Plan]
    problems: list[Problem]
    warnings: list[Problem]
    """What is allowed and rarely meant."""
    files: dict[str, str]
    """Where each tariff stands, from the folder on."""
    groups: list[Group]
    """Of destinations."""
    exchange: Exchange = NO_EXCHANGE
    """Between the currencies of tariffs and accounts."""
    mentioned: Mapping[tuple[str, str], Place] = MappingProxyType({})
    """Where the plans first name a gateway, an account or a destination group, by kind and name."""


def load(root: Path, *, groups: str | None = None) -> LoadedRatebook:
    """Reads a ratebook's folder. Never raises for what stands in it: see `problems`. `groups`: read as groups.yaml
    instead of what stands there.
    """
    with without_collector():
        return _load(root, groups)


def _load(root: Path, groups_text: str | None) -> LoadedRatebook:
    problems = Problems()
    drafts: dict[str, Draft] = {}
    folder = root / TARIFFS_FOLDER
    files = sorted(path for ending in ENDINGS for path in folder.rglob(f"*{ending}") if path.name[0] != ".")
    if not files:
        problems.add(Place(TARIFFS_FOLDER, 1, 1), f"no tariffs in {folder}", "files such as tariffs/retail.yaml")
    for path in files:
        file = str(path.relative_to(root))
        name = str(path.relative_to(folder).with_suffix(""))
        draft = _read_file(path, file, name, root, problems)
        if draft is None:
            continue
        if draft.name in drafts:
            problems.add(Place(file, 1, 1), f"a second tariff is called {draft.name!r}", "a name of its own")
        drafts[draft.name] = draft
    _tell_passed_over(root, problems)
    tariffs = resolve(drafts, problems)
    routing = Document(ROUTING_FILE, problems)
    plans, exchange = _load_routing(routing, root), _load_exchange(root, problems)
    stands = {name: draft.place.file for name, draft in drafts.items()}
    groups = _load_groups(root, tariffs, problems, groups_text)
    _tell_groups_lacked(routing.mentioned, groups, problems)
    told, warned = problems.listed(), problems.warnings()
    return LoadedRatebook(tariffs, plans, told, warned, stands, groups, exchange, routing.mentioned)


def _tell_groups_lacked(mentioned: Mapping[tuple[str, str], Place], groups: list[Group], problems: Problems) -> None:
    """Rules of plans that name a destination group which is not there: they would hold for no number."""
    known = {group.name: group for group in groups}
    for (noun, name), place in mentioned.items():
        if noun == "group" and name not in known:
            said = f"there is no destination group {name!r}{suggestion(name, known)}"
            problems.add(place, said, f"one of {GROUPS_FILE}")


def _tell_passed_over(root: Path, problems: Problems) -> None:
    """Files that look as if they were read, and are not."""
    for path in sorted((root / TARIFFS_FOLDER).rglob("*")):
        if path.suffix not in ENDINGS and path.suffix.lower() in ENDINGS and path.name[0] != ".":
            place = Place(str(path.relative_to(root)), 1, 1)
            problems.warn(place, "the file is passed over", f"an ending in small letters, {path.suffix.lower()}")
    for path in sorted(root.glob("*")):
        wanted = f"{path.stem.lower()}.yaml"
        if path.name != wanted and wanted in BESIDE and path.suffix.lower() in ENDINGS:
            problems.warn(Place(path.name, 1, 1), "the file is passed over", f"the name {wanted}")


def places_in(root: Path, found: LoadedRatebook) -> Places:
    """Where the rates of a ratebook that was loaded stand."""

    def read(tariff: str) -> Written | None:
        file = found.files.get(tariff)
        text = None if file is None else _text(root / file, file, Problems())
        return None if text is None or file is None else read_written(Document(file, Problems()), text, tariff, root)

    return Places(read)


def _read_file(path: Path, file: str, name: str, root: Path, problems: Problems) -> Draft | None:
    text = _text(path, file, problems)
    return None if text is None else read_tariff(Document(file, problems), text, name, root)


def _text(path: Path, file: str, problems: Problems) -> str | None:
    try:
        if not path.is_file():
            problems.add(Place(file, 1, 1), "no file", "a file of text")
        elif path.stat().st_size > BYTES_MAX:
            problems.add(Place(file, 1, 1), f"the file has {path.stat().st_size} bytes", f"{BYTES_MAX} at most")
        else:
            return path.read_text(encoding="utf-8-sig")
    except OSError as fault:
        problems.add(Place(file, 1, 1), f"the file can't be read ({fault.strerror})", "a readable file")
    except UnicodeDecodeError:
        problems.add(Place(file, 1, 1), "the file is not UTF-8", "text saved as UTF-8")
    return None


def _load_routing(document: Document, root: Path) -> dict[str, Plan]:
    node = _table(document, root, "plans")
    return {} if node is None else read_plans(document, node)


class Routing(NamedTuple):
    """Plans of a text; with problems they must not be published."""

    plans: dict[str, Plan]
    problems: list[Problem]
    mentioned: Mapping[tuple[str, str], Place]
    """As in `LoadedRatebook`."""


def parse_routing(text: str, file: str = ROUTING_FILE) -> Routing:
    """The plans of a routing.yaml. Never raises for what stands in it."""
    document = Document(file, Problems())
    node = document.read(text)
    fields = {} if node is None else document.mapping(node, ("plans",), file)
    plans = read_plans(document, fields["plans"]) if "plans" in fields else {}
    return Routing(plans, document.problems.listed(), document.mentioned)


def _load_groups(root: Path, tariffs: dict[str, Tariff], problems: Problems, text: str | None) -> list[Group]:
    document = Document(GROUPS_FILE, problems)
    node = _table(document, root, "groups") if text is None else _table_in(document, text, "groups")
    return [] if node is None else read_groups(document, node, tariffs)


def _table(document: Document, root: Path, name: str) -> yaml.Node | None:
    """The only field of a file that may be absent; None: there is none, or its faults are noted."""
    path = root / document.file
    text = _text(path, document.file, document.problems) if path.exists() else None
    return None if text is None else _table_in(document, text, name)


def _table_in(document: Document, text: str, name: str) -> yaml.Node | None:
    node = document.read(text)
    return None if node is None else document.mapping(node, (name,), document.file).get(name)


def _load_exchange(root: Path, problems: Problems) -> Exchange:
    path = root / EXCHANGE_FILE
    text = _text(path, EXCHANGE_FILE, problems) if path.exists() else None
    return NO_EXCHANGE if text is None else read_exchange(Document(EXCHANGE_FILE, problems), text, root)


class Parsed(NamedTuple):
    """One tariff of a text; None: it is too broken to be one."""

    tariff: Tariff | None
    problems: list[Problem]
    warnings: list[Problem]


def parse_tariff(text: str, file: str, name: str, root: Path, elsewhere: Elsewhere = lambda _: None) -> Parsed:
    """One tariff of a text; decks are looked for under `root`, the tariffs that it takes from, `elsewhere`."""
    problems = Problems()
    draft = read_tariff(Document(file, problems), text, name, root)
    tariffs = {} if draft is None else resolve({draft.name: draft}, problems, elsewhere)
    return Parsed(next(iter(tariffs.values()), None), problems.listed(), problems.warnings())


def places_of_text(text: str, file: str, name: str, root: Path) -> Places:
    """Where the rates of a tariff that `parse_tariff` read stand: as long as its decks are there."""
    return Places(lambda tariff: read_written(Document(file, Problems()), text, name, root) if tariff == name else None)


def parse_plans(node: yaml.Node, file: str) -> Routing:
    """The plans of a YAML node, in whichever file it stands."""
    document = Document(file, Problems())
    plans = read_plans(document, node)
    return Routing(plans, document.problems.listed(), document.mentioned)
