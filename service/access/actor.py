"""Who asks: a user by session or token, or the command line."""

from __future__ import annotations

from typing import NamedTuple

from service.access.permissions import ALL, Permissions
from service.access.rights import ROOT_ID


class Actor(NamedTuple):
    """Somebody who is known, with what they may at this request."""

    user_id: int | None
    """None: the command line."""
    name: str
    """For the books: an address, or `cli:name`."""
    account_id: int
    path: str
    """Of the account: ids from the root down, such as /1/5/."""
    permissions: Permissions
    address: str
    """Where the request comes from; empty: this machine."""
    session_id: int | None = None
    token_id: int | None = None
    behalf_of_id: int | None = None
    """Whom a user acts as; then account and permissions are the other's."""
    behalf_of: str = ""
    home_id: int = 0
    """The account of who acts as somebody else; 0: `account_id`."""

    @property
    def own_account_id(self) -> int:
        """Of who acts, whomever they act as."""
        return self.home_id or self.account_id

    @property
    def is_root(self) -> bool:
        """Whether the account is the operator's, which sees everything."""
        return self.account_id == ROOT_ID

    def sees(self, path: str) -> bool:
        """Whether an account with this path lies in the actor's subtree."""
        return path.startswith(self.path)


def local_actor(name: str) -> Actor:
    """Whoever may read the service's files on this machine may everything."""
    return Actor(None, f"cli:{name}", ROOT_ID, f"/{ROOT_ID}/", ALL, "")
