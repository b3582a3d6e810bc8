"""By which number a call that has ended was rated."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.tables import cdrs


def rated_number() -> sa.ColumnElement[str]:
    """The routing number of a ported one, else the number that was called."""
    return sa.case((cdrs.c.routing_number != "", cdrs.c.routing_number), else_=cdrs.c.called)
