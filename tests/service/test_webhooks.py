"""Webhooks: signed, sent again, logged; and never into the operator's own network."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from scripts.benchmarks.ports import free_port
from service.config import Config, Webhooks
from service.ledger.telling import crossing
from service.webhooks.events import Event
from service.webhooks.places import is_public, url_problem
from service.webhooks.posting import CLAIM_MS, WAITS_S, Guarded, Message, Poster
from service.webhooks.sender import AGAIN_MAX, EACH_MAX, Sender
from tests.service.office import NOW_MS, Got
from tests.service.test_peers_api import Shop, shop
from tests.waiting import PATIENCE_S

__all__ = ["shop"]
ALL = [event.value for event in Event]
L = TypeVar("L", bound="Listener")


class Listener:
    """Somebody else's server."""

    def __init__(self) -> None:
        self.port = free_port()
        self.got: list[tuple[dict[str, str], str]] = []
        self.answers: list[int] = []
        """Statuses, the next one first; then 204."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def take(self, request: web.Request) -> web.Response:
        """A message."""
        self.got.append((dict(request.headers), await request.text()))
        status = self.answers.pop(0) if self.answers else 204
        return web.Response(status=status, headers={"Location": self.url} if status == 302 else {})


@asynccontextmanager
async def listening(listener: L) -> AsyncIterator[L]:
    """It runs."""
    app = web.Application()
    app.router.add_post("/hook", listener.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", listener.port).start()
    yield listener
    await runner.cleanup()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """It runs."""
    async with listening(Listener()) as listener:
        yield listener


async def until(holds: Callable[[], bool]) -> None:
    """Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if holds():
                return
            await asyncio.sleep(0.01)


class Slow(Listener):
    """A server that takes what it is sent, and answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.released = asyncio.Event()
        self.open = self.most = 0
        self.before_answer: Callable[[], None] = lambda: None

    async def take(self, request: web.Request) -> web.Response:
        """A message."""
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            await self.released.wait()
            self.before_answer()
            return await super().take(request)
        finally:
            self.open -= 1

    async def asked(self, count: int) -> None:
        """Until so many are being answered."""
        await until(lambda: self.open >= count)


@pytest.fixture
async def slow() -> AsyncIterator[Slow]:
    """It runs."""
    async with listening(Slow()) as slow:
        yield slow
        slow.released.set()


class Wire:
    """A shop whose webhooks may lead to this machine, and its sender."""

    def __init__(self, shop: Shop, *, private: bool = True) -> None:
        self.shop = shop
        config = shop.office.api.config.model_copy(update={"webhooks": Webhooks(private_addresses=private)})
        shop.office.api = shop.office.api._replace(config=config)
        self.config = config
        self.now_ms = shop.office.now_ms
        self.sender = Sender(shop.office.engine, config, lambda: self.now_ms)

    async def hook(self, url: str, account: str = "reseller", events: list[str] = ALL) -> Any:
        """A webhook and its key."""
        return await self.shop.boss.do("webhook.make", account_id=self.shop.ids[account], url=url, events=events)

    async def pay(self, amount: str, account: str = "customer", endpoint: str = "payment.adjust") -> None:
        """Something to tell."""
        self.now_ms += 1
        key = f"{self.now_ms}"
        account_id = self.shop.ids[account]
        await self.shop.boss.do(endpoint, key=key, account_id=account_id, amount=amount, reason="ä fee")

    async def send(self, later_s: int = 0) -> int:
        """A round of the sender."""
        self.now_ms += later_s * 1000
        began = await self.sender.send_due()
        await self.sender.settle()
        return began

    async def log(self, webhook_id: int) -> list[dict[str, Any]]:
        """What was sent."""
        listed = await self.shop.boss.do("webhook.messages", webhook_id=webhook_id)
        items: list[dict[str, Any]] = listed["items"]
        return items


@pytest.fixture
async def wire(shop: Shop) -> AsyncIterator[Wire]:
    """Ready."""
    wire = Wire(shop)
    yield wire
    await wire.sender.close()


async def test_a_message_can_be_checked(wire: Wire, listener: Listener) -> None:
    """By the key that was shown once, as Standard Webhooks has it."""
    made = await wire.hook(listener.url)
    await wire.pay("5")
    assert await wire.send() == 1
    ((headers, body),) = listener.got
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    key = base64.b64decode(made["secret"].removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    told = json.loads(body)
    assert (told["type"], told["data"]["amount"], told["data"]["reason"]) == ("payment.posted", "5.00", "ä fee")
    assert told["data"]["account_id"] == wire.shop.ids["customer"]
    assert await wire.send() == 0
    changed = await wire.shop.boss.do("webhook.change-secret", webhook_id=made["webhook"]["id"])
    assert changed["secret"] != made["secret"]
    shown = await wire.shop.boss.do("webhook.show", webhook_id=made["webhook"]["id"])
    assert "whsec_" not in json.dumps([shown, await wire.shop.boss.do("audit.list")])


async def test_what_fails_comes_again(wire: Wire, listener: Listener) -> None:
    """After growing waits; a redirect is not followed; after the last one it has failed, and can be sent by hand."""
    number = (await wire.hook(listener.url))["webhook"]["id"]
    listener.answers = [500, 302, 404, *([503] * len(WAITS_S))]
    await wire.pay("5")
    assert await wire.send() == 1
    for wait_s in WAITS_S:
        assert await wire.send(wait_s - 1) == 0
        assert await wire.send(1) == 1
    (line,) = await wire.log(number)
    assert (line["state"], line["attempts"], line["status"]) == ("failed", len(WAITS_S) + 1, 503)
    assert len(listener.got) == len(WAITS_S) + 1
    assert len({headers["webhook-id"] for headers, _ in listener.got}) == 1
    assert await wire.send(10**6) == 0
    listener.answers = []
    await wire.shop.boss.do("webhook.send-again", message_id=line["id"])
    assert await wire.send() == 1
    assert [(one["state"], one["fault"]) for one in await wire.log(number)] == [("sent", "")]


async def test_only_what_was_asked_for_is_told(wire: Wire, listener: Listener) -> None:
    """By event and by subtree: above, not beside; a suspended one is silent."""
    above = (await wire.hook(listener.url, "reseller", ["balance.negative"]))["webhook"]["id"]
    beside = (await wire.hook(listener.url, "other"))["webhook"]["id"]
    await wire.pay("5")
    await wire.pay("-7")
    await wire.pay("-1")
    assert await wire.send() == 1
    assert [one["body"]["data"]["balance"] for one in await wire.log(above)] == ["-2.00"]
    assert await wire.log(beside) == []
    await wire.shop.boss.do("webhook.edit", webhook_id=above, state="suspended")
    await wire.pay("10")
    await wire.pay("-10")
    assert await wire.send() == 0


async def test_nothing_is_told_that_did_not_happen(wire: Wire, listener: Listener) -> None:
    """A refused request leaves no message."""
    await wire.hook(listener.url)
    boss, account = wire.shop.boss, wire.shop.ids["customer"]
    assert (await boss.ask("payment.make", key="k", account_id=account, amount="-1", reason="x")).status == 409
    assert await wire.send() == 0


async def test_a_wall_around_the_operators_network(shop: Shop, listener: Listener) -> None:
    """Neither by address nor by a name that leads there."""
    wire = Wire(shop, private=False)
    me, own = shop.reseller, shop.ids["reseller"]

    async def make(url: str) -> Got:
        return await me.ask("webhook.make", account_id=own, url=url, events=["payment.posted"])

    assert "https:// was expected" in str((await make("http://hooks.example.net/")).body)
    assert "no public network" in str((await make("https://127.0.0.1/")).body)
    named = (await make(f"https://127.0.0.1.localtest.invalid:{listener.port}/")).ok()
    await shop.boss.do("payment.make", key="k", account_id=shop.ids["customer"], amount="1", reason="x")
    assert await wire.send() == 1
    (line,) = await wire.log(named["webhook"]["id"])
    assert (line["state"], line["status"]) == ("waiting", 0)
    await wire.sender.close()
    assert listener.got == []


class Names(AbstractResolver):
    """Names as somebody's own name server would tell them."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The same for every name."""
        rest = {"port": port, "family": family, "proto": 0, "flags": 0}
        return [ResolveResult(hostname=host, host=one, **rest) for one in self.addresses]  # type: ignore[typeddict-item]

    async def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1"])
async def test_a_name_that_leads_inside_is_not_asked(inside: str) -> None:
    """It is looked at where the connection is made; of several addresses the public ones are left."""
    with pytest.raises(OSError, match="no public network"):
        await Guarded(Names(inside), private=False).resolve("hooks.example.net", 443)
    (left,) = await Guarded(Names(inside, "198.41.0.4"), private=False).resolve("hooks.example.net", 443)
    assert left["host"] == "198.41.0.4"
    (own,) = await Guarded(Names(inside), private=True).resolve("hooks.example.net", 443)
    assert own["host"] == inside


async def test_who_hangs_holds_up_no_other(wire: Wire, slow: Slow, listener: Listener) -> None:
    """Neither in this round nor in the next ones, by however many messages: one hook has few places."""
    await wire.hook(slow.url)
    other = (await wire.hook(listener.url))["webhook"]["id"]
    for _ in range(EACH_MAX + 2):
        await wire.pay("1")
    await wire.sender.send_due()
    await slow.asked(EACH_MAX)
    await wire.pay("2")
    await wire.sender.send_due()
    await until(lambda: len(listener.got) == EACH_MAX + 3)
    slow.released.set()
    await wire.sender.settle()
    assert (slow.most, len(slow.got)) == (EACH_MAX, EACH_MAX + 3)
    assert [line["state"] for line in await wire.log(other)] == ["sent"] * (EACH_MAX + 3)


async def test_who_failed_last_takes_few_places(wire: Wire, slow: Slow, listener: Listener) -> None:
    """However many they are; whoever answers is told meanwhile, and is one of the others again."""
    hooks = [(await wire.hook(slow.url, "reseller"))["webhook"]["id"] for _ in range(4)]
    wire.sender._failing.update(hooks)
    for _ in range(2):
        await wire.pay("1")
    await wire.sender.send_due()
    await slow.asked(AGAIN_MAX)
    await wire.hook(listener.url)
    await wire.pay("2")
    await wire.sender.send_due()
    await until(lambda: bool(listener.got))
    assert slow.most == AGAIN_MAX
    slow.released.set()
    await wire.sender.settle()
    while await wire.send():
        pass  # what is due to those that answer again is for the others' places
    assert (len(slow.got), wire.sender._failing) == (12, set())


async def test_a_sender_that_ends_sends_again_later(wire: Wire, slow: Slow) -> None:
    """Under the same id, once its claim is over; not before, and by nobody else."""
    number = (await wire.hook(slow.url))["webhook"]["id"]
    await wire.pay("5")
    await wire.sender.send_due()
    await slow.asked(1)
    await wire.sender.close()
    slow.released.set()
    wire.sender = Sender(wire.shop.office.engine, wire.config, lambda: wire.now_ms)
    assert await wire.send() == 0
    assert await wire.send(CLAIM_MS // 1000 + 1) == 1
    assert len({headers["webhook-id"] for headers, _ in slow.got}) == 1
    assert [line["state"] for line in await wire.log(number)] == ["sent"]


async def test_it_is_told_again_after_an_attempts_end(wire: Wire, slow: Slow) -> None:
    """Not after its beginning."""
    await wire.hook(slow.url)
    await wire.pay("5")
    slow.answers = [500]
    slow.released.set()

    def late() -> None:
        wire.now_ms += 60_000

    slow.before_answer = late
    assert await wire.send() == 1
    assert await wire.send(WAITS_S[0] - 1) == 0
    assert await wire.send(1) == 1


async def test_webhooks_are_apart(wire: Wire, listener: Listener) -> None:
    """Of another reseller: not there; a customer has its own; finance may not."""
    theirs = (await wire.hook(listener.url, "foreign"))["webhook"]["id"]
    for endpoint in ("webhook.show", "webhook.edit", "webhook.change-secret", "webhook.remove", "webhook.messages"):
        assert (await wire.shop.reseller.ask(endpoint, webhook_id=theirs)).status == 404
    await wire.pay("1", "foreign")
    message = (await wire.log(theirs))[0]["id"]
    assert (await wire.shop.reseller.ask("webhook.send-again", message_id=message)).status == 404
    made = {"account_id": wire.shop.ids["customer"], "url": listener.url, "events": ALL}
    assert (await wire.shop.customer.ask("webhook.make", **made)).status == 201
    finance = await wire.shop.office.hire(wire.shop.boss, 1, "f@op.example", [wire.shop.office.roles["finance"]])
    assert (await finance.ask("webhook.make", **made)).status == 403
    assert (await wire.shop.boss.ask("webhook.remove", webhook_id=theirs)).status == 204
    unknown = await wire.shop.boss.ask("webhook.make", **made | {"events": ["x"]})
    assert (unknown.status, unknown["errors"][0]["pointer"]) == (422, "/events/0")


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "192.0.2.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.0.0.1",
        "64:ff9b::a00:1", "2002:a00:1::", "2001:db8::1", "2001:0:4136:e378:8000:63bf:f5ff:fffe", "no address",
    ],
)  # fmt: skip
def test_no_public_address(text: str) -> None:
    """Nor what hides one inside."""
    assert not is_public(text)


def test_a_public_address() -> None:
    """Of both families."""
    assert is_public("198.41.0.4")
    assert is_public("2001:503:ba3e::2:30")
    assert is_public("::ffff:198.41.0.4")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://a.example/", "https"),
        ("https://user@a.example/", "without user"),
        ("https://a.example/#x", "without user"),
        ("https://a.example:0/", "port 0"),
        ("https://a.example:99999/", "such as"),
        ("https://localhost/", "whole name"),
        ("https://2130706433/", "whole name"),
        ("https://a..example/", "whole name"),
        ("https://.example/", "whole name"),
        (f"https://{'a' * 64}.example/", "whole name"),
        ("https://[::1]/", "no public network"),
        ("https://[::ffff:127.0.0.1]/", "no public network"),
        ("https:///x", "without user"),
        ("https://a.example/\r\nX: y", "plain characters"),
        ("https://a.example/" + "x" * 500, "plain characters"),
    ],
)
def test_no_address_to_tell(url: str, said: str) -> None:
    """Each with what was expected."""
    assert said in str(url_problem(url, private=False))


async def test_a_name_that_cannot_be_asked_for_is_a_fault_of_that_message_alone() -> None:
    """Of a webhook that was made when such names were taken: the task of all webhooks would end with it."""
    poster = Poster(Config())
    for host, said in ((f"{'a' * 64}.example", "whole name"), ("a..example", "whole name")):
        got = await poster.post(Message(f"https://{host}/", "whsec_" + "a" * 32, "msg_1", "{}", {}), NOW_MS)
        assert (got.status, said in got.fault) == (0, True)
    assert url_problem(f"https://{'a' * 63}.example./", private=False) is None
    assert url_problem("http://hooks/", private=True) is None


def test_a_balance_crosses_nothing_once() -> None:
    """Each way."""
    assert crossing(0, -1) is Event.BALANCE_NEGATIVE
    assert crossing(-1, -2) is None
    assert crossing(-1, 0) is Event.BALANCE_RESTORED
    assert crossing(0, 5) is None
