"""What a delivery may say and to whom, and that each call is in one file however many come in meanwhile."""

from __future__ import annotations

import asyncio
import os
import re
from typing import Any

import pytest

from service.calls.collector import Collector
from service.database.engine import open_engine
from service.delivery.carrier import Carrier
from service.delivery.cutter import Cutter
from service.delivery.periods import LOOK_MS
from tests.service.test_delivery import Post, post
from tests.service.test_money import house
from tests.service.wanted import ON_SQLITE

__all__ = ["house", "post"]
CALLS = int(os.environ.get("KAMBILL_DELIVERED_CALLS", "210"))
EACH = 7
"""Of a file."""
PORTION = 30
"""Of calls that are collected at once."""


async def test_every_so_many_calls_while_hundreds_come_in(post: Post, database: str) -> None:
    """Two services cut and bring all the while: each call once, in order, and no file with another count."""
    await post.wanted(period="calls", every_calls=EACH, columns=["call"])
    await post.wanted(name="hourly", target="hourly", period="hourly", columns=["call"])
    await post.wanted("carrier", period="calls", every_calls=EACH, columns=["call"])
    over = asyncio.Event()

    async def serve() -> None:
        engine = open_engine(database)
        cutter, carrier = Cutter(engine), Carrier(engine, post.config, lambda: post.now_ms)
        while not over.is_set():
            post.now_ms += LOOK_MS
            await cutter.cut_due(post.now_ms)
            await carrier.bring_due()
            await asyncio.sleep(0)
        await carrier.settle()
        await carrier.close()
        await engine.dispose()

    services = [asyncio.create_task(serve()) for _ in range(2)]
    for _ in range(CALLS // PORTION):
        await post.calls(*[1] * PORTION)
    over.set()
    await asyncio.gather(*services)
    await post.later()
    everything = await post.everything()
    assert len(everything) == CALLS // PORTION * PORTION
    for folder in ("customer", "carrier"):
        files = [[row["call"] for row in rows] for _, rows in post.files(folder)]
        assert {len(rows) for rows in files} == {EACH}
        assert [call for rows in files for call in rows] == everything[: len(everything) // EACH * EACH]
    assert [row["call"] for _, rows in post.files("hourly") for row in rows] == everything


async def test_what_is_collected_again_is_in_no_second_file(post: Post) -> None:
    """A collector that begins anew reads the journal from where it knows: what stands already is not written twice."""
    await post.wanted(period="calls", every_calls=2, columns=["call"])
    await post.calls(1, 2, 3)
    await post.later(LOOK_MS)
    await Collector(post.house.company.engine, post.house.company.config).collect_all(post.now_ms)
    await post.calls(4)
    await post.later(LOOK_MS)
    rows = [row["call"] for _, rows in post.files() for row in rows]
    assert rows == await post.everything()


FORMS: dict[str, tuple[dict[str, Any], str]] = {
    "a control character in a column": ({"columns": ["ca\x07ll"]}, "/columns/0"),
    "no column at all": ({"columns": []}, "/columns"),
    "too many columns": ({"columns": ["call"] * 51}, "/columns"),
    "a line feed in a folder": ({"target": "a\nb"}, "/target"),
    "a zero in a folder": ({"target": "a\x00b"}, "/target"),
    "a line of a mail's head": ({"way": "mail", "target": "a@b.example\r\nBcc: c@d.example"}, "/target"),
    "a line of HTTP's head": ({"way": "webhook", "target": "https://a.example/\r\nX: y"}, "/target"),
    "a control character in a password": (
        {"way": "sftp", "target": "sftp://a@b.example/x", "password": "a\nb"}, "/password",
    ),
    "a zone of the file system": ({"zone": "../../etc/passwd"}, "no time zone"),
    "a zone from the root": ({"zone": "/etc/localtime"}, "no time zone"),
    "a zero in a zone": ({"zone": "UTC\x00"}, "/zone"),
    "a separator of one's own": ({"separator": "\n"}, "/separator"),
    "another format": ({"format": "xlsx"}, "/format"),
    "another period": ({"period": "yearly"}, "/period"),
    "fewer than no calls": ({"period": "calls", "every_calls": -1}, "/every_calls"),
    "more calls than a file has": ({"period": "calls", "every_calls": 50_001}, "/every_calls"),
    "a filter that there isn't": ({"answered_only": "perhaps"}, "/answered_only"),
    "a control character in its name": ({"name": "a\nb"}, "/name"),
    "a path for a name": ({"name": "../../etc/cron.d/x"}, "/name"),
}  # fmt: skip
BESIDE: dict[str, tuple[dict[str, Any], str]] = {
    "no such column": ({"columns": ["call", "secret"]}, "no column 'secret'"),
    "a provider's": ({"columns": ["gateway"]}, "no column 'gateway'"),
    "SQL for a column": ({"columns": ["call; DROP TABLE cdrs"]}, "no column"),
    "a folder above": ({"target": "../../etc"}, "folder's name"),
    "a folder inside": ({"target": "a/b"}, "folder's name"),
    "a folder of the machine": ({"target": "/etc"}, "folder's name"),
    "a hidden folder": ({"target": ".ssh"}, "folder's name"),
    "two addresses": ({"way": "mail", "target": "a@b.example, c@d.example"}, "an address such as"),
    "a line feed in a server's folder": ({"way": "sftp", "target": "sftp://a@b.example/x%0ay"}, "control characters"),
    "a zero in a server's user": ({"way": "sftp", "target": "sftp://a%00@b.example/x"}, "control characters"),
}
"""What is refused only when the account, or the delivery, was looked up."""


@ON_SQLITE
@pytest.mark.parametrize("what", FORMS)
async def test_what_a_delivery_can_not_say(post: Post, what: str) -> None:
    """Neither when it is made nor when it is changed; nothing is left of it."""
    await _refused(post, *FORMS[what])


@pytest.mark.parametrize("what", BESIDE)
async def test_what_does_not_fit_its_account_or_its_way(post: Post, what: str) -> None:
    """The same."""
    await _refused(post, *BESIDE[what])


async def _refused(post: Post, body: dict[str, Any], said: str) -> None:
    boss, account_id = post.house.office.boss, post.house.ids["customer"]
    values = {"name": "x", "way": "folder", "target": "x"} | body
    got = await boss.ask("delivery.make", account_id=account_id, **values)
    assert (got.status, said in str(got.body)) == (422, True), got.body
    assert (await boss.do("delivery.list"))["items"] == []
    if "way" in body or "password" in body or body.keys() & {"every_calls"}:
        return
    made = await post.wanted()
    changed = await boss.ask("delivery.edit", delivery_id=made["id"], **body)
    assert (changed.status, said in str(changed.body)) == (422, True), changed.body
    assert (await boss.do("delivery.show", delivery_id=made["id"]))["version"] == made["version"]


async def test_a_files_name_is_ours_alone(post: Post) -> None:
    """Nothing of what the delivery is called stands in it."""
    await post.wanted(name="x.csv & y", columns=["call"])
    await post.calls(5)
    await post.later()
    ((name, _),) = post.files()
    assert re.fullmatch(r"cdrs-\d+-000001-\d{8}T\d{6}Z\.csv", name)


async def test_of_another_subtree_nothing_is_there(post: Post) -> None:
    """By the same words as for what nobody has; neither calls nor files of another's are delivered or sent again."""
    boss, ids = post.house.office.boss, post.house.ids
    lower = await post.house.office.hire(boss, ids["lower"], "l@lower.example")
    body = {"name": "x", "way": "mail", "target": "a@b.example"}
    for number in (ids["upper"], 1, 999_999):
        got = await lower.ask("delivery.make", account_id=number, **body)
        assert (got.status, got["errors"][0]["detail"]) == (422, f"there is no account {number}")
    theirs = await post.wanted("upper", name="theirs")
    await post.calls(5)
    await post.later()
    (line,) = await post.log(theirs)
    for endpoint in ("delivery.show-file", "delivery.send-again"):
        foreign, missing = [await lower.ask(endpoint, file_id=number) for number in (line["id"], 999_999)]
        assert (foreign.status, foreign.body) == (404, missing.body)
    assert (await lower.ask("delivery.edit", delivery_id=theirs["id"], columns=["call"])).status == 404
    assert (await lower.do("delivery.list"))["items"] == []
    provider = await lower.ask("delivery.make", account_id=ids["lower"], side="provider", **body)
    assert (provider.status, "no provider" in str(provider.body)) == (422, True)
