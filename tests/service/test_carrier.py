"""Files beside each other: who hangs holds up nobody else, and never two of one delivery at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from service.database.delivery_tables import cdr_deliveries, cdr_files
from service.database.engine import open_engine
from service.delivery import carrier as carriers
from service.delivery.carrier import AGAIN_MAX, AT_ONCE, ATTEMPT_S, Carrier
from service.delivery.folder import place
from service.delivery.sftp import WHOLE_S
from service.webhooks.posting import CLAIM_MS, WAITS_S
from tests.service.sftp_server import FileServer, file_server
from tests.service.test_delivery import DAY_MS, Post, post
from tests.service.test_money import house
from tests.service.test_rerating_once import Stopped, stopping_at
from tests.service.test_sftp import wanted
from tests.service.test_webhooks import Slow, slow
from tests.waiting import PATIENCE_S

__all__ = ["house", "post", "slow"]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[FileServer]:
    """A partner's."""
    async with file_server(tmp_path / "partner") as server:
        yield server


async def sent(post: Post, delivery: Any, count: int) -> list[Any]:
    """Its files, once so many were taken."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            lines = await post.log(delivery)
            if [line["state"] for line in lines].count("sent") == count:
                return lines
            await asyncio.sleep(0.01)


async def hooks(post: Post, slow: Slow, count: int) -> list[Any]:
    """Deliveries to it, each with a file to bring."""
    found = [
        await post.wanted(name=f"hook {n}", way="webhook", target=slow.url, columns=["call"]) for n in range(count)
    ]
    await post.calls(5)
    return found


async def test_a_server_that_hangs_holds_up_nobody_else(post: Post, server: FileServer) -> None:
    """Not this round and not the next ones; it is asked for one file at a time meanwhile."""
    hanging = await wanted(post, server, name="hanging", period="calls", every_calls=1)
    folder = await post.wanted(period="calls", every_calls=1, columns=["call"])
    await post.calls(5, 6)
    server.hangs = "before"
    post.now_ms += DAY_MS
    await post.begin()
    await server.renames.wait()
    await sent(post, folder, 2)
    await post.calls(7)
    post.now_ms += CLAIM_MS // 2
    await post.begin()
    lines = await sent(post, folder, 3)
    assert [line["attempts"] for line in lines] == [1, 1, 1]
    assert [line["state"] for line in await post.log(hanging)] == ["waiting"] * 3
    assert server.connections == 1
    await post.die()
    server.hangs = ""
    await post.later(CLAIM_MS)
    assert [line["state"] for line in await post.log(hanging)] == ["sent"] * 3
    assert sorted(server.files()) == [line["name"] for line in await post.log(hanging)]


async def test_so_many_at_once_and_each_to_another(post: Post, slow: Slow) -> None:
    """The rest goes as soon as there is room."""
    made = await hooks(post, slow, AT_ONCE + 1)
    await post.calls(6)
    post.now_ms += DAY_MS
    await post.begin()
    await slow.asked(AT_ONCE - AGAIN_MAX)
    await post.carrier.bring_due()
    slow.released.set()
    await post.carrier.settle()
    assert slow.most == AT_ONCE - AGAIN_MAX
    assert [[line["state"] for line in await post.log(one)] for one in made] == [["sent"]] * len(made)


async def test_who_failed_last_does_not_take_the_others_places(post: Post, slow: Slow) -> None:
    """However many they are: one that answers is brought its file meanwhile."""
    made = await hooks(post, slow, AT_ONCE + 1)
    slow.answers = [500] * len(made)
    slow.released.set()
    await post.later()
    slow.released.clear()
    slow.most = 0
    healthy = await post.wanted(columns=["call"])
    await post.calls(7)
    post.now_ms += DAY_MS
    await post.begin()
    await slow.asked(AGAIN_MAX)
    await sent(post, healthy, 1)
    await post.carrier.bring_due()
    slow.released.set()
    await post.carrier.settle()
    assert slow.most == AGAIN_MAX
    await post.work()
    assert [[line["state"] for line in await post.log(one)] for one in made] == [["sent", "sent"]] * len(made)


async def test_it_is_tried_again_after_its_end(post: Post, slow: Slow) -> None:
    """Not after its beginning: a server that takes its time has its rest too."""
    (delivery,) = await hooks(post, slow, 1)
    slow.answers = [500]

    def late() -> None:
        post.now_ms += 90_000

    slow.before_answer = late
    slow.released.set()
    await post.later()
    async with post.house.company.engine.connect() as conn:
        next_ms = (await conn.execute(sa.select(cdr_files.c.next_ms))).scalar_one()
    assert next_ms == post.now_ms + WAITS_S[0] * 1000
    await post.later(WAITS_S[0] * 1000 - 1)
    assert len(slow.got) == 1
    await post.later(1)
    assert [line["state"] for line in await post.log(delivery)] == ["sent"]


async def test_two_services_bring_one_file_of_a_delivery_at_a_time(post: Post, slow: Slow, database: str) -> None:
    """What is another one's goes on there; when that has died, it is brought again."""
    (delivery,) = await hooks(post, slow, 1)
    post.now_ms += DAY_MS
    await post.begin()
    await slow.asked(1)
    await post.calls(6)
    post.now_ms += DAY_MS
    other = open_engine(database)
    beside = Carrier(other, post.config, lambda: post.now_ms)
    async with post.house.company.engine.begin() as conn:  # the clock has gone on by a day, the attempt has not
        await conn.execute(sa.update(cdr_files).values(claimed_ms=post.now_ms + CLAIM_MS))
    while await post.cutter.cut_due(post.now_ms):
        pass
    assert [line["state"] for line in await post.log(delivery)] == ["waiting", "waiting"]
    assert await beside.bring_due() == 0
    await post.carrier.close()
    post.now_ms += CLAIM_MS + 1
    slow.released.set()
    assert await beside.bring_due() == 1
    await beside.settle()
    assert [line["state"] for line in await post.log(delivery)] == ["sent", "sent"]
    await beside.close()
    await other.dispose()


async def test_what_is_sent_again_by_hand_while_it_is_on_its_way(post: Post, slow: Slow) -> None:
    """It stays the one attempt."""
    (delivery,) = await hooks(post, slow, 1)
    post.now_ms += DAY_MS
    await post.begin()
    await slow.asked(1)
    (line,) = await post.log(delivery)
    await post.house.office.boss.do("delivery.send-again", file_id=line["id"])
    assert await post.carrier.bring_due() == 0
    slow.released.set()
    await post.carrier.settle()
    assert (slow.most, len(slow.got)) == (1, 1)
    assert [line["state"] for line in await post.log(delivery)] == ["sent"]


async def test_a_disk_that_hangs(post: Post, slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told in time, no second thread waits for it, and files by other ways go."""
    folder = await post.wanted(columns=["call"])
    (hook,) = await hooks(post, slow, 1)
    slow.released.set()
    back, threads = threading.Event(), []

    def hang(*given: Any) -> None:
        threads.append(threading.current_thread())
        back.wait(PATIENCE_S)
        place(*given)

    monkeypatch.setattr(carriers, "place", hang)
    monkeypatch.setattr(carriers, "ATTEMPT_S", 0.3)
    await post.later()
    (line,) = await post.log(folder)
    assert (line["state"], "look whether customer can be written to" in line["fault"]) == ("waiting", True)
    assert [one["state"] for one in await post.log(hook)] == ["sent"]
    await post.later(WAITS_S[0] * 1000)
    assert len(threads) == 1
    back.set()
    monkeypatch.setattr(carriers, "ATTEMPT_S", ATTEMPT_S)
    await post.later(WAITS_S[1] * 1000)
    assert [one["state"] for one in await post.log(folder)] == ["sent"]
    assert len(post.files()) == 1


async def test_a_database_that_is_away_meanwhile_is_told(post: Post, slow: Slow) -> None:
    """To the task that looks next; the file comes again when its claim is over, under the same id."""
    (delivery,) = await hooks(post, slow, 1)
    post.now_ms += DAY_MS
    await post.begin()
    await slow.asked(1)
    with stopping_at(post.house.company.engine, 1):
        slow.released.set()
        with pytest.raises(Stopped):
            await post.carrier.settle()
    await post.later(CLAIM_MS + 1)
    assert [line["state"] for line in await post.log(delivery)] == ["sent"]
    assert len({headers["webhook-id"] for headers, _ in slow.got}) == 1


async def test_a_delivery_that_is_removed_meanwhile(post: Post, slow: Slow) -> None:
    """What was on its way is no fault."""
    (delivery,) = await hooks(post, slow, 1)
    post.now_ms += DAY_MS
    await post.begin()
    await slow.asked(1)
    assert (await post.house.office.boss.ask("delivery.remove", delivery_id=delivery["id"])).status == 204
    slow.released.set()
    await post.carrier.settle()
    async with post.house.company.engine.connect() as conn:
        assert (await conn.execute(sa.select(cdr_deliveries))).first() is None


def test_a_claim_outlasts_every_attempt() -> None:
    """Whatever its way."""
    assert WHOLE_S < ATTEMPT_S < CLAIM_MS // 1000
