"""Mails that bring a paper along: made when they are sent, and never what keeps a mail from being sent."""

from __future__ import annotations

import io
from email.message import EmailMessage
from pathlib import Path

import pytest
import sqlalchemy as sa
from pypdf import PdfReader
from sqlalchemy.ext.asyncio import AsyncEngine

from service.billing.dunning.dunner import Dunner
from service.database.access_tables import mails
from service.database.billing_tables import invoices
from service.database.engine import reading
from service.messages.papers import Papers
from service.messages.sender import WAITS_S, Sender
from tests.service.company import NOW_MS
from tests.service.mailroom import Mailroom, mailroom
from tests.service.test_invoices import DAY_MS, MONTH_MS, Bureau


class Post(Bureau):
    """A seller whose customer's people get mails."""

    async def open(self) -> None:
        """One invoice is issued."""
        await self.stand(self._open_post)

    async def _open_post(self) -> None:
        await super().open()
        await self.office.hire(self.office.boss, self.ids["customer"], "pay@shop.example")
        async with self.company.engine.begin() as conn:
            await conn.execute(sa.delete(mails))  # that invited them
        await self.talk(3600)
        await self.run()
        (self.invoice,) = await self.invoices("customer")

    async def send(self, room: Mailroom) -> list[EmailMessage]:
        """What comes of what waits, about invoices."""
        before = len(room.got)
        config = self.office.config.model_copy(update={"mail": room.config()})

        async def at_once(_seconds: float) -> None:
            return None

        files = (Papers(self.company.engine).files_of,)
        sender = Sender(self.company.engine, config, lambda: self.office.now_ms, files=files, pause=at_once)
        while await sender.send_due():
            pass
        await sender.close()
        return [one for one in room.letters[before:] if "Invoice" in str(one["Subject"])]


@pytest.fixture
async def post(engine: AsyncEngine, database: str, tmp_path: Path) -> Post:
    """Open for business."""
    post = Post(engine, database, tmp_path)
    await post.open()
    return post


def words_of(letter: EmailMessage) -> dict[str, str]:
    """The first page of each PDF, by its name."""
    files = {str(one.get_filename()): one for one in letter.iter_attachments()}
    assert {one.get_content_type() for one in files.values()} <= {"application/pdf"}
    return {name: PdfReader(io.BytesIO(one.get_content())).pages[0].extract_text() for name, one in files.items()}


async def test_an_invoice_comes_with_its_pdf(post: Post) -> None:
    """Another attempt brings the same file; nothing of it is kept in the queue."""
    with mailroom() as room:
        room.answers["pay@shop.example"] = ["451 later", "451 later"]
        assert await post.send(room) == []
        post.office.now_ms += WAITS_S[0] * 1000
        await post.send(room)
        post.office.now_ms += WAITS_S[1] * 1000
        (letter,) = await post.send(room)
    number = post.invoice["number"]
    (words,) = words_of(letter).values()
    assert list(words_of(letter)) == [f"{number}.pdf"]
    assert (number in words, post.invoice["total"] in words, "customer Ltd" in words) == (True, True, True)
    async with reading(post.company.engine) as conn:
        fields = list((await conn.execute(sa.select(mails.c.fields).where(mails.c.template == "invoice"))).scalars())
    assert max(len(str(one)) for one in fields) < 500


async def test_a_reminder_comes_with_its_invoice(post: Post) -> None:
    """Whoever has lost it can pay at once."""
    steps = [{"kind": "reminder", "days": 1}]
    (await post.ask("dunning.edit", "lower", steps=steps)).ok()
    with mailroom() as room:
        await post.send(room)
        post.office.now_ms = NOW_MS + MONTH_MS + 17 * DAY_MS
        await Dunner(post.company.engine, post.office.config).work(post.office.now_ms)
        (letter,) = await post.send(room)
    assert "overdue" in str(letter["Subject"])
    assert list(words_of(letter)) == [f"{post.invoice['number']}.pdf"]


async def test_what_has_no_paper_is_told_without(post: Post) -> None:
    """What can't stand on paper, such as what has no number: the mail goes, and says where to look."""
    await post.terms("customer", reviewed=True)
    await post.talk(60)
    await post.run(2 * MONTH_MS)
    draft = (await post.invoices("customer"))[1]
    assert draft["state"] == "draft"
    with mailroom() as room:
        await post.send(room)
        fields = {"invoice_id": draft["id"], "number": "7", "total": "1", "currency": "EUR", "due": "today"}
        mail = {"account_id": post.ids["customer"], "recipient": "pay@shop.example", "template": "invoice"}
        async with post.company.engine.begin() as conn:
            people = sa.select(invoices.c.seller, invoices.c.buyer).where(invoices.c.id == post.invoice["id"])
            frozen = (await conn.execute(people)).one()._asdict()
            await conn.execute(sa.update(invoices).where(invoices.c.id == draft["id"]).values(**frozen))
            await conn.execute(sa.insert(mails).values(**mail, fields=fields, created_ms=NOW_MS))
        (letter,) = await post.send(room)
    assert words_of(letter) == {}
    assert "Invoice 7" in str(letter["Subject"])
