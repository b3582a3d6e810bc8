"""The operator's and sellers' daily work, page by page: prices, routing, fraud (P1, A9)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from service.api.problems import FieldError
from service.portal.components.writing import faults_of
from service.portal.formats import NEVER
from tests.portal.conftest import SAME, Got, Walker

Walkers = Callable[[], Walker]
GOOD = "currency: EUR\nrates:\n  - {prefix: '44', destination: Great Britain, rate: 0.5}\n"
LATER = "currency: EUR\nrates:\n  - {prefix: '44', destination: Great Britain, rate: 0.6}\n"
WRONG = "currency: EUR\nrates:\n  - {prefix: '44', rate: cheap}\n"


async def _made(walker: Walker, name: str) -> str:
    """The page of a new tariff of the Super Admin's."""
    got = await walker.post("/tariffs/new", account_id="1", name=name, source=GOOD, do="write")
    assert got.status == 200, got.words
    return got.path


def test_a_fault_stands_with_its_lines() -> None:
    """By the place that it names; of a sheet those of the sheet, and what has no place stands alone."""
    source, files = "a\nb\nc\nd\n", {"x.csv": "1\n2\n"}
    errors = [
        FieldError("body", "/source", "source:2:5: wrong: right"),
        FieldError("body", "/decks/x.csv", "decks/x.csv:2:1: no price"),
        FieldError("body", "/source", "all of it"),
        FieldError("body", "/source", "source:9:1: beyond"),
        FieldError("body", "/name", "no name"),
    ]
    found = faults_of(errors, source, files)
    assert [(one.line, one.file, one.said) for one in found] == [
        (2, "", "wrong: right"),
        (2, "x.csv", "no price"),
        (0, "", "all of it"),
        (0, "", "source:9:1: beyond"),
    ]
    assert found[0].around == ((1, "a"), (2, "b"), (3, "c"))
    assert found[1].around == ((1, "1"), (2, "2"))


async def test_a_tariff_is_written_published_and_put_back(walker: Walker) -> None:
    """Checked first; then edited, published twice, and the first version put back from the history."""
    await walker.sign_in("boss@op.example")
    checked = await walker.post("/tariffs/new", account_id="1", name="work", source=GOOD, do="check")
    assert checked.status == 200
    assert 'role="status"' in checked.text
    place = await _made(walker, "work")
    await walker.post(f"{place}/publication", note="first")
    edit = await walker.get(f"{place}/edit")
    await walker.post(f"{place}/edit", source=LATER, _version=edit.hidden("_version"), do="write")
    page = await walker.post(f"{place}/publication", note="dearer")
    assert "dearer" in page.words
    history = await walker.get(f"{place}/versions")
    first = re.findall(r"reversion\?version=([0-9a-f]{16})", history.text)[-1]
    back = await walker.post(f"{place}/reversion", version=first, note="too dear")
    assert "The version of before is in force again." in back.words
    assert first in back.words
    sheet = await walker.get(f"{place}/sheet.csv")
    assert "Great Britain,44,0.5" in sheet.text


async def test_a_faulty_tariff_says_where(walker: Walker) -> None:
    """Beside its line, whether it is checked or saved; nothing is kept, and what was typed stays."""
    await walker.sign_in("boss@op.example")
    for do in ("check", "write"):
        page = await walker.post("/tariffs/new", account_id="1", name="faulty", source=WRONG, do=do)
        assert page.status == 422
        assert 'data-line="3"' in page.text
        assert "rate: cheap" in page.text
    assert "faulty" not in (await walker.get("/tariffs")).words
    nobody = await walker.post("/tariffs/new", account_id="", name="faulty", source=GOOD, do="write")
    assert 'id="account_id-errors"' in nobody.text


async def test_two_versions_are_compared(walker: Walker) -> None:
    """Chosen on the page, from the history; what it never had is told beside its field."""
    await walker.sign_in("boss@op.example")
    place = await _made(walker, "versions")
    await walker.post(f"{place}/publication")
    version = (await walker.get(f"{place}/edit")).hidden("_version")
    await walker.post(f"{place}/edit", source=LATER, _version=version, do="write")
    await walker.post(f"{place}/publication")
    history = await walker.get(f"{place}/versions")
    links = re.findall(rf'href="({place}/comparison\?before=\w+)"', history.text)
    assert len(links) == 2
    page = await walker.get(links[1])
    assert "A minute before A minute after Increments Fee" in page.words
    assert "0.50 0.60 1" in page.words, page.words
    assert "Both say the same." in (await walker.get(links[0])).words
    assert 'id="before-errors"' in (await walker.get(f"{place}/comparison?before={'0' * 16}")).text
    same = await walker.get(f"{place}/comparison?other_id={place.rpartition('/')[2]}")
    assert "Both say the same." in same.words
    assert "Both say the same." not in (await walker.get(f"{place}/comparison")).words


async def test_groups_are_written_on_their_page(walker: Walker, walkers: Walkers) -> None:
    """Checked first, each fault with its line; a text that somebody else changed meanwhile is told."""
    await walker.sign_in("boss@op.example")
    page = await walker.get("/destination-groups/source")
    version = page.hidden("_version")
    wrong = await walker.post("/destination-groups/source", source="groups:\n  a: {prefixes: x}\n", do="write")
    assert wrong.status == 422
    assert 'data-line="2"' in wrong.text
    good = {"source": "groups:\n  isles: {prefixes: [441534, 441481]}\n", "_version": version}
    looked = await walker.post("/destination-groups/source", **good, do="check")
    assert "Publishing it changes: isles" in looked.words
    listed = await walker.post("/destination-groups/source", **good, do="write")
    link = re.search(r'href="(/destination-groups/\d+)">isles<', listed.text)
    assert link is not None, listed.words
    assert "441481, 441534" in (await walker.get(link.group(1))).words
    late = await walker.post("/destination-groups/source", **good, do="write")
    assert late.status == 412
    reseller = walkers()
    await reseller.sign_in("owner@upper.example")
    assert "isles" in (await reseller.get("/destination-groups")).words
    assert "/destination-groups/source" not in (await reseller.get("/destination-groups")).text
    assert (await reseller.get("/destination-groups/source")).status == 403


async def test_two_who_edit_a_draft_do_not_overwrite_each_other(walker: Walker) -> None:
    """The later one is told."""
    await walker.sign_in("boss@op.example")
    place = await _made(walker, "twice")
    version = (await walker.get(f"{place}/edit")).hidden("_version")
    await walker.post(f"{place}/edit", source=LATER, _version=version, do="write")
    late = await walker.post(f"{place}/edit", source=GOOD, _version=version, do="write")
    assert late.status == 412
    assert "rate: 0.5" in late.text


async def test_a_tariff_waits_for_its_moment_and_is_called_off(walker: Walker) -> None:
    """It stands among the publications until then."""
    await walker.sign_in("boss@op.example")
    place = await _made(walker, "later")
    page = await walker.post(f"{place}/publication", note="new year", at="2099-01-01T00:00")
    assert "1 Jan 2099" in page.words
    waiting = await walker.get("/publications?state=waiting")
    link = re.search(r'href="(/publications/\d+/cancellation)"', waiting.text)
    assert link is not None
    off = await walker.post(link.group(1))
    assert "cancelled" in off.words
    over = await walker.post(f"{place}/publication", at="2020-01-01T00:00")
    assert 'id="at-errors"' in over.text


async def test_a_tariff_that_is_somebody_elses_is_not_shown(walker: Walker, walkers: Walkers) -> None:
    """Neither its draft nor its history; a customer's own has no draft for its eyes."""
    await walker.sign_in("boss@op.example")
    place = await _made(walker, "secret")
    reseller = walkers()
    await reseller.sign_in("owner@lower.example")
    for path in (place, f"{place}/edit", f"{place}/versions", f"{place}/sheet.csv"):
        assert (await reseller.get(path)).status == 404
    reader = walkers()
    await reader.sign_in("reader@op.example")
    assert (await reader.get(f"{place}/edit")).status == 403
    assert f"{place}/publication" not in (await reader.get(place)).text


async def test_a_call_is_priced_and_a_number_looked_up(walker: Walker) -> None:
    """By the draft too, step by step; what is wrong with the question stands beside its field."""
    await walker.sign_in("boss@op.example")
    place = await _made(walker, "priced")
    none = await walker.get(f"{place}/pricing?ask=yes&number=4412&duration_s=60")
    assert none.status == 404  # nothing is in force yet
    draft = await walker.get(f"{place}/pricing?ask=yes&number=4412&duration_s=90&draft=yes")
    assert "0.75 EUR" in draft.words
    wrong = await walker.get(f"{place}/pricing?ask=yes&number=forty&duration_s=90&draft=yes")
    assert 'id="number-errors"' in wrong.text
    refused = await walker.get(f"{place}/pricing?ask=yes&number=1212&duration_s=60&draft=yes")
    assert "no rate" in refused.words
    await walker.post(f"{place}/publication")
    found = await walker.get("/lookup?ask=yes&number=4412")
    assert f'href="{place}"' in found.text
    assert "errors" not in (await walker.get("/lookup")).text


async def test_rates_are_browsed(walker: Walker) -> None:
    """By number, or by a part of the name; what isn't there is said."""
    await walker.sign_in("boss@op.example")
    place = await _made(walker, "browsed")
    await walker.post(f"{place}/publication")
    for text, hope in (("", True), ("4420", True), ("brit", True), ("4", True), ("33", False), ("fra", False)):
        page = await walker.get(f"{place}/rates?look_for={text}")
        assert ("Great Britain" in page.words) is hope, text


async def test_a_draft_is_held_against_what_is_in_force(walker: Walker) -> None:
    """What it changes, where it loses, and what calls of before would have come to."""
    await walker.sign_in("boss@op.example")
    place = await _made(walker, "compared")
    await walker.post(f"{place}/publication")
    version = (await walker.get(f"{place}/edit")).hidden("_version")
    await walker.post(f"{place}/edit", source=LATER, _version=version, do="write")
    changes = await walker.get(f"{place}/changes")
    heads = re.findall(r"<th[^>]*>(.*?)</th>", changes.text, re.DOTALL)
    (row,) = re.findall(r"<tr[^>]*>(.*?)</tr>", changes.text.rsplit("<tbody", maxsplit=1)[-1], re.DOTALL)
    cells = [re.sub(r"<[^>]+>|\s+", "", one) for one in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
    told = dict(zip([re.sub(r"<[^>]+>", "", one).strip() for one in heads], cells, strict=True))
    assert (told["A minute before"], told["A minute after"]) == ("0.50", "0.60")
    assert (told["Increments"], told["Fee"]) == ("1", NEVER)
    assert "no cost" in (await walker.get(f"{place}/losses")).words
    days = "begin=2026-11-01T00:00&end=2026-11-02T00:00"
    assert "No call of these days" in (await walker.get(f"{place}/simulation?ask=yes&{days}")).words
    long = await walker.get(f"{place}/simulation?ask=yes&begin=2026-01-01T00:00&end=2026-11-02T00:00")
    assert 'id="end-errors"' in long.text


TERMS = """currency: EUR
minimum: 0.05
grace: 5
bands:
  night: {hours: "00:00-06:00"}
rates:
  - {prefix: '44', destination: Great Britain, rate: 0.5}
  - {prefix: '44', band: night, rate: 0.25}
"""


async def test_a_change_of_terms_alone_is_told(walker: Walker) -> None:
    """Price, increments and fee say the same before and after: what else differs stands there, in words."""
    await walker.sign_in("boss@op.example")
    place = await _made(walker, "same-price")
    await walker.post(f"{place}/publication")
    version = (await walker.get(f"{place}/edit")).hidden("_version")
    await walker.post(f"{place}/edit", source=TERMS, _version=version, do="write")
    changes = await walker.get(f"{place}/changes")
    told = f"least charge {NEVER} → 0.05; seconds of grace {NEVER} → 5; night: time bands {NEVER} → 0.25"
    assert told in changes.words
    await walker.post(f"{place}/publication")
    assert "night" not in (await walker.get(f"{place}/changes")).words


async def _sheet(walker: Walker, place: str, **form: str) -> Got:
    """Sends a carrier's sheet, or the fields of one that was sent before."""
    data = aiohttp.FormData()
    text = form.pop("text", "")
    if text:
        data.add_field("file", text.encode(), filename="rates.csv", content_type="text/csv")
    for name, value in form.items():
        data.add_field(name.replace("__", "-"), value, content_type="text/plain")
    async with walker.session.post(f"{walker.address}{place}/import", data=data, headers=SAME) as answer:
        return Got(answer.status, dict(answer.headers), await answer.text(), answer.url.path_qs)


async def test_a_sheets_prices_are_told_in_german(german: Any) -> None:
    """With a comma, as the rates of a tariff; the day as it is written there."""
    walker = await german("boss@op.example")
    place = await _made(walker, "german-sheet")
    day = datetime.now(UTC).date() + timedelta(days=30)
    text = f"Code,Destination,Rate,Effective\n44,Great Britain,0.011,{day}\n"
    looked = await _sheet(walker, place, text=text, deck="carrier.csv", kind="full", currency="EUR")
    assert f"0,011 {day:%d.%m.%Y}" in looked.words, looked.words


async def test_a_sheet_is_looked_at_and_imported(walker: Walker) -> None:
    """With a column that is named by hand; a look changes nothing; an import can be undone."""
    await walker.sign_in("boss@op.example")
    place = await _made(walker, "sheeted")
    text = "Dial Code,Country Name,Peak,Other\n44,Great Britain,0.011,0.9\n33,France,0.02,0.8\n"
    looked = await _sheet(walker, place, text=text, deck="carrier.csv", kind="full")
    assert looked.status == 200
    assert "Great Britain" in looked.words, looked.words
    kept = looked.hidden("kept")
    assert "carrier.csv" not in (await walker.get(place)).words
    again = {"column__code": "Dial Code", "column__destination": "Country Name", "column__rate": "Other"}
    other = await _sheet(walker, place, kept=kept, deck="carrier.csv", kind="full", currency="EUR", **again)
    assert "0.9" in other.words
    done = await _sheet(walker, place, kept=kept, deck="carrier.csv", kind="full", currency="EUR", do="import", **again)
    assert done.path == f"{place}/edit?deck=carrier.csv", done.words
    assert "decks: [carrier.csv]" in done.text
    assert "carrier.csv" in (await walker.get(place)).words
    undone = await walker.post(f"{place}/import/undo", deck="carrier.csv")
    assert "carrier.csv" not in undone.words
    for wrong, hope in (({"deck": "carrier.csv"}, "choose a file"), ({"deck": "?", "kept": kept}, "deck-errors")):
        page = await _sheet(walker, place, **wrong)
        assert page.status == 422
        assert hope in page.text
    nothing = await _sheet(walker, place, text="Hello\nworld\n", deck="carrier.csv")
    assert nothing.status == 422


async def test_a_number_is_limited_on_its_page(walker: Walker) -> None:
    """Calls at once and calls a second; wrong ones stand beside their field, and empty is any."""
    await walker.sign_in("boss@op.example")
    wrong = await walker.post("/numbers/new", number="442079469001", account_id="5", cps="0")
    assert (wrong.status, 'id="cps-errors"' in wrong.text) == (422, True)
    made = await walker.post("/numbers/new", number="442079469001", account_id="5", channels="2", cps="17")
    assert (made.status, "New calls a second 17" in made.words) == (200, True)
    edit = await walker.get(f"{made.path}/edit")
    assert 'name="cps"' in edit.text
    changed = await walker.post(f"{made.path}/edit", cps="", _version=edit.hidden("_version"))
    assert "The number is changed." in changed.words
    assert "New calls a second 17" not in changed.words


async def test_a_call_is_tried_out(walker: Walker, walkers: Walkers) -> None:
    """Each decision; a customer sees its own level and no gateway."""
    await walker.sign_in("boss@op.example")
    page = await walker.get("/calls/trial?ask=yes&trunk_id=1&to=4420")
    assert "admitted" in page.words, page.words
    assert "carrier/gw1" in page.words
    nothing = await walker.get("/calls/trial?ask=yes&trunk_id=1")
    assert 'id="to-errors"' in nothing.text
    customer = walkers()
    await customer.sign_in("owner@customer.example")
    mine = await customer.get("/calls/trial?ask=yes&trunk_id=1&to=4420")
    assert "admitted" in mine.words
    assert "gw1" not in mine.words


async def test_plans_are_written_and_checked(walker: Walker, walkers: Walkers) -> None:
    """A gateway that isn't there is told with its line; sellers below see no plans' routes."""
    await walker.sign_in("boss@op.example")
    good = "plans:\n  fresh:\n    routes:\n      - {prefix: '', gateways: [carrier/gw1]}\n"
    wrong = good.replace("gw1", "gw9")
    page = await walker.post("/plans/new", source=wrong, do="check")
    assert page.status == 422
    assert 'data-line="4"' in page.text
    assert (await walker.post("/plans/new", source=good, do="check")).status == 200
    saved = await walker.post("/plans/new", source=good, do="write")
    link = re.search(r'href="(/plans/\d+)">fresh<', saved.text)
    assert link is not None
    assert "carrier/gw1" in (await walker.get(link.group(1))).words
    reseller = walkers()
    await reseller.sign_in("owner@upper.example")
    assert "carrier" not in (await reseller.get(link.group(1))).words
    assert (await reseller.get(f"{link.group(1)}/edit")).status == 403


@pytest.mark.parametrize(
    ("path", "fields", "hope", "edit"),
    [
        ("/limits", {"account_id": "5", "name": "Calls a day", "measure": "calls", "count": "100", "period": "day",
                     "action": "warn"}, "Calls a day", {"count": "200"}),
        ("/patterns", {"account_id": "5", "name": "Short ones", "kind": "short_calls", "action": "warn",
                       "minutes": "60", "calls_min": "50", "seconds": "6", "percent": "50"},
         "Short ones", {"percent": "70"}),
        ("/ranges", {"name": "Satellites", "prefixes": "88213\n88216"}, "88213, 88216", {"name": "Far away"}),
        ("/number-lists", {"account_id": "5", "digits": "4487", "subject": "called", "kind": "block"}, "4487", None),
        ("/specials", {"account_id": "5", "number": "999", "kind": "emergency", "plan_id": "1"}, "999",
         {"note": "ours"}),
    ],
)  # fmt: skip
async def test_rules_are_made_edited_and_removed(
    walker: Walker, path: str, fields: dict[str, str], hope: str, edit: dict[str, str] | None
) -> None:
    """Each stands in its list, with what can be done with it; a fault stands beside its field."""
    await walker.sign_in("boss@op.example")
    page = await walker.post(f"{path}/new", **fields)
    assert page.path == path, page.words
    assert hope in page.words
    number = re.search(rf'href="{path}/(\d+)/removal"', page.text)
    assert number is not None
    if edit is not None:
        changed = await walker.post(f"{path}/{number.group(1)}/edit", **(fields | edit))
        assert changed.path == path, changed.words
    gone = await walker.post(f"{path}/{number.group(1)}/removal")
    assert hope not in gone.words
    empty = await walker.post(f"{path}/new")
    assert empty.status == 422
    assert "-errors" in empty.text


async def test_who_may_only_read_has_no_such_columns(walker: Walker) -> None:
    """Lists without what can be done with their rows."""
    await walker.sign_in("reader@op.example")
    for path in ("/limits", "/patterns", "/ranges", "/number-lists", "/specials", "/portings"):
        page = await walker.get(path)
        assert page.status == 200
        assert ">Remove<" not in page.text
        assert f"{path}/new" not in page.text


async def test_a_seller_opens_a_range_for_an_account(walker: Walker, walkers: Walkers) -> None:
    """Of those that the operator lists; its customer sees it, and opens none by itself."""
    await walker.sign_in("boss@op.example")
    page = await walker.post("/ranges/new", name="Premium", prefixes="88299")
    number = re.search(r'href="/ranges/(\d+)/removal"', page.text)
    assert number is not None
    reseller = walkers()
    await reseller.sign_in("owner@lower.example")
    opened = await reseller.post("/accounts/5/ranges/edit", opened=number.group(1))
    assert "Premium" in opened.words, opened.words
    customer = walkers()
    await customer.sign_in("owner@customer.example")
    assert (await customer.post("/accounts/5/ranges/edit", opened=number.group(1))).status == 403
    await walker.post(f"/ranges/{number.group(1)}/removal")


async def test_a_mail_template_is_written_looked_at_and_removed(walker: Walker) -> None:
    """Of a seller, in two languages; a placeholder that isn't known stands beside its field."""
    await walker.sign_in("owner@upper.example")
    here = "/accounts/2/mail-templates"
    assert f'href="{here}/invoice/de"' in (await walker.get(here)).text
    filled = await walker.post(f"{here}/invoice/en/preview", subject="No. {{ number }}", text="{{ company }}")
    assert "No. 2026-00042" in filled.words
    wrong = await walker.post(f"{here}/invoice/en/edit", subject="{{ nummer }}", text="x")
    assert wrong.status == 422
    assert 'id="subject-errors"' in wrong.text
    assert "Sie finden sie hier" in (await walker.get(f"{here}/invoice/de")).words
    made = await walker.post(f"{here}/invoice/de/edit", subject="Rechnung {{ number }}", text="Anbei <b>.")
    assert made.path == f"{here}/invoice/de"
    assert "Anbei &lt;b&gt;." in made.text
    gone = await walker.post(f"{here}/invoice/de/removal")
    assert gone.path == here
    assert "Anbei" not in (await walker.get(f"{here}/invoice/de")).text
    assert (await walker.get(f"{here}/nonsense/en")).status == 404


async def test_calls_are_rated_again_after_a_look(walker: Walker) -> None:
    """By another tariff's rates; the corrections stand in a list. A period that ends before it begins is refused."""
    await walker.sign_in("boss@op.example")
    place = await _made(walker, "right")
    text = GOOD.replace("0.5}", "0.07}")
    version = (await walker.get(f"{place}/edit")).hidden("_version")
    await walker.post(f"{place}/edit", source=text, _version=version, do="write")
    await walker.post(f"{place}/publication")
    tariff = re.search(r'href="/tariffs/(\d+)">retail<', (await walker.get("/tariffs")).text)
    assert tariff is not None
    days = {"since": "2020-01-01T00:00", "until": "2099-01-01T00:00", "tariff_id": tariff.group(1)}
    asked = urlencode({"ask": "yes", **days, "by_tariff_id": place.rpartition("/")[2]})
    look = await walker.get(f"/reratings/preview?{asked}")
    assert "calls change" in look.words, look.words
    assert "/reratings/new?" in look.text
    wrong = await walker.get("/reratings/preview?ask=yes&since=2026-01-02T00:00&until=2026-01-01T00:00")
    assert wrong.status == 422
    await walker.sign_in("reader@op.example")
    assert (await walker.get("/reratings/new")).status == 403


async def test_a_tariff_says_who_sells_by_it(walker: Walker) -> None:
    """Whoever stands above isn't named, in the words of the roles; nobody stands above the operator."""
    await walker.sign_in("owner@lower.example")
    page = await walker.get("/tariffs")
    assert "above you" in page.words
    number = re.search(r'href="/tariffs/(\d+)">(?:(?!</tr>).)*above you', page.text, re.DOTALL)
    assert number
    assert "above you" in (await walker.get(f"/tariffs/{number[1]}")).words
    await walker.sign_in("boss@op.example")
    assert "above you" not in (await walker.get("/tariffs")).words


async def test_the_doctors_nights_are_shown(walker: Walker) -> None:
    """Each with its checks; the faults that stand; to nobody below the operator."""
    await walker.sign_in("boss@op.example")
    nights = await walker.get("/doctor")
    assert "26 Nov 2026" in nights.words
    assert "at fault" in nights.words
    night = (await walker.get("/doctor/1")).words
    assert "conservation at fault entry 7: 1 micro-units of EUR where 0 were expected; balance of account 3" in night
    assert "and 2 more: restore the ledger" in night
    assert "audit in order 9 lines" in night
    assert "has no terms: its page Billing has it billed" in night
    assert "audit in order 8 lines" in (await walker.get("/doctor/2")).words
    faults = (await walker.get("/doctor/faults?state=standing")).words
    assert "entry 7" in faults
    assert "entry 7" not in (await walker.get("/doctor/faults?state=mended")).words


async def test_the_doctors_nights_are_the_operators(walker: Walker) -> None:
    await walker.sign_in("owner@upper.example")
    assert "26 Nov 2026" not in (await walker.get("/doctor")).words
    assert (await walker.get("/doctor/1")).status == 404
