"""What the APIs of limits, filters and patterns share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.api.call import Call
from service.api.problems import Problem, invalid
from service.api.values import Words
from service.database.tables import trunks

Action = Literal["warn", "block", "suspend"]
ACTION_MEANING = "warn: an alarm; block: and no further call; suspend: and nothing goes on until somebody lifts it"
Label = Annotated[Words, Field(max_length=100, description="What it is called")]


async def check_setter(call: Call) -> None:
    """Who stands below whoever has set something leaves it alone. Raises Problem."""
    if not await call.find_all("account", [call.row.set_by], to_change=True):
        raise Problem("forbidden", "somebody above has set this")


async def check_trunk(call: Call, account: Row[Any], trunk_id: int | None) -> None:
    """A trunk of the account itself. Raises Problem."""
    if trunk_id is None:
        return
    owner = (await call.conn.execute(sa.select(trunks.c.account_id).where(trunks.c.id == trunk_id))).scalar()
    if owner != account.id:
        raise invalid("/trunk_id", "this trunk is another account's")
