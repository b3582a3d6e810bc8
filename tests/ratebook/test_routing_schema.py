"""The JSON Schema of routing.yaml takes what the ratebook takes, and refuses what people mistype."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest
import yaml

from ratebook.document import parse_routing
from ratebook.document.routing_schema import routing_schema
from tests.ratebook.test_docs import BLOCKS

VALIDATOR = jsonschema_rs.validator_for(routing_schema())


def fits(text: str) -> bool:
    """Whether an editor takes it: with its numbers as numbers, and as texts."""
    found = {
        VALIDATOR.is_valid(json.loads(json.dumps(yaml.load(text, loader), default=str)))
        for loader in (yaml.SafeLoader, yaml.BaseLoader)
    }
    assert len(found) == 1
    return found.pop()


@pytest.mark.parametrize("text", [text for kind, text in BLOCKS if kind == "yaml" and text.startswith("plans")])
def test_it_takes_the_examples_of_the_page(text: str) -> None:
    """All of docs/tariffs.md."""
    assert fits(text.replace("no_loss: off", "no_loss: 'off'"))


@pytest.mark.parametrize(
    "plan",
    [
        "{order: costs, routes: []}",
        "{order: cost}",
        "{mach: all, routes: []}",
        "{failover: {codes: [200]}, routes: []}",
        "{ring_timeout: soon, routes: []}",
        "{rules: [{only: [a/b], first: [a/c]}], routes: []}",
        "{rules: [{prefixes: [4]}], routes: []}",
        "{routes: [{prefix: 4}]}",
        "{routes: [{gateways: [ab]}]}",
        "{routes: [{gateways: [{gateway: a/b, wheight: 5}]}]}",
        "{quality: {bands: []}, routes: []}",
    ],
)
def test_what_the_ratebook_refuses_does_not_fit(plan: str) -> None:
    """Both say no."""
    text = f"plans: {{a: {plan}}}"
    assert not fits(text)
    assert parse_routing(text).problems
