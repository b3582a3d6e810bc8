"""Destination groups through the API: looked at by everybody, written into the operator's folder and into force."""

from __future__ import annotations

from ratebook.groups import Group
from service.database.engine import reading
from service.tariffs.switching import load_groups
from tests.service.test_money import House, house

__all__ = ["house"]

SOURCE = "groups:\n  mobile: {prefixes: [49151-49152], except: [49151999]}\n  world: {prefixes: ['']}\n"


async def write(house: House, source: str, match: str = "") -> int:
    """Its status."""
    return (await house.office.boss.ask("destination-group.write", source=source, match=match)).status


async def test_groups_are_written_and_hold(house: House) -> None:
    """In the file and for calls at once; who names one stands beside it; what is published says who did it."""
    boss, file = house.office.boss, house.config.ratebook / "groups.yaml"
    assert await write(house, SOURCE) == 200
    assert file.read_text() == SOURCE
    async with reading(house.company.engine) as conn:
        assert await load_groups(conn) == [
            Group("mobile", ("49151", "49152"), ("49151999",)),
            Group("world", ("",)),
        ]
    (mobile, _) = (await boss.do("destination-group.list"))["items"]
    assert (mobile["prefixes"], mobile["excepted"], mobile["published_by"]) == (2, 1, "boss@op.example")
    limit = {"name": "Mobile", "measure": "calls", "count": 5, "group": "mobile"}
    await boss.do("limit.make", account_id=house.ids["customer"], **limit)
    shown = await boss.do("destination-group.show", destination_group_id=mobile["id"])
    assert (shown["numbers"], [one["noun"] for one in shown["uses"]]) == (["49151", "49152"], ["limit"])
    gone = await boss.do("destination-group.check", source="groups: {world: {prefixes: ['']}}\n")
    assert gone == {"changed": ["mobile"], "lacking": ["mobile"]}
    published = await house.company.publish()
    assert published.done.groups == []


async def test_groups_that_are_wrong_change_nothing(house: House) -> None:
    """Each fault with its place; of a text that was another one meanwhile too; nobody below the operator."""
    boss, file = house.office.boss, house.config.ratebook / "groups.yaml"
    wrong = await boss.ask("destination-group.write", source="groups: {a: {prefixes: [x]}, b: {prefixes: [44]}}\n")
    assert (wrong.status, wrong["errors"][0]["pointer"]) == (422, "/source")
    assert "groups.yaml:1:" in wrong["errors"][0]["detail"]
    assert not file.exists()
    old = await boss.ask("destination-group.source")
    file.write_text(SOURCE)
    assert await write(house, "groups: {}\n", match=f'"{old["version"]}"') == 412
    assert file.read_text() == SOURCE
    (house.config.ratebook / ".git").mkdir()
    assert "git" in (await boss.do("destination-group.source"))["refusal"]
    assert await write(house, "groups: {}\n") == 409
    assert file.read_text() == SOURCE
    reseller = await house.office.hire(boss, house.ids["upper"], "u@upper.example")
    for verb in ("source", "check", "write"):
        body = {} if verb == "source" else {"source": SOURCE}
        assert (await reseller.ask(f"destination-group.{verb}", **body)).status == 403
    assert (await reseller.do("destination-group.list"))["items"] == []
