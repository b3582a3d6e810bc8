"""What the API of deliveries is sent and sends."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from service.api.lists import Paging
from service.api.values import AccountId, Asked, Moment, Text, Told, Words, zone_of
from service.delivery.cutter import CALLS_MAX
from service.peers.common import Name

Side = Annotated[Literal["customer", "provider"], Field(description="What the account pays for, or is paid for")]
Period = Literal["hourly", "daily", "calls"]
Separator = Literal["comma", "semicolon", "tab", "pipe"]
Columns = Annotated[list[Words], Field(min_length=1, max_length=50, description="In their order", examples=[["call"]])]
Zone = Annotated[str, AfterValidator(zone_of), Field(max_length=100, examples=["Europe/Berlin"])]
Target = Annotated[
    Words,
    Field(
        description="A folder's name, a URL, or an address; by SFTP sftp://USER@HOST:PORT/FOLDER, or /~/FOLDER below "
        "where one is after signing in",
        examples=["calls@example.net"],
    ),
]
Password = Annotated[
    str,
    Field(
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        json_schema_extra={"format": "password"},
        description="By SFTP; never shown again. Empty: by a key of ours, which is shown once the delivery is made",
    ),
]
HostKey = Annotated[
    str,
    Field(
        max_length=2_000,
        description="By SFTP: the server's public key, as ssh-keyscan prints it. Empty: it is asked for and confirmed "
        "before anything is sent",
    ),
]
EveryCalls = Annotated[int, Field(ge=0, le=CALLS_MAX, description="Of the period `calls`: how many are a file")]


class DeliveryView(Told):
    """Files of call records for an account."""

    id: int
    account_id: int
    name: str
    side: str
    period: str
    every_calls: int
    answered_only: bool
    columns: list[str]
    zone: str
    separator: str
    way: str
    target: str
    public_key: Annotated[str, Field(description="By SFTP: ours, a line for the authorized keys of its user")]
    has_password: Annotated[bool, Field(validation_alias="password", description="By SFTP: instead of our key")]
    host_key: Annotated[str, Field(description="By SFTP: fingerprint of the server's key that is trusted; empty: none")]
    fingerprint: Annotated[str, Field(description="Of the key that the server showed when it was last asked")]
    last_fault: Annotated[str, Field(validation_alias="fault", description="Why the last file was not taken")]
    state: Annotated[str, Field(description="active or suspended")]
    files: Annotated[int, Field(description="How many there are so far")]
    due_at: Annotated[Moment, Field(validation_alias="due_ms", description="When the next one is looked for")]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    version: int

    @field_validator("has_password", mode="before")
    @classmethod
    def _is_there(cls, value: object) -> bool:
        return bool(value)


class DeliveryQuery(Paging):
    """Which ones."""

    account_id: AccountId | None = None
    name: Text = ""


class NewDelivery(Asked):
    """Files that are wanted. They begin with the calls that end from now on."""

    account_id: AccountId
    name: Name
    side: Side | None = None
    """None: a provider's for a provider, else a customer's."""
    period: Period = "daily"
    every_calls: EveryCalls = 0
    answered_only: bool = False
    columns: Annotated[Columns | None, Field(description="null: all that the side may have")] = None
    zone: Zone = "UTC"
    separator: Separator = "comma"
    way: Literal["folder", "webhook", "mail", "sftp"]
    target: Target
    password: Password = ""
    host_key: HostKey = ""


class DeliveryEdit(Asked):
    """What to change; what is left out stays. It holds from the next file on."""

    name: Name | None = None
    period: Period | None = None
    every_calls: EveryCalls | None = None
    answered_only: bool | None = None
    columns: Columns | None = None
    zone: Zone | None = None
    separator: Separator | None = None
    target: Target | None = None
    password: Annotated[Password | None, Field(description="By SFTP; forgotten when user, host or port changes")] = None
    state: Literal["active", "suspended"] | None = None


class DeliveryMade(Told):
    """A delivery, and the key that signs what is posted to a webhook."""

    delivery: DeliveryView
    secret: Annotated[str | None, Field(description="Shown this once; null: it goes to no webhook")]


class Trusted(Asked):
    """A server's key."""

    fingerprint: Annotated[
        str,
        Field(
            min_length=1,
            max_length=2_000,
            description="As the server showed it when it was asked: SHA256:…; or the whole key as ssh-keyscan has it",
        ),
    ]


class FileView(Told):
    """One file."""

    id: int
    number: Annotated[int, Field(description="Of the delivery's, without a gap")]
    name: str
    calls: int
    state: Annotated[str, Field(description="waiting, sent or failed")]
    attempts: int
    status: Annotated[int, Field(description="Of a webhook's last answer; 0: there was none")]
    fault: Annotated[str, Field(description="Of the last attempt; empty: it was taken")]
    cut_at: Annotated[Moment, Field(validation_alias="cut_ms")]
    next_at: Annotated[Moment, Field(description="When it is sent (again); null: never")]
    done_at: Annotated[Moment, Field(validation_alias="done_ms")]


class FileQuery(Paging):
    """Which files."""

    state: Literal["", "waiting", "sent", "failed"] = ""


class FileContent(Told):
    """A file as it is sent, byte for byte (UTF-8)."""

    name: str
    content: str
