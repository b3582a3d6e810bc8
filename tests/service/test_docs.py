"""What the book names: commands with their words and options, as whoever reads it would type them; every setting."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from pydantic import BaseModel

from service.api.endpoint import noun_of
from service.api.nouns import NOUNS
from service.cli.main import kambill
from service.cli.options import fields_of
from service.cli.verbs import BY_NAME
from service.config import Config

HOME = Path(__file__).parents[2]
WRONG = (click.NoSuchOption, click.MissingParameter)
ENDS = frozenset({"|", ">", "&&"})
_COMMAND = re.compile(r"\s*(?:\./)?kambill (.+)")
_NAMED = re.compile(r"`(?:\./)?kambill ([a-z][^`…]*)`")
_LONG = re.compile(r"'\[\n[^']*\]'")
"""A list over several lines."""
_NOTE = re.compile(r"\s+#\s|\s{3,}")


def _lines() -> Iterator[tuple[str, str]]:
    """Of every page, those that go on joined: where one stands, and what it says."""
    for page in [HOME / "README.md", *sorted((HOME / "docs").glob("*.md"))]:
        text = _LONG.sub(lambda found: re.sub(r"\s+", " ", found[0]), page.read_text())
        text = re.sub(r"\s*\\\n\s*", " ", text)
        yield from ((f"{page.name} {line.strip()[:60]}", line) for line in text.splitlines() if "kambill " in line)


def _commands() -> Iterator[tuple[str, str]]:
    """Each that stands on a line of its own, or within a sentence, without what is said of it."""
    for place, line in _lines():
        whole = _COMMAND.fullmatch(line)
        parts = re.split(r";\s+kambill ", whole[1]) if whole else _NAMED.findall(line)
        yield from ((place, _NOTE.split(part)[0]) for part in parts)


def _fault(text: str) -> str:
    """What is wrong with a command; empty: nothing. Values stand for others, so that these aren't judged."""
    words = shlex.split(text)
    words = words[: next((at for at, word in enumerate(words) if word in ENDS), None)]
    name = ".".join(words[:2])
    command: click.Command | None = kambill
    context = click.Context(kambill)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        command = command.get_command(context, words.pop(0))
        if command is None:
            return "no such command"
        context = click.Context(command, parent=context)
    if isinstance(command, click.Group) or not words:
        return ""  # it is only named
    assert command is not None
    try:
        made = command.make_context(command.name, words, parent=context.parent)
        return _misnamed(name, made.params)
    except click.exceptions.Exit:
        return ""  # it asks for help
    except click.UsageError as fault:
        is_wrong = isinstance(fault, WRONG) or "unexpected extra" in fault.message
        return fault.format_message() if is_wrong else ""
    return ""


def _misnamed(name: str, given: dict[str, Any]) -> str:
    """Which thing is called by what is no name of such a thing, or by its mere number though it has a name, which that
    would be taken for. Empty: none.
    """
    if name not in BY_NAME:
        return ""
    asked = {f"path_{one}": noun_of(one) for one in BY_NAME[name].parameters}
    asked |= {field.name: field.noun for field in fields_of(BY_NAME[name])}
    for field, noun in asked.items():
        values = given.get(field) or () if noun else ()
        for value in [values] if isinstance(values, str) else values:
            if value.isdecimal() and _has_names(noun):
                return f"{noun} {value}: by its name, or as '#{value}'"
            if not (value.isdecimal() or value.startswith("#") or _has_names(noun) or "number" in _found_by(noun)):
                return f"{noun} {value}: it has no name"
    return ""


def _has_names(noun: str) -> bool:
    return bool(_found_by(noun) & {"username", "name", "email"}) or (noun in NOUNS and "name" in NOUNS[noun].table.c)


def _found_by(noun: str) -> set[str]:
    listed = BY_NAME.get(f"{noun}.list")
    return set() if listed is None else set(listed.query.model_fields)


@pytest.mark.parametrize(
    ("place", "text"), [pytest.param(*one, id=" ".join(one[1].split()[:3])) for one in _commands()]
)
def test_a_command_of_the_book_is_one(place: str, text: str) -> None:
    """Its words, its options, and so many names as it takes."""
    assert _fault(text) == "", place


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("account list", ""),
        ("payment make shop --amount 1 --reason x", ""),
        ("payment make --account shop --amount 1 --reason x", "No such option '--account'. Did you mean '--amount'?"),
        ("product edit x --offered true", "Got unexpected extra argument (true)"),
        ("commission hand-out --handed-out credit", "Missing argument 'ACCOUNT'."),
        ("dispute show 1", ""),
        ("product edit '#1'", ""),
        ("product edit 1", "product 1: by its name, or as '#1'"),
        ("receipt paper R2026-00017", ""),
        ("dispute show first", "dispute first: it has no name"),
        ("top-up make shop --gateway 1", "payment-gateway 1: by its name, or as '#1'"),
        ("nonsense", "no such command"),
        ("account nonsense", "no such command"),
    ],
)
def test_what_is_none_is_noticed(text: str, fault: str) -> None:
    """A wrong word, an option of others, too many names, or too few; a number where a name stands."""
    assert _fault(text) == fault


def _settings(section: type[BaseModel]) -> Iterator[str]:
    for name, field in section.model_fields.items():
        yield name
        for one in (field.annotation, *get_args(field.annotation)):
            if isinstance(one, type) and issubclass(one, BaseModel):
                yield from _settings(one)


def test_the_book_names_every_setting() -> None:
    """Of kambill.yaml: what nobody reads of nobody sets."""
    book = "".join(page.read_text() for page in (HOME / "docs").glob("*.md"))
    assert [name for name in _settings(Config) if not re.search(rf"\b{name}\b", book)] == []


PAGES = (HOME / "README.md", HOME / "CHANGELOG.md", *sorted((HOME / "docs").rglob("*.md")))
_LINK = re.compile(r"\]\(([^)\s#]+)")
_TEST = re.compile(r"`((?:tests|scripts)/[\w/.-]+)`")


def _named() -> Iterator[tuple[str, Path]]:
    """Files that pages lead to or name as what shows something: what is said there, and where it would be."""
    for page in PAGES:
        text = page.read_text()
        yield from ((f"{page.name}: {one}", page.parent / one) for one in _LINK.findall(text) if "://" not in one)
        yield from ((f"{page.name}: {one}", HOME / one) for one in _TEST.findall(text))


def test_what_the_book_leads_to_is_there() -> None:
    """Pages, pictures, tests and scripts."""
    named = dict(_named())
    assert len(named) > 400
    assert [said for said, path in named.items() if not path.exists()] == []


def test_every_picture_stands_in_the_book() -> None:
    """What nobody sees is drawn for nobody."""
    shown = {path.resolve() for _, path in _named()}
    assert {one for one in (HOME / "docs" / "pictures").iterdir() if one not in shown} == set()
