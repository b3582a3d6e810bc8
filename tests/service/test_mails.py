"""The queue of mails: each one handed over once, in its seller's name, whatever the server says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.policy import SMTP
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Row

from service import app
from service.config import ConfigFault, Mail, parse_config
from service.database.access_tables import mails
from service.database.engine import reading
from service.messages import sender as senders
from service.messages.letters import Attachment, Letter, LetterFault, bytes_of, page_of
from service.messages.letters import Sender as From
from service.messages.relay import RelayAway
from service.messages.sender import AWAITED_KINDS, LEASE_MS, WAITS_S, Sender
from service.sellers.templates import KINDS
from tests.service.mailroom import Mailroom, mailroom, part
from tests.service.office import NOW_MS
from tests.service.test_sellers import Trade, trade
from tests.waiting import PATIENCE_S

__all__ = ["trade"]


@pytest.fixture
def room() -> Iterator[Mailroom]:
    """A mail server."""
    with mailroom() as room:
        yield room


class Desk:
    """A trade whose mails are sent."""

    def __init__(self, trade: Trade, mail: Mail) -> None:
        self.trade = trade
        self.now_ms = NOW_MS
        self.config = trade.office.config.model_copy(update={"mail": mail})
        self.waited: list[float] = []
        self.sender = self.another()

    def another(self, **more: Any) -> Sender:
        """A sender, as of another process."""
        return Sender(self.trade.office.engine, self.config, lambda: self.now_ms, pause=self._pause, **more)

    async def _pause(self, seconds: float) -> None:
        self.waited.append(seconds)

    async def put(self, account_id: int, recipient: str, template: str = "welcome", **fields: Any) -> int:
        """One more in the queue."""
        values = {"account_id": account_id, "recipient": recipient, "template": template, "fields": fields}
        async with self.trade.office.engine.begin() as conn:
            made = await conn.execute(sa.insert(mails).values(**values, created_ms=NOW_MS).returning(mails.c.id))
            return int(made.scalar_one())

    async def empty(self) -> None:
        """Nothing is in it."""
        async with self.trade.office.engine.begin() as conn:
            await conn.execute(sa.delete(mails))

    async def send(self) -> None:
        """Until nothing is due."""
        while await self.sender.send_due():
            pass

    async def row(self, number: int) -> Row[Any]:
        """As it stands."""
        async with reading(self.trade.office.engine) as conn:
            return (await conn.execute(sa.select(mails).where(mails.c.id == number))).one()


@pytest.fixture
async def desk(trade: Trade, room: Mailroom) -> Desk:
    """With an empty queue."""
    desk = Desk(trade, room.config())
    await desk.empty()
    return desk


async def test_an_invitation_has_its_link_and_forgets_it(desk: Desk, room: Mailroom) -> None:
    """Who gets the mail can choose a password by it; the queue keeps no secret afterwards."""
    office = desk.trade.office
    got = await office.boss.do(
        "user.invite",
        account_id=desk.trade.customer_id,
        email="New@c.example",
        name="Ada",
        role_ids=[office.roles["owner"]],
    )
    await desk.send()
    letter = room.letters[0]
    assert (letter["To"], letter["From"]) == ("new@c.example", "reseller <no-reply@mail.example>")
    assert f"https://portal.example/password?link={got['link']}" in part(letter, "plain")
    assert f'href="https://portal.example/password?link={got["link"]}"' in part(letter, "html")
    row = await desk.row(await _last(desk))
    assert (row.state, row.attempts, "link" in row.fields) == ("sent", 1, False)
    assert row.message_id == letter["Message-ID"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Won: https://evil.example/win", "Won: https: //evil. example/win"),
        ("Claim at WWW.evil.example", "Claim at WWW. evil. example"),
        ("pay.evil.example", "pay. evil. example"),
        ("help@evil.example", "help@evil. example"),
        ("evil\u3002example", "evil\u3002 example"),
        (r"\\evil\share", r"\ \ evil\ share"),
        ("mailto:help@evil", "mailto: help@evil"),
        ("Jane St. John", "Jane St. John"),
        ("Acme Inc.", "Acme Inc."),
        ("J.R.R. Tolkien", "J. R. R. Tolkien"),
        ("new@c.example", "new@c.example"),
    ],
)
async def test_a_name_leads_nobody_elsewhere(desk: Desk, room: Mailroom, name: str, told: str) -> None:
    """Any customer invites strangers, and programs make links of what looks like one; one's own address leads nowhere
    new.
    """
    office = desk.trade.office
    role_ids = [office.roles["owner"]]
    await desk.trade.customer.do(
        "user.invite", account_id=desk.trade.customer_id, email="new@c.example", name=name, role_ids=role_ids
    )
    await desk.send()
    assert [part(room.letters[0], kind).count(told) for kind in ("plain", "html")] == [1, 1]


async def _last(desk: Desk) -> int:
    async with reading(desk.trade.office.engine) as conn:
        return int((await conn.execute(sa.select(sa.func.max(mails.c.id)))).scalar_one())


async def test_a_resellers_mail_carries_its_name_only(desk: Desk, room: Mailroom) -> None:
    """Name, address, colours and host are the seller's; of whoever stands above it nothing is said."""
    boss, trade = desk.trade.office.boss, desk.trade
    operator = {"company": "Operator Inc", "sender_address": "op@op.example", "sender_name": "Op"}
    await boss.do("brand.edit", account_id=1, address="1 Op Street", host="portal.op.example", **operator)
    brand = {"company": "Réseller & Söhne", "sender_name": "Réseller", "sender_address": "hi@r.example"}
    await trade.reseller.do(
        "brand.edit", account_id=trade.reseller_id, **brand, host="tel.r.example", primary_colour="#aa0000"
    )
    await desk.put(trade.customer_id, "c@c.example")
    await desk.put(trade.other_id, "o@o.example")
    await desk.send()
    ours, theirs = (envelope.content or b"" for envelope in room.got)
    letter = room.letters[0]
    assert (letter["From"], room.got[0].mail_from) == ("Réseller <hi@r.example>", "hi@r.example")
    assert str(letter["Message-ID"]).endswith("@r.example>")
    assert "https://tel.r.example" in part(letter, "plain")
    html = part(letter, "html")
    assert ("background:#aa0000" in html, "Réseller &amp; Söhne" in html) == (True, True)
    for word in (b"Operator", b"op.example", b"mail.example", b"portal.example", b"Kambill"):
        assert word not in bytes(ours)
    assert b"Operator Inc" in bytes(theirs)


async def test_a_reseller_without_a_brand_is_not_called_as_the_operator(desk: Desk, room: Mailroom) -> None:
    """What a brand would inherit names somebody else."""
    await desk.trade.office.boss.do("brand.edit", account_id=1, company="Operator Inc", sender_address="op@op.example")
    await desk.put(desk.trade.customer_id, "c@c.example")
    await desk.send()
    assert room.letters[0]["From"] == "reseller <no-reply@mail.example>"
    assert b"Operator" not in bytes(room.got[0].content or b"")


async def test_what_is_refused_for_now_is_tried_again(desk: Desk, room: Mailroom) -> None:
    """Each time later, with the same Message-ID, until nobody hopes any more."""
    room.answers["a@c.example"] = ["451 come back"]
    number = await desk.put(desk.trade.customer_id, "a@c.example")
    await desk.send()
    row = await desk.row(number)
    assert (row.state, row.fault, row.next_ms) == ("waiting", "451 come back", NOW_MS + WAITS_S[0] * 1000)
    desk.now_ms = row.next_ms - 1
    await desk.send()
    assert room.got == []
    desk.now_ms += 1
    await desk.send()
    assert (await desk.row(number)).state == "sent"
    assert room.letters[0]["Message-ID"] == row.message_id

    room.answers["b@c.example"] = ["451 no"] * 20
    number = await desk.put(desk.trade.customer_id, "b@c.example")
    for _ in range(len(WAITS_S) + 3):
        await desk.send()
        desk.now_ms += 86_400_000
    row = await desk.row(number)
    assert (row.state, row.attempts, row.fault) == ("failed", len(WAITS_S) + 1, "451 no")


async def test_a_refusal_for_good_keeps_the_servers_words(desk: Desk, room: Mailroom) -> None:
    """And the mails behind it go on."""
    room.answers["gone@c.example"] = ["550 5.1.1 no such user"]
    numbers = [await desk.put(desk.trade.customer_id, one) for one in ("gone@c.example", "no address", "c@c.example")]
    unknown = await desk.put(desk.trade.customer_id, "c@c.example", "telegram")
    await desk.send()
    rows = [await desk.row(number) for number in [*numbers, unknown]]
    assert [row.state for row in rows] == ["failed", "failed", "sent", "failed"]
    assert rows[0].fault == "550 5.1.1 no such user"
    assert "no mail can be made of it" in rows[1].fault
    assert rows[3].fault == "there is no template 'telegram'"
    assert room.recipients == ["c@c.example"]


@asynccontextmanager
async def _server(**answers: bytes) -> AsyncIterator[int]:
    """A mail server that says something of its own to some commands; its port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            verb = line[:4].strip().decode()
            writer.write(answers.get(verb, b"354 go on\r\n" if verb == "DATA" else b"250 OK\r\n"))
            if verb == "DATA":
                while (await reader.readline()).strip() != b".":
                    pass
                writer.write(answers["text"])
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("answers", "state", "told"),
    [
        ({"RCPT": "550 Benoît n'est pas ici\r\n".encode("latin-1")}, "failed", "550 Beno\ufffdt n'est pas ici"),
        ({"MAIL": b"553 \xff\x00\r\n"}, "failed", "553 \ufffd\ufffd"),
        ({"text": b"554 no\x00\x1b[31m\r\n"}, "failed", "554 no\ufffd\ufffd[31m"),
        ({"text": b"451 sp\xe4ter\r\n"}, "waiting", "451 sp\ufffdter"),
    ],
)
async def test_words_that_no_ledger_takes_are_noted_too(
    desk: Desk, room: Mailroom, answers: dict[str, bytes], state: str, told: str
) -> None:
    """Else the mail was tried for ever, and those behind it waited for its claim each time."""
    async with _server(**answers) as port:
        desk.config = desk.config.model_copy(update={"mail": room.config(port=port)})
        sender = desk.another()
        both = [await desk.put(desk.trade.customer_id, f"{name}@c.example") for name in "cd"]
        assert await sender.send_due() == 2
        rows = [await desk.row(number) for number in both]
        await sender.close()
    assert [(row.state, row.attempts, row.fault) for row in rows] == [(state, 1, told)] * 2


async def test_a_crash_between_data_and_the_note_repeats_one_mail(desk: Desk, room: Mailroom) -> None:
    """Nobody takes it before the lease is over; then it comes with the same Message-ID, and only this one."""
    for name in ("a", "b", "c"):
        await desk.put(desk.trade.customer_id, f"{name}@c.example")

    async def die(_seconds: float) -> None:
        raise KeyboardInterrupt

    class Dying(Sender):
        async def _note(self, *_: Any) -> None:
            raise KeyboardInterrupt

    dying = Dying(desk.trade.office.engine, desk.config, lambda: desk.now_ms, pause=die)
    with pytest.raises(KeyboardInterrupt):
        await dying.send_due()
    await dying.close()
    await desk.send()
    assert room.recipients == ["a@c.example"]
    desk.now_ms += LEASE_MS + 1
    await desk.send()
    assert room.recipients == ["a@c.example", "a@c.example", "b@c.example", "c@c.example"]
    first, second = room.letters[:2]
    assert first["Message-ID"] == second["Message-ID"]
    assert (part(first, "plain"), first["Date"]) == (part(second, "plain"), second["Date"])


async def test_two_senders_never_send_the_same(desk: Desk, room: Mailroom) -> None:
    """What one has claimed the other one leaves."""
    for number in range(30):
        await desk.put(desk.trade.customer_id, f"{number}@c.example")
    first, other = desk.sender, desk.another()
    claimed = await first._claim(desk.now_ms)
    while await other.send_due():
        pass
    assert len(room.got) == 30 - len(claimed)
    await first._free(claimed)
    await desk.send()
    assert sorted(room.recipients) == sorted(f"{number}@c.example" for number in range(30))
    await other.close()


async def test_a_connection_that_breaks_is_made_again(desk: Desk, room: Mailroom) -> None:
    """The mail that was on its way comes again; the next one doesn't wait for it."""
    room.answers["a@c.example"] = ["break"]
    number = await desk.put(desk.trade.customer_id, "a@c.example")
    await desk.put(desk.trade.customer_id, "b@c.example")
    await desk.send()
    assert (await desk.row(number)).state == "waiting"
    assert room.recipients == ["a@c.example", "b@c.example"]
    desk.now_ms += WAITS_S[0] * 1000
    await desk.send()
    assert room.letters[2]["Message-ID"] == room.letters[0]["Message-ID"]


async def test_a_server_that_is_away_costs_no_attempt(desk: Desk, room: Mailroom) -> None:
    """It is told where, and everything waits."""
    desk.config = desk.config.model_copy(update={"mail": room.config(port=1)})
    number = await desk.put(desk.trade.customer_id, "a@c.example")
    with pytest.raises(RelayAway, match=r"mail server 127\.0\.0\.1:1: .*see `mail` in kambill.yaml"):
        await desk.another().send_due()
    row = await desk.row(number)
    assert (row.state, row.attempts, row.claimed_ms) == ("waiting", 0, 0)


async def test_without_a_server_mails_wait(desk: Desk) -> None:
    """Off is no fault."""
    desk.config = desk.config.model_copy(update={"mail": Mail()})
    number = await desk.put(desk.trade.customer_id, "a@c.example")
    assert await desk.another().send_due() == 0
    assert (await desk.row(number)).state == "waiting"


async def test_a_file_that_is_never_ready_holds_up_no_other_mail(
    desk: Desk, room: Mailroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told, and comes again; those behind it go in the same round."""
    hangs = True

    async def make(mail: Row[Any]) -> tuple[()]:
        if hangs and mail.recipient == "a@c.example":
            await asyncio.sleep(60)
        return ()

    monkeypatch.setattr(senders, "MAKE_S", 0.2)
    number = await desk.put(desk.trade.customer_id, "a@c.example")
    await desk.put(desk.trade.customer_id, "b@c.example")
    sender = desk.another(files=(make,))
    await sender.send_due()
    row = await desk.row(number)
    assert (room.recipients, row.state, row.attempts) == (["b@c.example"], "waiting", 1)
    assert "took longer than 0.2 s to make" in row.fault
    hangs = False
    desk.now_ms += WAITS_S[0] * 1000
    await sender.send_due()
    await sender.close()
    assert room.recipients == ["b@c.example", "a@c.example"]


async def test_who_forgot_a_password_waits_for_no_file(
    desk: Desk, room: Mailroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor for those that were taken up together with it, by whatever the service does about mails."""
    begun = asyncio.Event()

    async def make(_mail: Row[Any]) -> tuple[()]:
        begun.set()
        await asyncio.Event().wait()
        return ()

    monkeypatch.setattr(app, "_files", lambda *_: (make,))
    monkeypatch.setattr(app, "MAIL_S", 0.01)
    for name in ("a", "b"):
        told = {"number": "17", "total": "1.00", "currency": "EUR", "received": "2026-12-01"}
        await desk.put(desk.trade.customer_id, f"{name}@c.example", "receipt", **told)
    service = app.Service(desk.config, desk.trade.office.engine)
    tasks = [asyncio.create_task(service.keep(name)) for name in service.tasks() if name.endswith("mails")]
    try:
        async with asyncio.timeout(PATIENCE_S):
            await begun.wait()
            await desk.put(desk.trade.customer_id, "late@c.example", "reset", link="x", expires="soon")
            while not room.recipients:  # noqa: ASYNC110 -- the mail server stands in a thread of its own
                await asyncio.sleep(0.01)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await service.close()
    assert room.recipients == ["late@c.example"]


def test_no_awaited_mail_has_a_file() -> None:
    """Those kinds that have one are made by the other sender; every kind is one's or the other's."""
    assert KINDS.keys() >= AWAITED_KINDS
    assert AWAITED_KINDS & {"invoice", "due_soon", "receipt", "reminder", "rate_change", "report", "cdr_file"} == set()


async def test_the_rate_is_kept(desk: Desk, room: Mailroom) -> None:
    """A pause behind each mail."""
    desk.config = desk.config.model_copy(update={"mail": room.config(rate_per_s=4)})
    sender = desk.another()
    for name in ("a", "b"):
        await desk.put(desk.trade.customer_id, f"{name}@c.example")
    await sender.send_due()
    await sender.close()
    assert desk.waited == [0.25, 0.25]


LETTER = Letter(From("A", "a@a.example", "A"), "b@b.example", "Hi", "text", "<1@a.example>", NOW_MS)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_becomes_a_header(subject: str, name: str) -> None:
    """Either a mail with exactly its headers comes of it, or none."""
    hostile = LETTER._replace(subject=subject, sender=LETTER.sender._replace(name=name))
    try:
        raw = bytes_of(hostile)
    except LetterFault:
        return
    head = raw.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    assert sorted(line.partition(b":")[0] for line in head.split(b"\r\n")) == sorted(
        [b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Auto-Submitted", b"Content-Language", b"MIME-Version",
         b"Content-Type"]
    )  # fmt: skip


@pytest.mark.parametrize("text", ["Hi\r\nBcc: x@x.example", "Hi\nX: y", "Hi\rX: y"])
def test_line_breaks_in_headers_are_refused(text: str) -> None:
    """Wherever they would stand."""
    for broken in (LETTER._replace(subject=text), LETTER._replace(sender=LETTER.sender._replace(name=text)),
                   LETTER._replace(recipient=f"b@b.example{text}"), LETTER._replace(unsubscribe=text)):  # fmt: skip
        with pytest.raises(LetterFault):
            bytes_of(broken)


@pytest.mark.parametrize(
    "text",
    ["=?utf-8?q?Hi=0D=0ABcc:_x@x.example?=", "=?utf-8?b?SGkNCkJjYzogeEB4LmV4YW1wbGU=?=", "a =?utf-8?q?=E2=80=AEb?="],
)
def test_nothing_is_decoded_on_its_way_into_a_header(text: str) -> None:
    """What a browser's form refuses, and mail programs would show: line breaks, marks that turn what follows."""
    sender, file = LETTER.sender._replace(name=text), Attachment(f"{text}.csv", "text/csv", b"a")
    raw = bytes_of(LETTER._replace(subject=text, sender=sender, attachments=(file,)))
    assert not any(line.startswith(b"Bcc") for line in raw.splitlines())
    got = message_from_bytes(raw, policy=SMTP)
    told = text.replace("=?", "= ?")
    assert (got["Subject"], got["From"].addresses[0].display_name) == (told, told)
    assert [one.get_filename() for one in got.iter_attachments()] == [f"{told}.csv"]


@pytest.mark.parametrize("mark", ["\x85", "\u2028", "\u2029"])
def test_a_name_with_a_strange_line_break_is_mailed(mark: str) -> None:
    """It may stand in an account's name, and so in a subject: it is a blank there."""
    got = message_from_bytes(bytes_of(LETTER._replace(subject=f"Hi{mark}you")), policy=SMTP)
    assert got["Subject"] == "Hi you"


def test_markup_in_texts_is_text() -> None:
    """In the page as in its title."""
    page = page_of(LETTER._replace(text='<script>x</script>\n\n"&', subject="</title><b>", language='"><i>'))
    assert ("<script" in page, "<b>" in page, "<i>" in page) == (False, False, False)
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mail: {host: a.example}", "a host needs `sender` too"),
        ("mail: {host: a.example, sender: a@a.example}", "a host needs `portal` too"),
        ("mail: {sender: nobody}", "is no mail address"),
        (
            "mail: {host: a.example, sender: a@a.example, portal: 'https://a.example', user: me}",
            "write both or neither",
        ),
        ("mail: {user: me, password_file: /etc/pw, tls: none}", "a password is sent only by TLS"),
        ("mail: {hots: a.example}", "unknown setting"),
    ],
)
def test_a_wrong_configuration_says_what_is_wrong(text: str, told: str) -> None:
    """And where."""
    with pytest.raises(ConfigFault, match=told):
        parse_config(text, "kambill.yaml")
