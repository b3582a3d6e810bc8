"""How alembic runs here: on the connection that the service hands over, never by a URL of its own."""

from __future__ import annotations

import warnings

from alembic import context

from service.database import (  # noqa: F401 -- their tables belong to the metadata
    access_tables,
    bank_tables,
    billing_tables,
    call_tax_tables,
    commission_tables,
    delivery_tables,
    dunning_tables,
    edge_tables,
    fraud_tables,
    interconnect_tables,
    message_tables,
    nightly_tables,
    notice_tables,
    payment_tables,
    peer_tables,
    portal_tables,
    product_tables,
    ratebook_tables,
    receipt_tables,
    recharge_tables,
    rerating_tables,
    reversal_tables,
    seller_tables,
    switch_tables,
    tables,
    traffic_tables,
    webhook_tables,
)
from service.database.columns import metadata

OF_EXPRESSIONS = frozenset({"ix_invoices_open_micros"})
"""Indexes that no metadata has, since they can't be compared with what stands."""


def is_compared(_thing: object, name: str | None, kind: str, *_: object) -> bool:
    """Whether a thing of the database is to be one of the metadata's."""
    return kind != "index" or name not in OF_EXPRESSIONS


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    compare_server_default=False,
    include_object=is_compared,
)
with context.begin_transaction(), warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index")
    context.run_migrations()
