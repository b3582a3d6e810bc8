"""Files by SFTP, to a real server: whole, once, and to the server that is trusted only; each fault in words."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from service.config import Webhooks
from service.database.access_tables import audit
from service.database.delivery_tables import cdr_deliveries, cdr_files
from service.database.engine import reading
from service.delivery import sftp
from service.delivery.servers import fingerprint, host_key_of, server_of, server_problem
from service.delivery.sftp import Patience
from service.webhooks.posting import CLAIM_MS, WAITS_S
from tests.service.openssh import OpenSsh
from tests.service.sftp_server import PASSWORD, FileServer, file_server
from tests.service.test_delivery import DAY_MS, Post, post
from tests.service.test_money import house
from tests.waiting import PATIENCE_S

__all__ = ["house", "post"]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJq2fH0nVYQXDwqhrR3rpCzZc2xvr2vZQ7d1jH4b5b1k"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[FileServer]:
    """A partner's."""
    async with file_server(tmp_path / "partner") as server:
        yield server


async def wanted(post: Post, server: FileServer | OpenSsh, **more: Any) -> Any:
    """A delivery whose server is known and lets it in by its key."""
    values = {"way": "sftp", "target": server.target, "columns": ["call"], "host_key": server.line} | more
    delivery = await post.wanted(**values)
    server.let_in(delivery["public_key"])
    return delivery


async def one(post: Post, delivery: Any) -> tuple[str, str]:
    """State and fault of its only file; the delivery says the same fault."""
    (line,) = await post.log(delivery)
    shown = await post.house.office.boss.do("delivery.show", delivery_id=delivery["id"])
    assert shown["last_fault"] == line["fault"]
    return line["state"], line["fault"]


async def test_a_file_by_our_key(post: Post, server: FileServer) -> None:
    """There as it was made; nobody is asked for a password, and nothing else is left there."""
    delivery = await wanted(post, server)
    assert delivery["public_key"].startswith("ssh-ed25519 AAAA")
    assert (delivery["host_key"], delivery["has_password"]) == (server.fingerprint, False)
    await post.calls(5, 6)
    await post.later()
    assert await one(post, delivery) == ("sent", "")
    ((name, content),) = server.files().items()
    (line,) = await post.log(delivery)
    told = await post.house.office.boss.do("delivery.show-file", file_id=line["id"])
    assert (name, content.decode()) == (told["name"], told["content"])
    assert content.decode().split() == ["call", *await post.everything()]
    assert server.passwords == []
    await post.later()
    assert len(server.files()) == 1


async def test_a_file_by_password(post: Post, server: FileServer) -> None:
    """Which nobody sees again: neither in an answer nor in the audit."""
    server.password = PASSWORD
    delivery = await wanted(post, server, password=PASSWORD)
    server.authorized.clear()
    assert delivery["has_password"]
    await post.calls(5)
    await post.later()
    assert await one(post, delivery) == ("sent", "")
    assert PASSWORD not in str(delivery)
    async with reading(post.house.company.engine) as conn:
        lines = str((await conn.execute(sa.select(audit.c.before, audit.c.after))).all())
        row = (await conn.execute(sa.select(cdr_deliveries))).one()
    assert PASSWORD not in lines
    assert row.secret.splitlines()[1] not in lines + str(delivery)


async def test_nothing_is_sent_before_the_servers_key_is_confirmed(post: Post, server: FileServer) -> None:
    """It is asked for, shown, and trusted by somebody; then what waited goes at once."""
    delivery = await wanted(post, server, host_key="")
    boss, of = post.house.office.boss, {"delivery_id": delivery["id"]}
    await post.calls(5)
    await post.later()
    state, fault = await one(post, delivery)
    assert (state, "isn't trusted yet" in fault, server.connections) == ("waiting", True, 0)
    early = await boss.ask("delivery.trust-host-key", **of, fingerprint=server.fingerprint)
    assert (early.status, "not asked for its key yet" in str(early.body)) == (422, True)
    asked = await boss.do("delivery.ask-host-key", **of)
    assert (asked["fingerprint"], asked["host_key"]) == (server.fingerprint, "")
    assert (await boss.ask("delivery.test", **of)).status == 409
    wrong = await boss.ask("delivery.trust-host-key", **of, fingerprint=fingerprint(host_key_of(KEY)))
    assert (wrong.status, server.fingerprint in str(wrong.body)) == (422, True)
    assert (await boss.do("delivery.trust-host-key", **of, fingerprint=server.fingerprint))["host_key"]
    assert (await boss.do("delivery.test", **of)) == {"target": server.target}
    post.now_ms = max(post.now_ms, post.house.office.now_ms)
    await post.later(1)
    assert await one(post, delivery) == ("sent", "")


async def test_another_key_is_refused(post: Post, server: FileServer) -> None:
    """By name, with what to do; the password isn't told to it. Once it is trusted, the file goes."""
    server.password = PASSWORD
    delivery = await wanted(post, server, password=PASSWORD)
    before = server.fingerprint
    await server.start(asyncssh.generate_private_key("ecdsa-sha2-nistp256"))
    await post.calls(5)
    await post.later()
    state, fault = await one(post, delivery)
    assert (state, server.passwords, server.files()) == ("waiting", [], {})
    assert before in fault
    assert server.fingerprint in fault
    assert "Ask its operator" in fault
    line = server.line
    await post.house.office.boss.do("delivery.trust-host-key", delivery_id=delivery["id"], fingerprint=line)
    await post.later(WAITS_S[0] * 1000)
    assert await one(post, delivery) == ("sent", "")


async def test_another_kind_of_key_beside_the_trusted_one_changes_nothing(post: Post, server: FileServer) -> None:
    """A server has several: that which is trusted is asked for."""
    await server.stop()
    server.key = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
    await server.start()
    delivery = await wanted(post, server)
    keys, listen = [server.key, asyncssh.generate_private_key("ssh-ed25519")], asyncssh.listen

    async def both(*place: Any, **more: Any) -> Any:
        return await listen(*place, **more | {"server_host_keys": keys})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncssh, "listen", both)
        await server.start()
    await post.calls(5)
    await post.later()
    assert await one(post, delivery) == ("sent", "")


async def test_what_a_server_refuses(post: Post, server: FileServer) -> None:
    """In words; no part is left, and once it is mended the file goes."""
    delivery = await wanted(post, server)
    await post.calls(5)
    refusals: list[tuple[str, Exception, str]] = [
        ("open", asyncssh.SFTPPermissionDenied("no"), "doesn't let 'kambill' write into '/in'"),
        ("write", OSError(errno.ENOSPC, "full"), "could not keep the file"),
        ("rename", asyncssh.SFTPFailure("odd\nname"), "it says: odd name"),
        ("write", asyncssh.SFTPConnectionLost("bye"), "ended the connection (it says: bye): it is tried again"),
    ]
    for wait_s, (what, fault, said) in zip((DAY_MS // 1000, *WAITS_S), refusals, strict=False):
        server.fails = {what: fault}
        await post.later(wait_s * 1000)
        state, told = await one(post, delivery)
        assert (state, server.files(), said in told) == ("waiting", {}, True), told
    server.fails = {}
    await post.later(WAITS_S[len(refusals) - 1] * 1000)
    assert await one(post, delivery) == ("sent", "")
    assert len(server.files()) == 1


async def test_who_is_not_let_in(post: Post, server: FileServer) -> None:
    """By key, by password, or because there is no folder or no SFTP; each says which."""
    delivery = await wanted(post, server)
    boss, of = post.house.office.boss, {"delivery_id": delivery["id"]}

    async def refused(**values: Any) -> str:
        if values:
            await boss.do("delivery.edit", **of, **values)
        got = await boss.ask("delivery.test", **of)
        assert got.status == 409
        return str(got["detail"])

    lines, server.authorized = server.authorized, []
    assert "with our key: have the delivery's public key put among its authorized keys" in await refused()
    server.authorized, server.password = lines, PASSWORD
    assert "'kambill' with this password" in await refused(password="wrong")
    assert server.passwords == ["wrong"]
    assert "no folder '/out'" in await refused(target=server.target.replace("/in", "/out"), password=PASSWORD)
    await boss.do("delivery.edit", **of, target=server.target.replace("/in", "/~/in"))
    assert (await boss.ask("delivery.test", **of)).status == 200
    server.has_sftp = False
    await server.start()
    assert "offers no SFTP" in await refused()
    await server.stop()
    assert f"nothing takes connections at 127.0.0.1:{server.port}" in await refused()
    elsewhere = server.target.replace("127.0.0.1", "nowhere.invalid")
    assert "trusted yet" in await refused(target=elsewhere)
    got = await boss.ask("delivery.ask-host-key", **of)
    assert (got.status, "no address can be found for nowhere.invalid" in str(got["detail"])) == (409, True)


async def test_a_password_goes_to_nobody_else(post: Post, server: FileServer) -> None:
    """Whoever names another server or user has to say it anew; another folder changes nothing."""
    delivery = await wanted(post, server, password=PASSWORD)
    boss, of = post.house.office.boss, {"delivery_id": delivery["id"]}

    async def after(**values: str) -> tuple[bool, bool]:
        shown = await boss.do("delivery.edit", **of, **values)
        return shown["has_password"], bool(shown["host_key"])

    assert await after(target=server.target + "/2026") == (True, True)
    assert await after(target=server.target.replace("kambill@", "other@")) == (False, True)
    assert await after(password="another") == (True, True)
    assert await after(target=server.target.replace("127.0.0.1", "127.0.0.2"), password="third") == (True, False)
    assert await after(target=f"sftp://other@127.0.0.2:{server.port + 1}/in") == (False, False)


@pytest.mark.parametrize("hangs", ["before", "after"])
async def test_a_service_that_dies_at_the_rename(
    post: Post, server: FileServer, hangs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one sends the same bytes under the same name, and nothing else is left."""
    delivery = await wanted(post, server)
    await post.calls(5)
    server.hangs = hangs
    post.now_ms += DAY_MS
    await post.begin()
    await server.renames.wait()
    await post.die()
    before = server.files()
    (name,) = before
    assert name.endswith(".part" if hangs == "before" else ".csv")
    server.hangs = ""
    await post.later(CLAIM_MS - 1)
    assert server.files() == before
    await post.later(2)
    assert await one(post, delivery) == ("sent", "")
    ((name, content),) = server.files().items()
    assert (name.endswith(".csv"), content) == (True, *before.values())


async def test_a_server_that_says_nothing(post: Post, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up in time; the file that it has taken all the same comes again as it was."""
    delivery = await wanted(post, server)
    await post.calls(5)
    server.hangs = "after"
    with monkeypatch.context() as patch:
        patch.setattr(sftp.Sftp.__init__, "__kwdefaults__", {"patience": Patience(PATIENCE_S, 6)})
        await post.later()
    state, fault = await one(post, delivery)
    assert (state, "took too long" in fault) == ("waiting", True)
    before = server.files()
    assert before
    server.hangs = ""
    await post.later(WAITS_S[0] * 1000)
    assert (await one(post, delivery), server.files()) == (("sent", ""), before)


@pytest.mark.parametrize(("said", "words"), [(b"", "took too long"), (b"SSH-1.5-old\r\n", "no SSH that is safe")])
async def test_a_server_that_is_no_ssh_server(
    post: Post, server: FileServer, said: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that takes connections and says nothing, and one that says something else."""
    delivery = await wanted(post, server)
    await server.stop()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await reader.read()
        writer.close()

    monkeypatch.setattr(sftp.Sftp.__init__, "__kwdefaults__", {"patience": Patience(PATIENCE_S if said else 0.3, 5)})
    async with await asyncio.start_server(answer, "127.0.0.1", server.port):
        for endpoint in ("delivery.test", "delivery.ask-host-key"):
            got = await post.house.office.boss.ask(endpoint, delivery_id=delivery["id"])
            assert (got.status, words in got["detail"]) == (409, True), got["detail"]


async def test_a_connection_that_is_cut_in_the_middle(post: Post, server: FileServer) -> None:
    """The part stays there until the file goes, also where a server is away in between; others' parts stay."""
    others = server.folder / "in" / ".other.csv.1.part"
    others.write_bytes(b"half")
    delivery = await wanted(post, server)
    await post.calls(5)
    server.cuts = True
    await post.later()
    state, fault = await one(post, delivery)
    assert (state, "ended the connection" in fault, len(server.files())) == ("waiting", True, 2)
    server.cuts = False
    await server.stop()
    await post.later(WAITS_S[0] * 1000)
    assert "nothing takes connections" in (await one(post, delivery))[1]
    await server.start()
    await post.later(WAITS_S[1] * 1000)
    assert await one(post, delivery) == ("sent", "")
    (line,) = await post.log(delivery)
    assert sorted(server.files()) == [others.name, line["name"]]


async def test_without_a_rename_in_one_step(post: Post, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As old servers have it: sent again, the file replaces itself."""
    from asyncssh.sftp import SFTPServerHandler  # noqa: PLC0415

    without = [one for one in SFTPServerHandler._extensions if b"rename" not in one[0]]
    monkeypatch.setattr(SFTPServerHandler, "_extensions", without)
    delivery = await wanted(post, server)
    await post.calls(5)
    await post.later()
    before = server.files()
    (line,) = await post.log(delivery)
    await post.house.office.boss.do("delivery.send-again", file_id=line["id"])
    post.now_ms = max(post.now_ms, post.house.office.now_ms)
    await post.later(1)
    assert (await one(post, delivery), server.files()) == (("sent", ""), before)
    assert [one.split()[0] for one in server.did] == ["open", "rename"] * 2


async def test_nobody_reaches_into_our_own_network(post: Post, server: FileServer) -> None:
    """Neither by an address nor by a name that leads there; what was set before counts as little."""
    delivery = await wanted(post, server)
    post.config = post.config.model_copy(update={"webhooks": Webhooks()})
    post.house.office.api = post.house.office.api._replace(config=post.config)
    await post.die()
    boss = post.house.office.boss
    body = {"account_id": post.house.ids["customer"], "name": "x", "way": "sftp"}
    got = await boss.ask("delivery.make", **body, target=server.target)
    assert (got.status, "no public network" in str(got.body)) == (422, True)
    await post.calls(5)
    await post.later()
    assert "no public network" in (await one(post, delivery))[1]
    async with post.house.company.engine.begin() as conn:
        hidden = server.target.replace("127.0.0.1", "localhost.localdomain")
        await conn.execute(sa.update(cdr_deliveries).values(target=hidden))
    for endpoint in ("delivery.test", "delivery.ask-host-key"):
        got = await boss.ask(endpoint, delivery_id=delivery["id"])
        assert got.status == 409
    assert server.connections == 0


async def test_a_reseller_delivers_by_sftp(post: Post, server: FileServer) -> None:
    """Of its own accounts; who stands beside or may only look does not, and sees no key."""
    boss, ids = post.house.office.boss, post.house.ids
    lower = await post.house.office.hire(boss, ids["lower"], "l@lower.example")
    body = {"name": "mine", "way": "sftp", "target": server.target, "host_key": server.line}
    made = (await lower.do("delivery.make", account_id=ids["customer"], **body))["delivery"]
    server.let_in(made["public_key"])
    assert (await lower.ask("delivery.test", delivery_id=made["id"])).status == 200
    theirs = await wanted(post, server, name="theirs", account="upper")
    reader = await post.house.office.hire(boss, ids["lower"], "r@lower.example", [post.house.office.roles["read_only"]])
    for who, number, status in ((lower, theirs["id"], 404), (reader, made["id"], 403)):
        for endpoint in ("delivery.test", "delivery.ask-host-key"):
            assert (await who.ask(endpoint, delivery_id=number)).status == status
        trusting = await who.ask("delivery.trust-host-key", delivery_id=number, fingerprint=server.line)
        assert trusting.status == status


async def test_what_no_delivery_by_sftp_can_be(post: Post) -> None:
    """Each says what would be one."""
    values = {"account_id": post.house.ids["customer"], "name": "x", "way": "sftp"} | {"target": "sftp://a@b.example/"}
    mail = {"way": "mail", "target": "a@b.example"}
    for body, said in (
        ({"target": "sftp://files.example.net/in"}, "an address such as sftp://"),
        ({"target": "sftp://a:secret@files.example.net/in"}, "a field of its own"),
        ({"target": "sftp://a@files.example.net/%ff"}, "an address such as sftp://"),
        ({"host_key": "ssh-ed25519 AAAA"}, "a server's public key"),
        ({"host_key": "SHA256:abc"}, "a server's public key"),
        (mail | {"host_key": KEY}, "only by SFTP"),
        (mail | {"password": "x"}, "only by SFTP"),
    ):
        got = await post.house.office.boss.ask("delivery.make", **values | body)
        assert (got.status, said in str(got.body)) == (422, True), got.body


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("https://a@files.example.net/in", "an address such as"),
        ("sftp://a@files.example.net:0/", "no port 0"),
        ("sftp://a@files.example.net:99999/", "an address such as"),
        ("sftp://a@files.example.net/a%00b", "control characters"),
        ("sftp://a@files.example.net/ä", "plain characters"),
        ("sftp://a@files.example.net/?x", "an address such as"),
        ("sftp://a@10.0.0.1/", "no public network"),
        ("sftp://a@localhost/", "a whole name"),
    ],
)
def test_no_address(target: str, said: str) -> None:
    """And why."""
    assert said in (server_problem(target, private=False) or "")


async def test_other_ways_have_no_server(post: Post) -> None:
    """A folder has neither a key nor a password."""
    delivery = await post.wanted()
    boss, of = post.house.office.boss, {"delivery_id": delivery["id"]}
    for endpoint, body in (
        ("delivery.test", {}), ("delivery.ask-host-key", {}), ("delivery.trust-host-key", {"fingerprint": KEY}),
    ):  # fmt: skip
        assert (await boss.ask(endpoint, **of, **body)).status == 409
    assert (await boss.ask("delivery.edit", **of, password="x")).status == 422


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("sftp://a@b.example", ("a", "b.example", 22, "")),
        ("sftp://a@b.example/", ("a", "b.example", 22, "/")),
        ("sftp://a@b.example/~/in/x", ("a", "b.example", 22, "in/x")),
        ("sftp://a@b.example/~", ("a", "b.example", 22, "")),
        ("sftp://a%40b@[2001:4860::8]:2222/in%20box", ("a@b", "2001:4860::8", 2222, "/in box")),
    ],
)
def test_a_servers_address(target: str, found: tuple[str, str, int, str]) -> None:
    """As curl has it."""
    assert server_of(target, private=False) == found


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_says_why_not(text: str) -> None:
    """Never another fault."""
    for target in (text, f"sftp://{text}", f"sftp://a@b.example/{text}"):
        problem = server_problem(target, private=True)
        assert problem is None or problem


def test_a_key_is_read_as_it_is_written() -> None:
    """Whatever stands before or behind it."""
    assert host_key_of(f"files.example.net {KEY} comment") == host_key_of(KEY) == KEY


@given(st.text(max_size=60))
def test_what_is_no_key_is_refused_in_words(text: str) -> None:
    """Whatever it is: also what is nearly one."""
    for line in (text, f"ssh-rsa {text}", KEY[:-4], f"{KEY} {text}"[3:]):
        with pytest.raises(ValueError, match="public key was expected"):
            host_key_of(line)


async def test_parts_of_files_are_told_apart(post: Post, server: FileServer) -> None:
    """What stands in the folder of somebody else's is left alone."""
    (server.folder / "in" / ".other.csv.1.part").write_bytes(b"half")
    delivery = await wanted(post, server)
    await post.calls(5)
    await post.later()
    assert await one(post, delivery) == ("sent", "")
    assert len(server.files()) == 2
    async with reading(post.house.company.engine) as conn:
        assert (await conn.execute(sa.select(cdr_files.c.claimed_ms))).scalar_one() == 0
