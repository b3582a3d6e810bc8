"""What the API of broadcasts and mails is sent and sends."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from service.api.lists import Paging
from service.api.values import AccountId, Asked, Moment, Text, Told, When, Words
from service.messages.audience import Audience, AudienceView
from service.sellers.mail import TEXT_CHARACTERS_MAX, plain_lines

PER_MINUTE = 600
Subject = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Body = Annotated[str, Field(min_length=1, max_length=TEXT_CHARACTERS_MAX), AfterValidator(plain_lines)]
PerMinute = Annotated[int, Field(ge=1, le=100_000, description="Mails a minute, at most")]


class NewBroadcast(Asked):
    """A mail to many, not yet sent."""

    account_id: Annotated[AccountId, Field(description="Who sends it: to accounts below")]
    name: Words
    subject: Subject
    text: Annotated[Body, Field(description="May hold placeholders such as {{ name }}, {{ account }}")]
    audience: Audience = Audience()
    per_minute: PerMinute = PER_MINUTE


class BroadcastEdit(Asked):
    """What to change of a draft; what is left out stays."""

    name: Words | None = None
    subject: Subject | None = None
    text: Body | None = None
    audience: Audience | None = None
    per_minute: PerMinute | None = None


class BroadcastQuery(Paging):
    """Which broadcasts."""

    account_id: AccountId | None = None
    name: Text = ""
    state: Literal["", "draft", "scheduled", "running", "paused", "done", "cancelled"] = ""


class BroadcastView(Told):
    """A mail to many."""

    id: int
    account_id: int
    name: str
    subject: str
    text: str
    audience: AudienceView
    state: Annotated[str, Field(description="draft, scheduled, running, paused, done or cancelled")]
    paused_why: Annotated[
        str,
        Field(
            description="suspended: who sends it, or stands above, is suspended or closed; empty: somebody paused it"
        ),
    ]
    per_minute: int
    start_at: Annotated[Moment, Field(validation_alias="start_ms")]
    done_at: Annotated[Moment, Field(validation_alias="done_ms")]
    actor: str
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    version: int


class BroadcastCount(Told):
    """How far it is."""

    broadcast: BroadcastView
    recipients: Annotated[int, Field(description="Before it begins: who would get it now")]
    mails: Annotated[dict[str, int], Field(description="By state, once it has begun")]


class Sample(Told):
    """Some of those who would get it."""

    recipients: int
    sample: list[str]


class Start(Asked):
    """When."""

    at: Annotated[When | None, Field(description="null: now")] = None


class OfAccount(Asked):
    """Whose data to show it with."""

    account_id: AccountId


class MailQuery(Paging):
    """Which mails."""

    account_id: AccountId | None = None
    recipient: Text = ""
    template: Text = ""
    message_id: Text = ""
    state: Literal["", "waiting", "sent", "failed", "bounced", "left_out", "cancelled"] = ""


class MailView(Told):
    """A mail, and what came of it."""

    id: int
    account_id: int
    recipient: str
    template: str
    broadcast_id: int | None
    state: Annotated[str, Field(description="waiting, sent, failed, bounced, left_out or cancelled")]
    attempts: int
    message_id: str
    fault: Annotated[str, Field(description="The mail server's words, at the last attempt or in the bounce")]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    done_at: Annotated[Moment, Field(validation_alias="done_ms")]


class Bounce(Asked):
    """A mail that came back."""

    words: Annotated[Text, Field(min_length=1, description="What the other server said")]
    permanent: Annotated[bool, Field(description="The address is none: it gets no broadcast any more")]
