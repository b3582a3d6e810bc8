"""Everything that the API can do, on one screen."""

from __future__ import annotations

from service.access.endpoints import me, roles, sign_in, tokens, trail, users
from service.accounts import api as accounts
from service.api.endpoint import Endpoint
from service.calls import history, running
from service.ledger import api as ledger
from service.ledger import operations_api as operations
from service.sellers import brand, mail, numbering

ENDPOINTS: tuple[Endpoint, ...] = (
    *sign_in.ENDPOINTS,
    *me.ENDPOINTS,
    *users.ENDPOINTS,
    *roles.ENDPOINTS,
    *tokens.ENDPOINTS,
    *accounts.ENDPOINTS,
    *ledger.ENDPOINTS,
    *operations.ENDPOINTS,
    *running.ENDPOINTS,
    *history.ENDPOINTS,
    *brand.ENDPOINTS,
    *numbering.ENDPOINTS,
    *mail.ENDPOINTS,
    *trail.ENDPOINTS,
)
