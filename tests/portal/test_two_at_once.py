"""Two people edit the same at the same moment: whoever comes second is told, and nothing is lost silently."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import aiohttp
import pytest

from tests.portal.conftest import SAME, Got, Walker
from tests.service.matrix.statement import PNG

BOSS, ADMIN = "boss@op.example", "admin@op.example"
OVERTAKEN = "It was changed meanwhile"


async def two(walkers: Callable[[], Walker]) -> tuple[Walker, Walker]:
    """Of the operator's people."""
    one, other = walkers(), walkers()
    await one.sign_in(BOSS)
    await other.sign_in(ADMIN)
    return one, other


def ticked(page: Got) -> dict[str, str]:
    """What is on in the form by itself."""
    boxes = re.findall(r"<input[^>]*checkbox[^>]*>", page.text)
    return {name[1]: "yes" for box in boxes if "checked" in box and (name := re.search('name="([a-z_]+)"', box))}


def choices(page: Got, name: str) -> list[str]:
    """What a field offers."""
    found = re.search(rf'<select[^>]*name="{name}".*?</select>', page.text, re.DOTALL)
    boxes = re.findall(rf'<input[^>]*name="{name}"[^>]*value="(\d+)"', page.text)
    return boxes or re.findall(r'<option value="(\d+)"', found[0] if found else "")


@pytest.fixture
async def risky(walker: Walker) -> AsyncIterator[None]:
    """There is a high-risk range."""
    await walker.sign_in(BOSS)
    found = re.search(
        r'href="(/ranges/\d+)/removal"', (await walker.post("/ranges/new", name="two", prefixes="8812")).text
    )
    assert found
    yield
    assert (await walker.post(f"{found[1]}/removal")).status == 200


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/accounts/5/roles/edit", "role_ids"),
        ("/accounts/2/billing/taxes", "tax_ids"),
        ("/accounts/5/ranges/edit", "opened"),
    ],
)
async def test_the_second_one_is_told(walkers: Callable[[], Walker], risky: None, path: str, name: str) -> None:
    """What was typed stays; sent again after a look it is taken."""
    one, other = await two(walkers)
    page = await one.get(path)
    offered, stands = choices(page, name), ticked(page)
    seen = (await one.get(path)).hidden("_version"), (await other.get(path)).hidden("_version")
    assert (await one.post(path, **stands, **{name: offered[0]}, _version=seen[0])).status == 200
    late = await other.post(path, **stands, _version=seen[1])
    assert (late.status, OVERTAKEN in late.words) == (412, True), late.words
    assert "somebody has changed it meanwhile" in late.words
    assert late.hidden("_version") != seen[1]
    assert (await other.post(path, **stands, _version=late.hidden("_version"))).status == 200
    assert (await one.get(path)).hidden("_version") == seen[0]


async def test_a_plan_that_two_write(walkers: Callable[[], Walker]) -> None:
    """The second text is kept on its page; another plan may be written meanwhile."""
    one, other = await two(walkers)
    text = "plans:\n  both:\n    routes: [{{prefix: '{}', gateways: []}}]\n"
    assert (await one.post("/plans/new", source=text.format(44), do="write")).status == 200
    found = re.search(r'href="(/plans/\d+)"[^>]*>both<', (await one.get("/plans")).text)
    assert found
    path = f"{found[1]}/edit"
    seen = (await one.get(path)).hidden("_version"), (await other.get(path)).hidden("_version")
    assert (await one.post(path, source=text.format(45), _version=seen[0], do="write")).status == 200
    late = await other.post(path, source=text.format(46), _version=seen[1], do="write")
    assert (late.status, OVERTAKEN in late.words, "&#39;46&#39;" in late.text) == (412, True, True), late.words
    assert "45" in (await other.get(path)).text
    renamed = text.format(46).replace("both", "another")
    assert (await other.post(path, source=renamed, _version=seen[1], do="write")).status == 200


async def test_a_new_plan_takes_nobodys_place(walkers: Callable[[], Walker]) -> None:
    """Two make plans of one name: the second one is told, whether at the same moment or a year later."""
    one, other = await two(walkers)
    text = "plans:\n  alone:\n    routes: [{{prefix: '{}', gateways: []}}]\n"
    seen = (await other.get("/plans/new")).hidden("_version")
    assert (await one.post("/plans/new", source=text.format(44), _version=seen, do="write")).status == 200
    late = await other.post("/plans/new", source=text.format(45), _version=seen, do="write")
    assert (late.status, "there is a plan" in late.words) == (422, True), late.words
    found = re.search(r'href="(/plans/\d+)"[^>]*>alone<', (await one.get("/plans")).text)
    assert found
    assert "44" in (await one.get(found[1])).text


@pytest.fixture
async def draft(walker: Walker) -> str:
    """A tariff's page that nobody has published."""
    await walker.sign_in(BOSS)
    text = "currency: EUR\nrates: [{prefix: '44', rate: 0.01}]\n"
    made = await walker.post("/tariffs/new", account_id="1", name=f"t{secrets.token_hex(4)}", source=text, do="write")
    return made.path


DRAFT = "currency: EUR\nrates: [{prefix: '44', rate: 0.02}]\n"
SPARED = {"exempt": "yes", "reason": "A friend"}
RULE = {"valid_until": "2039-01-01T00:00"}
PROOF = {"username": "us", "realm": "carrier.example", "password": "long enough", "register_s": "0", "contact": ""}
TRUNKED = {"name": "customer", "channels": "7"}


class Late(NamedTuple):
    """Two forms of one thing, of which the second one's sender has not seen what the first one did."""

    first: str
    sent: dict[str, str]
    second: str
    late: dict[str, str]
    undo: tuple[str, dict[str, str]] = ("", {})
    """Puts back what others look at."""


@pytest.mark.parametrize(
    "case",
    [
        Late("/accounts/5/exemption", SPARED, "/accounts/5/exemption", {"reason": "None"},
             ("/accounts/5/exemption", {"reason": "Over"})),
        Late("/commission-rules/1/edit", RULE, "/commission-rules/1/edit", {"valid_until": "2038-01-01T00:00"},
             ("/commission-rules/1/edit", {"valid_until": ""})),
        Late("/gateways/1/credentials", PROOF, "/gateways/1/credentials", PROOF | {"username": "you"},
             ("/gateways/1/credentials/removal", {})),
        Late("/gateways/1/credentials", PROOF, "/gateways/1/credentials/removal", {},
             ("/gateways/1/credentials/removal", {})),
        Late("/accounts/5/edit", TRUNKED, "/accounts/5/move", {"parent_id": "2"},
             ("/accounts/5/edit", TRUNKED | {"channels": ""})),
        Late("/accounts/2/brand/edit", {"company": "Upper"}, "/accounts/2/logo", {}),
        Late("{draft}/edit", {"source": DRAFT, "do": "write"}, "{draft}/publication", {}),
    ],
    ids=lambda case: f"{case.first} {case.second}",
)  # fmt: skip
async def test_who_comes_second_loses_nothing_of_the_first(
    walkers: Callable[[], Walker], draft: str, case: Late
) -> None:
    """412, with what was typed; what the first one has done stands."""
    one, other = await two(walkers)
    first, second = case.first.format(draft=draft), case.second.format(draft=draft)
    seen = (await one.get(first)).hidden("_version"), (await other.get(second)).hidden("_version")
    keys = {"_key": secrets.token_hex(8)}
    assert (await one.post(first, **case.sent, **keys, _version=seen[0])).status == 200
    late = await sent(other, second, {**case.late, "_key": secrets.token_hex(8), "_version": seen[1]})
    assert (late.status, OVERTAKEN in late.words) == (412, True), late.words
    assert late.hidden("_version") != seen[1]
    path, form = case.undo
    assert not path or (await one.post(path, **form, _key=secrets.token_hex(8))).status == 200


async def test_what_two_say_for_the_first_time(walkers: Callable[[], Walker]) -> None:
    """Nothing stood there when either looked."""
    one, other = await two(walkers)
    form = {"parent_id": "2", "kind": "customer", "name": f"c{secrets.token_hex(4)}", "billing": "prepaid"}
    made = await one.post("/accounts/new", **form, _key=secrets.token_hex(8))
    path = f"{made.path}/billing/party"
    seen = (await one.get(path)).hidden("_version"), (await other.get(path)).hidden("_version")
    party = {"legal_name": "First", "country": "DE"}
    said = await one.post(path, **party, _key=secrets.token_hex(8), _version=seen[0])
    assert (said.status, "First" in said.words) == (200, True), said.words
    late = await other.post(path, **party | {"legal_name": "Second"}, _key=secrets.token_hex(8), _version=seen[1])
    assert (late.status, OVERTAKEN in late.words, "First" in late.words) == (412, True, True), late.words


async def sent(walker: Walker, path: str, form: dict[str, str]) -> Got:
    """With a picture, where the form takes one."""
    data = aiohttp.FormData(form)
    if path.endswith("/logo"):
        data.add_field("file", base64.b64decode(PNG), filename="logo.png", content_type="image/png")
    async with walker.session.post(walker.address + path, data=data, headers=SAME) as answer:
        return Got(answer.status, dict(answer.headers), await answer.text(), answer.url.path_qs)


async def test_the_own_profile_in_two_windows(walkers: Callable[[], Walker]) -> None:
    """The second window doesn't put the name back that the first one has changed."""
    one, other = await two(walkers)
    await other.sign_in(BOSS)
    page, old = await one.get("/profile/edit"), await other.get("/profile/edit")
    name = re.findall(r'id="name"[^>]*value="([^"]*)"|value="([^"]*)"[^>]*id="name"', page.text)[0]
    form = {"language": "en", "timezone": "UTC", "theme": "auto"}
    mine = {"name": name[0] or name[1], **form}
    assert (await one.post("/profile/edit", **form, name="Other", _version=page.hidden("_version"))).status == 200
    late = await other.post("/profile/edit", **mine, _version=old.hidden("_version"))
    assert (late.status, OVERTAKEN in late.words) == (412, True), late.words
    assert "Other" in (await one.get("/profile")).words
    assert (await other.post("/profile/edit", **mine, _version=late.hidden("_version"))).status == 200


async def test_a_role_that_two_edit(walkers: Callable[[], Walker]) -> None:
    """Who comes second can go on: the form sent again is of what stands now."""
    one, other = await two(walkers)
    form = {"name": "Desk", "note": "x", "permissions": "trunks.read"}
    made = await one.post("/roles/new", **form, _key=secrets.token_hex(8))
    found = re.search(r'href="(/roles/\d+)"[^>]*>Desk<', made.text)
    assert found
    path = f"{found[1]}/edit"
    seen = (await one.get(path)).hidden("_version"), (await other.get(path)).hidden("_version")
    again = {"_key": secrets.token_hex(8)}
    assert (await one.post(path, **form | {"note": "y"}, **again, _version=seen[0])).status == 200
    late = await other.post(path, **form | {"note": "z"}, _key=secrets.token_hex(8), _version=seen[1])
    assert late.status == 412
    key = secrets.token_hex(8)
    assert (await other.post(path, **form, _key=key, _version=late.hidden("_version"))).status == 200
    assert (await one.post(f"{found[1]}/removal", _key=secrets.token_hex(8))).status == 200


async def test_a_dispute_that_two_move(walkers: Callable[[], Walker]) -> None:
    """Who read it before the other one moved it is told so, and what it says by now isn't taken for an answer."""
    one, other = await two(walkers)
    new = {"account_id": "3", "subject": "Two at once", "direction": "out", "amount": "0.5", "due_days": "7"}
    path = (await sent(one, "/disputes/new", new)).path
    forms = [await walker.get(f"{path}/state") for walker in (one, other)]
    versions = [form.hidden("_version") for form in forms]
    assert versions[0] == versions[1]
    moved = await one.post(f"{path}/state", state="sent", text="Is it so?", _version=versions[0])
    assert "The dispute has moved." in moved.words
    late = await other.post(f"{path}/state", state="sent", text="Is it?", _version=versions[1])
    assert OVERTAKEN in late.words
    assert "Is it?" in late.text
    assert "Meanwhile it became" not in late.words
    again = await other.post(f"{path}/state", state="answered", text="It is.", _version=late.hidden("_version"))
    assert "The dispute has moved." in again.words


async def test_a_form_that_was_opened_as_somebody_else_does_nothing(walker: Walker) -> None:
    """Somebody else has signed in by another tab; or one is logged in as them, or not any more."""
    await walker.sign_in(BOSS)
    found = re.search(r'href="/users/(\d+)"[^>]*>owner@upper\.example<', (await walker.get("/users?email=upper")).text)
    assert found
    form = {"username": "zz-tab", "account_id": "5"}
    mine = (await walker.get("/devices/new")).hidden("_whose")
    assert (await walker.post(f"/users/{found[1]}/log-in-as")).status == 200
    late = await walker.post("/devices/new", **form, _whose=mine)
    assert (late.status, "opened as somebody else" in late.words) == (409, True)
    theirs = (await walker.get("/devices/new")).hidden("_whose")
    await walker.post("/log-in-as/end")
    assert (await walker.post("/devices/new", **form, _whose=theirs)).status == 409
    assert "signed out" not in (await walker.post("/log-in-as/end")).words  # by a tab that still says who one was
    assert BOSS in (await walker.get("/profile")).words
    await walker.post("/sign-out")
    await walker.sign_in("owner@upper.example")
    assert (await walker.post("/devices/new", **form, _whose=mine)).status == 409
    assert "zz-tab" not in (await walker.get("/devices")).words
    await walker.post("/sign-out")
    await walker.sign_in(BOSS)
    assert (await walker.post("/devices/new", **form, _whose=mine)).status == 200
