"""Files to OpenSSH's own server, which most partners have: whole, once, and each of its faults in words."""

from __future__ import annotations

import subprocess
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from service.database.delivery_tables import cdr_files
from service.webhooks.posting import CLAIM_MS, WAITS_S
from tests.service.openssh import IS_THERE, OpenSsh, cut_line, open_ssh
from tests.service.test_delivery import DAY_MS, Post, post
from tests.service.test_money import house
from tests.service.test_sftp import one, wanted

__all__ = ["house", "post"]
pytestmark = pytest.mark.skipif(not IS_THERE, reason="there is no OpenSSH server: scripts/install --test")
LARGE = "".join(f"{number:09}\r\n" for number in range(200_000)).encode()


@pytest.fixture
async def partner(tmp_path: Path) -> AsyncIterator[OpenSsh]:
    """It runs."""
    async with open_ssh(tmp_path / "partner") as partner:
        yield partner


async def cut(post: Post, partner: OpenSsh, **more: Any) -> Any:
    """A delivery that is let in, and a file for it."""
    delivery = await wanted(post, partner, **more)
    await post.calls(5)
    post.now_ms += DAY_MS
    while await post.cutter.cut_due(post.now_ms):
        pass
    return delivery


async def enlarge(post: Post) -> None:
    """What waits is two megabytes now."""
    async with post.house.company.engine.begin() as conn:
        await conn.execute(sa.update(cdr_files).values(content=zlib.compress(LARGE)))


async def said(post: Post, delivery: Any, wait_s: int = 0) -> str:
    """Why its file still waits, after another attempt."""
    await post.later(wait_s * 1000)
    state, fault = await one(post, delivery)
    assert state == "waiting"
    return fault


async def test_a_file_as_it_was_made_and_again(post: Post, partner: OpenSsh) -> None:
    """With its sync and its rename in one step, over the file that is there already."""
    delivery = await cut(post, partner)
    await enlarge(post)
    await post.later(0)
    (line,) = await post.log(delivery)
    assert (line["state"], partner.files()) == ("sent", {line["name"]: LARGE})
    (partner.inbox / line["name"]).write_bytes(b"half")
    await post.house.office.boss.do("delivery.send-again", file_id=line["id"])
    post.now_ms = max(post.now_ms, post.house.office.now_ms)
    await post.later(1)
    assert (await one(post, delivery), partner.files()) == (("sent", ""), {line["name"]: LARGE})
    assert (await post.house.office.boss.ask("delivery.test", delivery_id=delivery["id"])).status == 200


async def test_who_is_refused_and_what_to_do(post: Post, partner: OpenSsh) -> None:
    """Its key is not let in, it may not write, there is no such folder, nobody is there; then it goes."""
    delivery = await cut(post, partner)
    (partner.folder / "authorized_keys").write_text("")
    assert "have the delivery's public key put among its authorized keys" in await said(post, delivery)
    partner.let_in(delivery["public_key"])
    await partner.start(options="-R")
    assert "doesn't let" in (told := await said(post, delivery, WAITS_S[0]))
    assert f"write into {str(partner.inbox)!r}" in told
    await partner.start()
    partner.inbox.rmdir()
    assert "have it made there" in await said(post, delivery, WAITS_S[1])
    partner.inbox.mkdir()
    await partner.stop()
    assert "nothing takes connections" in await said(post, delivery, WAITS_S[2])
    assert partner.files() == {}
    await partner.start()
    await post.later(WAITS_S[3] * 1000)
    assert (await one(post, delivery), len(partner.files())) == (("sent", ""), 1)


async def test_another_key_than_the_trusted_one(post: Post, partner: OpenSsh) -> None:
    """Nothing is sent to it until somebody has asked, compared and trusted it."""
    delivery = await cut(post, partner)
    partner.new_key()
    await partner.start()
    assert "Ask its operator whether the key was changed" in await said(post, delivery)
    assert partner.files() == {}
    boss, of = post.house.office.boss, {"delivery_id": delivery["id"]}
    asked = await boss.do("delivery.ask-host-key", **of)
    await boss.do("delivery.trust-host-key", **of, fingerprint=asked["fingerprint"])
    await post.later(WAITS_S[0] * 1000)
    assert (await one(post, delivery), len(partner.files())) == (("sent", ""), 1)


async def test_a_line_that_is_cut_in_the_middle(post: Post, partner: OpenSsh) -> None:
    """Nobody sees half a file under its name, and what it has left is removed when it goes whole."""
    async with cut_line(partner.port, 300_000) as port:
        delivery = await cut(post, partner, target=partner.at(port))
        await enlarge(post)
        fault = await said(post, delivery)
        assert "ended the connection (it says: " in fault
    (part,) = partner.files()
    assert part.endswith(".part")
    await post.house.office.boss.do("delivery.edit", delivery_id=delivery["id"], target=partner.target)
    await post.house.office.boss.do("delivery.trust-host-key", delivery_id=delivery["id"], fingerprint=partner.line)
    await post.later(CLAIM_MS)
    (line,) = await post.log(delivery)
    assert (line["state"], partner.files()) == ("sent", {line["name"]: LARGE})


def root_does(*words: str | Path) -> bool:
    """Whether it could be done."""
    return subprocess.run(words, check=False, capture_output=True).returncode == 0


async def test_a_disk_that_is_full_there(post: Post, partner: OpenSsh) -> None:
    """Its operator is to look at it; no part is left on it, and once there is room the file goes."""
    if not root_does("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", partner.inbox):
        pytest.skip("only root gives it a disk that is full soon")
    try:
        delivery = await cut(post, partner)
        await enlarge(post)
        assert "its disk may be full" in await said(post, delivery)
        assert partner.files() == {}
        assert root_does("mount", "-o", "remount,size=8m", partner.inbox)
        await post.later(WAITS_S[0] * 1000)
        (line,) = await post.log(delivery)
        assert (line["state"], partner.files()) == ("sent", {line["name"]: LARGE})
    finally:
        root_does("umount", "--lazy", partner.inbox)
