"""The API of trying a template: filled in with an account's data or an example's, looked at, or mailed to oneself."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from pydantic import Field
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.problems import invalid
from service.api.values import AccountId, Asked, InvoiceId
from service.messages.composing import common_values, faults_text, values_of
from service.messages.samples import NEEDS, OF_INVOICES, fields_for
from service.messages.sellers import seller_of
from service.messages.trying import first_person, mail_to_oneself
from service.messages.views import Body, MailView, Subject
from service.sellers.brand import check_sells
from service.sellers.mail import Mail, Template, check_texts, named, template_of
from service.sellers.reading import read_in
from service.sellers.templates import KINDS, fill, fill_subject, places_in

PAPERS = ("invoice_id", "receipt_id")
"""Fields that bring a paper along."""
FAULTS = [("conservation", ["entry {0}: {1} micro-units of {2} where {3} were expected", 7, 1, "EUR", 0])]
"""What the example of the doctor's mail says, for who reads another language."""


class Trial(Asked):
    """A text to try."""

    subject: Annotated[Subject | None, Field(description="null: as it stands")] = None
    text: Annotated[Body | None, Field(description="null: likewise")] = None
    account_id: Annotated[AccountId | None, Field(description="Whose data; null: an example's")] = None
    invoice_id: Annotated[InvoiceId | None, Field(description="One of the account's; null: its last one")] = None


class TriedMail(Mail):
    """A mail, filled in."""

    examples: Annotated[list[str], Field(description="Placeholders that show an example: the account has nothing yet")]


class _Filled(NamedTuple):
    """A text with its values."""

    mail: TriedMail
    seller_id: int
    """In whose name it would be sent."""
    papers: dict[str, int]


async def preview_template(call: Call) -> Answer:
    """What a mail would look like; nothing is kept, nothing sent."""
    return Answer((await _filled(call)).mail)


async def try_template(call: Call) -> Answer:
    """One mail to whoever asks, in the name that customers would read, with its paper if it would have one."""
    check_sells(call.row)
    kind, language = named(call)
    filled = await _filled(call)
    drafted = {"subject": filled.mail.subject, "text": filled.mail.text, "language": language}
    view = await mail_to_oneself(call, kind, {"seller_id": filled.seller_id, "drafted": drafted, **filled.papers})
    told = {"kind": kind, "language": language, "recipient": view.recipient}
    await call.audit("mail-template.try", "mail-template", call.row.id, call.row.id, None, told)
    return Answer(view)


async def _filled(call: Call) -> _Filled:
    """Raises Problem."""
    body: Trial = call.body
    kind, language = named(call)
    subject, text = await template_of(call.conn, call.row.path, kind, language)
    tried = Template(subject=body.subject or subject, text=body.text or text)
    check_texts(kind, tried)
    values: dict[str, str] = {}
    papers, seller_id = {}, call.row.id
    if body.account_id is not None:
        account = await _account(call, kind)
        fields = await fields_for(call.conn, kind, account, body.invoice_id)
        if body.invoice_id is not None and not fields:
            raise invalid("/invoice_id", "this is no issued invoice of the account, or the mail says nothing of one")
        seller = await seller_of(call.conn, call.api.config, account)
        seller_id = seller.id
        person = await first_person(call.conn, account.id)
        values = common_values(account, seller, person)
        reader = person._replace(language=language)
        values |= read_in(values_of(kind, fields, values, call.now_ms, reader), language)
        papers = {name: fields[name] for name in PAPERS if name in fields}
    shown = {**_examples(kind, language), **values}
    told = sorted((places_in(tried.subject) | places_in(tried.text)) - values.keys())
    mail = TriedMail(subject=fill_subject(tried.subject, shown), text=fill(tried.text, shown), examples=told)
    return _Filled(mail, seller_id, papers)


def _examples(kind: str, language: str) -> dict[str, str]:
    """Of what is not told otherwise."""
    found = read_in(KINDS[kind].placeholders, language)
    return found | {"faults": faults_text(FAULTS, language)} if "faults" in found else found


async def _account(call: Call, kind: str) -> Row[Any]:
    """Whose data, if one may see them. Raises Problem."""
    body: Trial = call.body
    if kind in NEEDS:
        call.need(NEEDS[kind])
    account = await call.find("account", body.account_id or 0)
    if not account.path.startswith(call.row.path) or (account.id == call.row.id and account.parent_id is not None):
        raise invalid("/account_id", "such mails go to accounts below the seller: name one of them")
    if body.invoice_id is not None and kind not in OF_INVOICES:
        raise invalid("/invoice_id", f"a mail of the kind {kind} says nothing of an invoice")
    return account


_P = Permission
_ONE = "/accounts/{account_id}/mail-templates/{kind}/{language}"
ENDPOINTS = [
    Endpoint(
        "mail-template.preview", "POST", f"{_ONE}/preview", _P.MESSAGES_READ, preview_template,
        "Preview a mail template", Trial, answer=TriedMail, reads=True,
    ),
    Endpoint(
        "mail-template.try", "POST", f"{_ONE}/trial", _P.MESSAGES_CHANGE, try_template,
        "Mail a template to oneself", Trial, answer=MailView, key=Key.NONE,
    ),
]  # fmt: skip
