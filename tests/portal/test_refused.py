"""Why a call was refused, in words: every rule of the call path has some."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import kemi
from kemi.refusal import ANSWERS, HOLES
from service.portal.components.refused import RULES
from tests.portal.conftest import Walker


def _raised() -> Iterator[str]:
    """First words of refusals in the code: names, and what a condition chooses between."""
    for path in Path(kemi.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refusal":
                yield from _texts(node.args[0])


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from (*_texts(node.body), *_texts(node.orelse))
    elif isinstance(node, ast.Constant):
        yield str(node.value)


def test_every_rule_has_words() -> None:
    """Those that are raised, those with answers of their own, and what may be missing."""
    raised = {*_raised()}
    assert {"funds", "trunk_limit", "takeover"} <= raised
    assert {*raised, *ANSWERS, *HOLES} - RULES.keys() == set()


@pytest.mark.parametrize(
    ("language", "said"), [("en", "this is no telephone number"), ("de", "das ist keine Rufnummer")]
)
async def test_a_trial_says_why_a_call_is_refused(walker: Walker, language: str, said: str) -> None:
    """Not by the name that the record has."""
    await walker.sign_in("boss@op.example")
    form = {"name": "Boss", "timezone": "UTC", "theme": "auto"}
    await walker.post("/profile/edit", **form, language=language)
    words = (await walker.get("/calls/trial?ask=yes&trunk_id=1&to=abc")).words
    await walker.post("/profile/edit", **form, language="en")
    assert said in words
