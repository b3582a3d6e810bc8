"""The JSON Schema for editors: it takes what the ratebook takes, and refuses what people mistype."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from ratebook.document import decks, exchange, tariffs
from ratebook.document.schema import exchange_schema, tariff_schema
from tests.ratebook.test_docs import BLOCKS

SCHEMA = tariff_schema()
VALIDATOR = jsonschema_rs.validator_for(SCHEMA)
EXCHANGE = exchange_schema()
EXCHANGE_VALIDATOR = jsonschema_rs.validator_for(EXCHANGE)
LOADERS = (yaml.SafeLoader, yaml.BaseLoader)
EXAMPLES = sorted((Path(__file__).parents[2] / "ratebook" / "examples" / "tariffs").glob("*.yaml"))


def fits(text: str, validator: Any = VALIDATOR) -> bool:
    """Whether an editor takes it: with its numbers as numbers, and as texts."""
    found = {validator.is_valid(json.loads(json.dumps(yaml.load(text, loader), default=str))) for loader in LOADERS}
    assert len(found) == 1
    return found.pop()


@pytest.mark.parametrize("text", [text for kind, text in BLOCKS if kind == "yaml" and text.startswith("currency")])
def test_it_takes_the_examples_of_the_page(text: str) -> None:
    """All of docs/tariffs.md."""
    assert fits(text)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_takes_the_sample_ratebook(path: Path) -> None:
    """As it is installed."""
    assert fits(path.read_text())


@pytest.mark.parametrize(
    "text",
    [
        "rates: []",
        "{currency: euro}",
        "{currency: EUR, ratez: []}",
        "{currency: EUR, rates: [{prefix: 44, rate: cheap}]}",
        "{currency: EUR, rates: [{rate: 1}]}",
        "{currency: EUR, rates: [{prefix: 44, rate: 1, increments: often}]}",
        "{currency: EUR, rounding: {decimals: 9}}",
        "{currency: EUR, border: cut}",
        "{currency: EUR, bands: {night: {hour: 1}}}",
        "{currency: EUR, derive: {markup: 1}}",
        "{currency: EUR, decks: [{columns: {}}]}",
    ],
)
def test_it_refuses_what_people_mistype(text: str) -> None:
    """Unknown fields, words and forms."""
    assert not fits(text)


def test_it_knows_every_field_that_is_read() -> None:
    """And no other: the tables of the readers are its own."""

    def fields(schema: dict[str, Any]) -> set[str]:
        return set(schema["properties"])

    top = SCHEMA["properties"]
    assert fields(SCHEMA) == set(tariffs.TARIFF_FIELDS)
    assert fields(top["rates"]["items"]) == set(tariffs.RATE_FIELDS)
    assert fields(top["derive"]) == set(tariffs.DERIVE_FIELDS)
    deck = top["decks"]["items"]["anyOf"][1]
    assert fields(deck) == set(tariffs.DECK_FIELDS)
    assert fields(deck["properties"]["columns"]) == set(decks.COLUMNS)


@pytest.mark.parametrize("text", [text for kind, text in BLOCKS if kind == "yaml" and text.startswith("base")])
def test_it_takes_the_page_s_rates_of_exchange(text: str) -> None:
    """Of docs/tariffs.md."""
    assert fits(text, EXCHANGE_VALIDATOR)


@pytest.mark.parametrize(
    "text",
    [
        "{base: euro}",
        "{rats: []}",
        "{rates: [{from: USD, to: EUR}]}",
        "{rates: [{from: USD, to: EUR, rate: much}]}",
        "{rates: [{from: USD, too: EUR, rate: 1}]}",
        "{decks: ecb.csv}",
    ],
)
def test_it_refuses_mistyped_rates_of_exchange(text: str) -> None:
    """Likewise."""
    assert not fits(text, EXCHANGE_VALIDATOR)


def test_it_knows_every_field_of_exchange_yaml() -> None:
    """And no other."""
    assert set(EXCHANGE["properties"]) == set(exchange.FIELDS)
    assert set(EXCHANGE["properties"]["rates"]["items"]["properties"]) == set(exchange.RATE_FIELDS)
