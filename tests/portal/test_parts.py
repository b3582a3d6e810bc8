"""The parts of pages that need no page: formats, colours, fields, addresses. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.access.endpoints.roles import NewRole
from service.accounts.api import AccountEdit, NewAccount
from service.api.problems import FieldError
from service.api.values import AMOUNT_SCHEMA, parse_moment
from service.billing.dunning.api import Dunning
from service.messages.views import NewBroadcast
from service.portal import static
from service.portal.colours import CONTRAST_MIN, DARK_GROUND, LIGHT_GROUND, contrast, readable_on, text_on
from service.portal.components.fields import Kind, amount, errors_by_field, kinds, moment, read, shown
from service.portal.components.lists import Cell, Head, Table
from service.portal.formats import decimals_by_currency, decimals_of_all, duration, formats_of
from service.portal.navigation import is_below
from service.portal.plain import FORMS, OTHERWISE, plain
from service.portal.screen import local_path
from service.portal.screens import SCREENS
from service.portal.visit import BY_NAME
from service.portal.wording import catalogue, language_asked, languages, refusal_in
from tests.portal.words import API_WORDS, refusals, words

ENGLISH, GERMAN = formats_of("en", "UTC"), formats_of("de", "Europe/Berlin")
COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@pytest.mark.parametrize(
    ("micros", "english", "german"),
    [
        (0, "0.00", "0,00"),
        (-1_500_000, "-1.50", "-1,50"),
        (1, "0.000001", "0,000001"),
        (9_876_543_210_123_456, "9,876,543,210.123456", "9.876.543.210,123456"),
    ],
)
def test_money_is_written_exactly(micros: int, english: str, german: str) -> None:
    """In the language's way, with as many decimals as it has."""
    assert ENGLISH.amount(micros) == english
    assert GERMAN.amount(micros) == german


@given(st.integers(-(10**18), 10**18))
def test_no_amount_is_rounded(micros: int) -> None:
    """What is read back is what was written."""
    digits = ENGLISH.amount(micros, 6).replace(",", "").replace(".", "")
    assert int(digits) == micros


def test_points_of_a_column_stand_below_each_other() -> None:
    """The most decimals of any of them."""
    decimals = decimals_of_all([1_000_000, None, 1_500, 20])
    assert decimals == 5
    assert ENGLISH.money(1_000_000, "EUR", decimals) == "1.00000\u00a0EUR"


def test_each_currency_has_decimals_of_its_own() -> None:
    """Yen have none beside euros; a dash needs none."""
    told = [(1_500_000, "EUR"), (20_000_000, "JPY"), (None, "KWD"), (1_001_000, "KWD"), (1, "EUR")]
    decimals = decimals_by_currency(told)
    assert decimals == {"EUR": 6, "JPY": 0, "KWD": 3}
    assert GERMAN.money(20_000_000, "JPY", decimals["JPY"]) == "20\u00a0JPY"
    assert GERMAN.money(2_000_000, "KWD", 0) == "2,000\u00a0KWD"


def test_a_written_day_is_the_same_in_every_zone() -> None:
    """In the language's way; no day is a dash."""
    assert formats_of("de", "Pacific/Kiritimati").written_day("2026-11-27") == "27.11.2026"
    assert formats_of("en", "Pacific/Pago_Pago").written_day("2026-11-27") == "27 Nov 2026"
    assert ENGLISH.written_day("") == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("at 0.06 a minute (1.5).", "at 0,06 a minute (1,5)."),
        ("192.0.2.1:5060 and 10.0.0.1", "192.0.2.1:5060 and 10.0.0.1"),
        ("ends with 0.5.", "ends with 0,5."),
    ],
)
def test_fractions_of_a_sentence_are_written_so(english: str, german: str) -> None:
    """Addresses stay, and English does."""
    assert GERMAN.decimals_in(english) == german
    assert ENGLISH.decimals_in(english) == english


def test_times_are_in_the_persons_zone() -> None:
    """An hour later in Berlin, in winter."""
    at_ms = 1_795_741_596_000
    assert ENGLISH.moment(at_ms) == "27 Nov 2026, 01:06:36"
    assert GERMAN.moment(at_ms) == "27.11.2026, 02:06:36"
    assert formats_of("xx-invalid", "Moon/Sea").moment(at_ms) == "27 Nov 2026, 01:06:36"
    assert ENGLISH.moment(0) == "–"  # noqa: RUF001 -- a dash


def test_durations() -> None:
    """To the second."""
    assert [duration(seconds) for seconds in (0, 59, 61, 3_723)] == ["0:00", "0:59", "1:01", "1:02:03"]


@given(COLOURS)
def test_every_colour_can_be_read(colour: str) -> None:
    """Whatever a seller takes: text on it, and links in it on both grounds."""
    assert contrast(colour, text_on(colour)) >= CONTRAST_MIN
    for ground in (LIGHT_GROUND, DARK_GROUND):
        assert contrast(readable_on(colour, ground), ground) >= CONTRAST_MIN


@pytest.mark.parametrize(
    ("typed", "english", "german"),
    [
        ("12.5", "12.50", "12.50"),
        ("12,5", "12,5", "12.50"),
        ("1.234", "1.234", "?1.234"),
        ("1.234,50", "1.234,50", "?1.234,50"),
        ("lots", "lots", "lots"),
    ],
)
def test_an_amount_that_can_mean_two_things_is_asked_again(typed: str, english: str, german: str) -> None:
    """What is no amount stays what it is, and the endpoint refuses it."""
    assert amount(typed, ENGLISH) == english
    assert amount(typed, GERMAN) == german


def test_a_field_for_times_means_the_persons_zone() -> None:
    """What the browser sends has none."""
    assert moment("2026-11-27T02:06", GERMAN) == "2026-11-27T01:06:00Z"
    assert moment("soon", GERMAN) == "soon"
    assert moment("0001-01-01T00:00", GERMAN) == "0001-01-01T00:00", "UTC has no such year"


@pytest.mark.parametrize("rest", ["06:00.123", "06:07.000", "06:00.000"])
def test_a_form_sends_back_the_time_that_it_was_given(rest: str) -> None:
    """To the millisecond, whether an endpoint says it as a number or as text: else nothing would be found by it."""
    text = f"2026-11-27T01:{rest}Z"
    wall_ms = parse_moment(text)
    for value in (text, wall_ms):
        (typed,) = shown(Kind("since", "moment"), value, GERMAN)
        assert parse_moment(moment(typed, GERMAN)) == wall_ms


def test_fields_come_from_what_an_endpoint_takes() -> None:
    """Kind, choices, and whether it is needed."""
    found = kinds(NewAccount)
    assert found["kind"].choices == ("reseller", "customer", "provider")
    assert (found["parent_id"].noun, found["parent_id"].is_required) == ("account", True)
    assert (found["credit_limit"].shape, found["commission"].shape) == ("amount", "check")
    assert kinds(AccountEdit)["tariff_id"].can_be_null
    assert kinds(NewRole)["permissions"].shape == "choices"


def test_a_thing_within_another_has_its_own_fields() -> None:
    """By both names; several things have a line each, in which what is empty says nothing."""
    found = kinds(NewBroadcast)
    assert (found["audience.below_id"].noun, found["audience.balance_below"].shape) == ("account", "amount")
    assert "audience" not in found
    steps = kinds(Dunning)["steps"]
    assert [part.name for part in steps.parts] == ["kind", "days", "amount", "currency", "percent"]
    assert read(steps, ["fee", "3", "1,5", "EUR", ""], GERMAN) == [
        {"kind": "fee", "days": 3, "amount": "1.50", "currency": "EUR"}
    ]
    line = [{"kind": "fee", "days": 3, "amount": "1.50", "currency": "EUR", "percent": None}]
    assert shown(steps, line, GERMAN) == ("fee", "3", "1,50", "EUR", "")


def test_a_fault_of_what_is_within_stands_beside_its_field() -> None:
    """By its place in the body."""
    errors = [FieldError("body", "/audience/country", "no country")]
    assert errors_by_field(errors, ["audience.country"]) == ({"audience.country": ["no country"]}, [])
    assert errors_by_field(errors, ["name"])[0] == {}


@pytest.mark.parametrize(
    ("texts", "wide", "hope"),
    [
        (("a", "b", "c"), 0, False), (("a", "b", "c", "d"), 0, True), (("a", "b", "c", "d"), 1, False),
        (("27 Nov 2026, 02:31:53", "It was answered", "1"), 0, True), (("x" * 99, "b"), 1, False),
    ],
)  # fmt: skip
def test_a_table_that_is_too_wide_for_a_telephone_becomes_cards(texts: tuple[str, ...], wide: int, hope: bool) -> None:
    """By its columns, and by its longest texts; not by what a telephone leaves out."""
    heads = [Head("", "", "", at_end=False, is_wide=number < wide) for number in range(len(texts))]
    assert Table(heads, [[Cell(text) for text in texts]]).is_cards is hope
    assert not Table(heads[:2], []).is_cards


def test_what_is_typed_becomes_a_value() -> None:
    """Numbers become numbers; what is none stays text, so that the form says so."""
    found = kinds(NewAccount)
    assert read(found["channels"], ["30"], ENGLISH) == 30
    assert read(found["channels"], ["many"], ENGLISH) == "many"
    assert read(found["channels"], [" "], ENGLISH) is None
    assert read(found["commission"], [], ENGLISH) is False


def test_faults_find_their_fields() -> None:
    """Of a list by its line, from 1; what has no field stands above."""
    errors = [FieldError("body", "/networks/1", "no network"), FieldError("body", "/other", "what?")]
    assert errors_by_field(errors, ["networks"]) == ({"networks": ["2: no network"]}, ["/other: what?"])
    line = [FieldError("body", "/csv/3/2", "unknown column")]
    assert errors_by_field(line, ["csv"]) == ({"csv": ["3: 2: unknown column"]}, [])


def test_the_menu_marks_whole_steps_only() -> None:
    """/accountsx isn't below /accounts."""
    assert is_below("/accounts/5", "/accounts")
    assert not is_below("/accountsx", "/accounts")
    assert not is_below("/accounts", "/")


@given(st.text())
def test_no_text_leads_to_another_host(text: str) -> None:
    """Whatever stands behind `next`."""
    found = local_path(text)
    assert found.startswith("/")
    assert not found.startswith("//")
    assert "\\" not in found


def test_the_wanted_language_is_the_best_that_there_is() -> None:
    """Weights count, nonsense doesn't."""
    assert language_asked("fr;q=0.9, de-CH;q=0.8, en;q=0.5") == "de"
    assert language_asked("de;q=0, en") == "en"
    assert language_asked(";;;q=x,") == "en"
    assert language_asked("de;q=inf, fr;q=1e400, de-CH;q=nan") == "en"


def test_a_translation_keeps_what_is_filled_in() -> None:
    """The same names in braces, and nothing is empty."""
    for language in languages():
        for message in catalogue(language):
            if message.id:
                assert message.string, message.id
                asked, filled = set(_names(str(message.id))), set(_names(str(message.string)))
                assert filled <= asked
                assert {one for one in asked - filled if not one.isdecimal()} == set()


def test_every_word_of_the_pages_has_one_in_every_language() -> None:
    """Of code, templates, fields, and of what the API refuses: none is left English."""
    for language in languages()[1:]:
        known = {str(message.id) for message in catalogue(language) if message.string}
        assert sorted(words() - known) == []


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("the line is posted", "die Zeile ist gebucht"),
        ("the account's seller has no gateway 7", "der Verkäufer des Kontos hat kein Gateway 7"),
        ("At least 12 characters", "Mindestens 12 Zeichen"),
        ("the server refuses 'kb' with this password", "der Server lehnt 'kb' mit diesem Passwort ab"),
        ("f.example:22 showed no key", "f.example:22 hat keinen Schlüssel gezeigt"),
        ("One of these: 'a', 'b'", "Eines davon: 'a', 'b'"),
        ("'x' is not a decimal number such as 0.0125", "'x' ist keine Dezimalzahl, etwa 0,0125"),
        (
            "'x' is no network: write one such as 192.0.2.0/24, 192.0.2.7 or 2001:db8::/48",
            "'x' ist kein Netz: schreiben Sie eines wie 192.0.2.0/24, 192.0.2.7 oder 2001:db8::/48",
        ),
        ("source:3:5: unknown word", "source:3:5: unknown word"),
        ("", ""),
    ],
)
def test_a_refusal_is_told_with_its_names(english: str, german: str) -> None:
    """By what stands around them; what nobody knows stays as it is."""
    assert refusal_in("de")(english) == german
    assert refusal_in("en")(english) == english


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("String should match pattern '^[0-9]{3,15}$'", "3 to 15 digits"),
        ("String should match pattern '^nobody knows$'", OTHERWISE),
        ("String should have at least 1 character", "This is needed"),
        ("List should have at most 50 items after validation, not 51", "At most 50, these are 51"),
        ("Input should be less than or equal to 65535", "At most 65535"),
        ("Input should be 'reseller' or 'customer'", "One of these: 'reseller', 'customer'"),
        ("the line is posted", "the line is posted"),
    ],
)
def test_what_a_model_finds_is_said_in_words(found: str, said: str) -> None:
    """No pattern is shown to people; what isn't pydantic's stays."""
    assert plain(found) == said


def test_no_hint_of_a_form_has_words_of_the_api() -> None:
    """Neither null nor names as JSON has them: a field is left empty, and called as its label says."""
    models = [model for screen in SCREENS for model in (BY_NAME[screen.endpoint].body, BY_NAME[screen.endpoint].query)]
    found = [one for model in models if model is not None for one in kinds(model).values() if one.name != "cursor"]
    hints = {part.hint for one in found for part in (one, *one.parts)}
    assert [hint for hint in hints if API_WORDS.search(hint)] == []


def test_no_refusal_has_words_of_the_api() -> None:
    """In any language, as pages say it; what is about kambill.yaml names its settings."""
    ours = {one for one in refusals() if ".yaml" not in one and not one.startswith(SETTINGS)}
    for language in languages():
        refuse = refusal_in(language)
        said = [refuse(plain(one)) for one in ours]
        assert [one for one in said if API_WORDS.search(re.sub(r"https://\S+", "", one))] == []


SETTINGS = ("`user` and `password_file`", "a host needs `")
"""Beginnings of what is said of kambill.yaml when the service starts."""


def _patterns(told: object) -> set[str]:
    """Of a schema, wherever in it."""
    if isinstance(told, list):
        return {one for part in told for one in _patterns(part)}
    if not isinstance(told, dict):
        return set()
    pattern = {told["pattern"]} if isinstance(told.get("pattern"), str) else set()
    return pattern | {one for part in told.values() for one in _patterns(part)}


def test_every_pattern_of_a_form_has_words() -> None:
    """Amounts have their own, of the parser."""
    bodies = [body for screen in SCREENS if (body := BY_NAME[screen.endpoint].body) is not None]
    found = {one for body in bodies for one in _patterns(body.model_json_schema())}
    assert found - {str(AMOUNT_SCHEMA["pattern"])} <= FORMS.keys()


def _names(text: str) -> list[str]:
    return [part.partition("}")[0] for part in text.split("{")[1:]]


def test_libraries_are_those_that_were_fetched() -> None:
    """Byte by byte, by their hashes; and none more."""
    place = static.FOLDER / "vendor"
    sums = json.loads((place / "vendor.json").read_text())
    found = {
        path.name: "sha384-" + base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()
        for path in [*place.iterdir(), *Path(__file__).parent.iterdir()]
        if path.suffix in {".js", ".css"}
    }
    assert found == sums
