"""Two people edit the same at the same moment: whoever comes second is told, and nothing is lost silently."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable

import pytest

from tests.portal.conftest import Got, Walker

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
