"""The paper that goes with a mail: of what its fields name, made when the mail is sent, and kept nowhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.billing.document import Document, DocumentFault
from service.billing.papers import paper_of
from service.billing.receipt_paper import receipt_document
from service.billing.written import document_of
from service.database.engine import reading
from service.faults import Fault
from service.messages.letters import Attachment

_DOCUMENTS: dict[str, Callable[[AsyncConnection, int], Awaitable[Document]]] = {
    "invoice_id": document_of,
    "receipt_id": receipt_document,
}
"""By the field that names one."""
log = structlog.get_logger("kambill.mails")


async def papers_of(engine: AsyncEngine, fields: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """As PDF, the same bytes each time. What can't stand on paper stands in the portal: the mail goes without it."""
    found = []
    for name in sorted(_DOCUMENTS.keys() & fields.keys()):
        try:
            async with reading(engine) as conn:
                document = await _DOCUMENTS[name](conn, fields[name])
            found.append(Attachment(*await paper_of(document)))
        except (DocumentFault, Fault) as fault:
            log.warning("a mail goes without its paper", **{name: fields[name]}, fault=str(fault))
    return tuple(found)
