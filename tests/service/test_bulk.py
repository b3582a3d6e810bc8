"""Many at once: all or none, or a report by row; as JSON and as CSV."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.api.cells import read_table
from tests.service.office import Got, Person
from tests.service.test_peers_api import Shop, shop

__all__ = ["shop"]


async def names(person: Person) -> list[str]:
    """Of the accounts that somebody sees."""
    listed = await person.do("account.list", query={"limit": 200})
    return [one["name"] for one in listed["items"]]


async def load(person: Person, noun: str, rows: Any, mode: str = "all_or_nothing") -> Got:
    """An import of rows, or of a CSV text."""
    given = {"csv": rows} if isinstance(rows, str) else {"rows": rows}
    return await person.ask(f"{noun}.import", mode=mode, **given)


async def test_all_of_them_are_made(shop: Shop) -> None:
    """Each as by its own request, with its own line in the audit."""
    parent = shop.ids["reseller"]
    rows = [{"parent_id": parent, "name": f"c{number}", "kind": "customer"} for number in range(3)]
    report = (await load(shop.reseller, "account", rows)).ok()
    assert (report["done"], report["failed"]) == (3, 0)
    assert [row["status"] for row in report["rows"]] == [201] * 3
    assert {row["answer"]["name"] for row in report["rows"]} == {"c0", "c1", "c2"}
    trail = await shop.reseller.do("audit.list", query={"action": "account.make"})
    assert {line["noun_id"] for line in trail["items"]} >= {row["id"] for row in report["rows"]}


async def test_one_wrong_row_and_nothing_is_done(shop: Shop) -> None:
    """Every fault of every row at once."""
    before = await names(shop.boss)
    parent = shop.ids["reseller"]
    rows = [
        {"parent_id": parent, "name": "good", "kind": "customer"},
        {"parent_id": parent, "name": "", "kind": "nothing"},
        {"parent_id": shop.ids["foreign"], "name": "x", "kind": "customer"},
        {"parent_id": parent, "name": "customer", "kind": "customer"},
    ]
    got = await load(shop.reseller, "account", rows)
    assert (got.status, got["detail"]) == (422, "3 of 4 rows")
    assert [error["pointer"] for error in got["errors"]] == [
        "/rows/1/name",
        "/rows/1/kind",
        "/rows/2/parent_id",
        "/rows/3",
    ]
    assert "has an account 'customer' already" in got["errors"][3]["detail"]
    assert await names(shop.boss) == before


async def test_each_row_stands_for_itself(shop: Shop) -> None:
    """The good ones are done, the others told."""
    parent = shop.ids["reseller"]
    rows = [
        {"parent_id": parent, "name": "good", "kind": "customer"},
        {"parent_id": parent, "name": "good", "kind": "customer"},
        {"id": shop.ids["foreign"], "name": "mine"},
        {"id": shop.ids["customer"], "channels": 7},
    ]
    report = (await load(shop.reseller, "account", rows, "by_row")).ok()
    assert (report["done"], report["failed"]) == (2, 2)
    assert [row["status"] for row in report["rows"]] == [201, 409, 404, 200]
    assert report["rows"][2]["problem"]["title"] == "There is nothing here"
    assert "good" in await names(shop.reseller)
    assert (await shop.boss.do("account.show", account_id=shop.ids["customer"]))["channels"] == 7


async def test_rows_need_the_right_too(shop: Shop) -> None:
    """Of the noun, and of what each row does."""
    assert (await load(shop.customer, "account", [])).status == 403
    rows = [{"parent_id": 1, "name": "p", "kind": "provider"}]
    limited = await shop.office.hire(shop.boss, 1, "s@op.example", [shop.office.roles["support"]])
    assert (await load(limited, "account", rows)).status == 403
    own = [{"id": shop.ids["reseller"], "name": "renamed"}]
    report = (await load(shop.reseller, "account", own, "by_row")).ok()
    assert (report["rows"][0]["status"], "nobody does it to their own" in str(report)) == (403, True)


async def test_csv_is_read_as_people_write_it(shop: Shop) -> None:
    """A BOM, quotes, several networks in a cell, nothing in another, `none` to take away; numbers and yes or no."""
    text = (
        "\ufeffid,account_id,name,networks,tech_prefix,channels\r\n"
        f',{shop.ids["customer"]},"trunk, one",192.0.2.1;192.0.2.2,77#,5\r\n'
        f",{shop.ids['second']},two,192.0.2.3,,\r\n\r\n"
    )
    report = (await load(shop.reseller, "trunk", text)).ok()
    one, two = (row["answer"] for row in report["rows"])
    assert (one["name"], one["networks"], one["channels"]) == ("trunk, one", ["192.0.2.1/32", "192.0.2.2/32"], 5)
    assert (two["tech_prefix"], two["channels"]) == ("", None)
    edits = f"id,channels,name\n{one['id']},none,\n{two['id']},9,deux\n"
    report = (await load(shop.reseller, "trunk", edits)).ok()
    assert [(row["answer"]["channels"], row["answer"]["name"]) for row in report["rows"]] == [
        (None, "trunk, one"),
        (9, "deux"),
    ]
    flags = f"parent_id,name,kind,commission\n{shop.ids['reseller']},agent,reseller,yes\n"
    assert (await load(shop.reseller, "account", flags)).ok()["rows"][0]["answer"]["commission"] is True


@pytest.mark.parametrize(
    ("text", "pointer", "said"),
    [
        ("", "/csv", "it is empty"),
        ("name,colour\na,b\n", "/csv/1/2", "unknown column 'colour'"),
        ("name,name\na,b\n", "/csv/1/2", "stands here twice"),
        ("name,note\na\n", "/csv/2", "1 cells, and there are 2 columns"),
        ('name\n"a\n', "/csv", "no CSV"),
        ("name\n" + "a\n" * 1001, "/csv", "at most 1000"),
    ],
)
async def test_a_broken_csv_is_told(shop: Shop, text: str, pointer: str, said: str) -> None:
    """Where, and what was expected."""
    got = await load(shop.boss, "trunk", text.replace("note", "country"))
    assert got.status == 422
    found = [error for error in got["errors"] if error["pointer"] == pointer]
    assert found, got
    assert said in found[0]["detail"]


async def test_what_is_no_import(shop: Shop) -> None:
    """Neither or both, an id that is none, too many rows, an unknown mode."""
    assert "one of them" in str((await shop.boss.ask("trunk.import", mode="by_row")).body)
    both = await shop.boss.ask("trunk.import", mode="by_row", csv="name\na\n", rows=[])
    assert "one of them" in str(both.body)
    bad = await load(shop.boss, "trunk", [{"id": "7"}])
    assert bad["errors"][0]["pointer"] == "/rows/0/id"
    many = await load(shop.boss, "trunk", [{}] * 1001)
    assert "at most 1000" in str(many.body)
    assert (await shop.boss.ask("trunk.import", mode="some", rows=[])).status == 422


async def test_secrets_are_shown_once(shop: Shop) -> None:
    """Passwords and links stand in the report, and under no key."""
    rows = [{"account_id": shop.ids["customer"]} for _ in range(2)]
    first = await shop.customer.ask("device.import", key="k", mode="by_row", rows=rows)
    second = await shop.customer.ask("device.import", key="k", mode="by_row", rows=rows)
    passwords = [row["answer"]["password"] for got in (first, second) for row in got["rows"]]
    assert len(set(passwords)) == 4
    assert first["rows"][0]["id"] == first["rows"][0]["answer"]["device"]["id"]
    owner = shop.office.roles["owner"]
    people = [{"account_id": shop.ids["customer"], "email": "x@c.example", "name": "X", "role_ids": [owner]}]
    invited = (await load(shop.reseller, "user", people)).ok()
    assert invited["rows"][0]["answer"]["link"]
    assert invited["rows"][0]["answer"]["link"] not in json.dumps(await shop.boss.do("audit.list"))


async def test_numbers_come_by_the_thousand(shop: Shop) -> None:
    """The most that one request takes."""
    rows = [{"number": f"4420{number:06}", "account_id": shop.ids["customer"]} for number in range(1000)]
    report = (await load(shop.boss, "number", rows)).ok()
    assert report["done"] == 1000


def test_a_table_knows_its_columns() -> None:
    """Blank lines between rows say nothing."""
    table, errors = read_table("id,name\n\n1, a \n,\n", {"id", "name"})
    assert errors == []
    assert table.rows == [{"id": "1", "name": "a"}]
