"""The paper that goes with a mail: of what its fields name, made when the mail is sent, and kept nowhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from sqlalchemy import Row
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


class Papers:
    """Of one service: one of the sender's `Files`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def files_of(self, row: Row[Any]) -> tuple[Attachment, ...]:
        """As PDF, the same bytes each time. What can't stand on paper stands in the portal: the mail goes without."""
        found = []
        for name in sorted(_DOCUMENTS.keys() & row.fields.keys()):
            try:
                async with reading(self._engine) as conn:
                    document = await _DOCUMENTS[name](conn, row.fields[name])
                found.append(Attachment(*await paper_of(document)))
            except (DocumentFault, Fault) as fault:
                log.warning("a mail goes without its paper", mail=row.id, fault=str(fault))
        return tuple(found)
