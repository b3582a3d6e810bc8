"""What can be edited stands on its page: no field of a thing is left to the API alone."""

from __future__ import annotations

import html

import pytest

from service.portal.components.fields import kinds
from service.portal.components.labels import label_of
from service.portal.visit import BY_NAME
from tests.portal.conftest import Walker

ELSEWHERE = {"state", "name", "username", "number", "email"}
"""In the page's head."""


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/accounts/2", "account.edit"), ("/trunks/1", "trunk.edit"), ("/devices/1", "device.edit"),
        ("/gateways/1", "gateway.edit"), ("/products/1", "product.edit"), ("/accounts/2/billing", "terms.edit"),
        ("/accounts/2/billing", "party.edit"), ("/accounts/2/brand", "brand.edit"), ("/users/2", "user.edit"),
        ("/broadcasts/1", "broadcast.edit"),
    ],
)  # fmt: skip
async def test_every_field_that_can_be_edited_is_shown(walker: Walker, path: str, endpoint: str) -> None:
    """By the name that it has in its form, or by what it says."""
    await walker.sign_in("boss@op.example")
    page = html.unescape((await walker.get(path)).words)
    body = BY_NAME[endpoint].body
    assert body is not None
    names = {name for name in kinds(body) if "." not in name} - ELSEWHERE - SAID_OTHERWISE.get(endpoint, set())
    assert [label for name in sorted(names) if (label := label_of(name)) not in page] == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/accounts/5/suspension", "customer"), ("/accounts/5/closure", "customer"), ("/accounts/5/move", "customer"),
        ("/users/2/removal", "admin@op.example"), ("/users/2/roles", "admin@op.example"),
        ("/devices/1/removal", "desk"), ("/taxes/1/removal", "VAT"), ("/trunks/1/removal", "t1"),
    ],
)  # fmt: skip
async def test_who_or_what_is_asked_about_is_named(walker: Walker, path: str, name: str) -> None:
    """Above the button; to those who may see it."""
    await walker.sign_in("boss@op.example")
    asked = f'<p class="lead text-truncate">{name}</p>'
    assert asked in (await walker.get(path)).text
    await walker.sign_in("owner@carrier.example")
    assert name not in (await walker.get(path)).words


SAID_OTHERWISE: dict[str, set[str]] = {
    "account.edit": {"exposure_limit"},  # where there is one
    "terms.edit": {"exemption_code", "exemption_reason", "starts_at"},  # with the tax status
    "product.edit": {"seconds", "money"},  # what it gives
    "broadcast.edit": {"text"},
    "brand.edit": {"sender_name", "sender_address"},
}
"""Fields that stand there without their own names."""
