"""A letter, and the bytes that a mail server takes. Pure.

Everything that goes into a header passes `EmailMessage` with the policy SMTP, which refuses line breaks there.
"""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import NamedTuple

from service.portal.colours import PRIMARY, text_on

TEXT_STYLE = "background:#ffffff;padding:16px 24px;max-width:640px;overflow-wrap:anywhere"
BODY_STYLE = "margin:0;background:#f4f5f7;font-family:sans-serif;color:#212529"
_UNSUBSCRIBE = re.compile(r"https?://[A-Za-z0-9.:\[\]/-]{1,400}")
_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,:;!?)]")
_SEPARATORS = str.maketrans("\x85\u2028\u2029", "   ")
"""No line breaks to SMTP, but to EmailMessage: a mail with such a name in its subject would never be sent."""


class LetterFault(ValueError):
    """This can't be a mail, ever. The text says what is wrong."""


class Attachment(NamedTuple):
    """A file beside the text."""

    name: str
    type: str
    """Such as text/csv."""
    content: bytes


class Sender(NamedTuple):
    """In whose name a mail is sent: a seller's, and nobody else's."""

    name: str
    address: str
    company: str = ""
    company_address: str = ""
    portal: str = ""
    """What links begin with: no slash at its end; empty: there is none."""
    colour: str = ""
    """Of the bar above; empty: the program's own."""


class Letter(NamedTuple):
    """A mail, filled in."""

    sender: Sender
    recipient: str
    subject: str
    text: str
    message_id: str
    created_ms: int
    language: str = "en"
    unsubscribe: str = ""
    """Where one click ends such mails (RFC 8058); empty: it is essential."""
    attachments: tuple[Attachment, ...] = ()


def bytes_of(letter: Letter) -> bytes:
    """As it is sent. Raises LetterFault."""
    try:
        return _unsubscribing(letter.unsubscribe) + _message(letter).as_bytes()
    except (ValueError, MessageError, IndexError, UnicodeError) as fault:  # the parser of addresses has all of these
        raise LetterFault(f"no mail can be made of it: {fault}") from fault


def _message(letter: Letter) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(_as_it_stands(letter.sender.name), addr_spec=letter.sender.address)
    message["To"] = Address(addr_spec=letter.recipient)
    message["Subject"] = _as_it_stands(letter.subject.translate(_SEPARATORS))
    message["Date"] = datetime.fromtimestamp(letter.created_ms // 1000, UTC)
    message["Message-ID"] = letter.message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answers it
    message.set_content(letter.text)
    message.add_alternative(page_of(letter), subtype="html")
    for one in letter.attachments:
        kind, _, subtype = one.type.partition("/")
        message.add_attachment(one.content, maintype=kind, subtype=subtype, filename=_as_it_stands(one.name))
    message["Content-Language"] = letter.language  # last: what is about the content moves into its parts
    return message


def _as_it_stands(text: str) -> str:
    """In a header. EmailMessage would decode what looks like an encoded word (RFC 2047, 2), line breaks and all: into
    an attachment's name they came as such.
    """
    return text.replace("=?", "= ?")


def _unsubscribing(link: str) -> bytes:
    """Headers of RFC 8058. EmailMessage would encode an address that is longer than a line, and nobody decodes it."""
    if not link:
        return b""
    if not _UNSUBSCRIBE.fullmatch(link):
        raise ValueError(f"{link!r} is no address to unsubscribe at")
    return f"List-Unsubscribe: <{link}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n".encode()


def page_of(letter: Letter) -> str:
    """The text as HTML, below a bar in the seller's colour. What is in the text is text."""
    ground = letter.sender.colour or PRIMARY
    bar = f"background:{ground};color:{text_on(ground)};padding:16px 24px;font-size:18px"
    body = "".join(f"<p>{_lines(part)}</p>\n" for part in letter.text.strip().split("\n\n"))
    return (
        f'<!DOCTYPE html>\n<html lang="{html.escape(letter.language)}"><head><meta charset="utf-8">'
        f"<title>{html.escape(letter.subject)}</title></head>\n"
        f'<body style="{BODY_STYLE}">\n<div style="{bar}">{html.escape(letter.sender.company)}</div>\n'
        f'<div style="{TEXT_STYLE}">\n{body}</div>\n</body></html>\n'
    )


def _lines(text: str) -> str:
    """Escaped, its addresses of pages as links."""
    parts, end = [], 0
    for match in _LINK.finditer(text):
        link = html.escape(match[0])
        parts += [html.escape(text[end : match.start()]), f'<a href="{link}">{link}</a>']
        end = match.end()
    return "".join([*parts, html.escape(text[end:])]).replace("\n", "<br>\n")
