"""Bad input to the call path's configuration: refused where it is entered, each with its field and its reason."""

from __future__ import annotations

from typing import Any

from tests.service.office import Office

RULE: dict[str, Any] = {"subject": "called", "position": 2}
CIRCLE = "currency: EUR\ninclude: [fresh]\nrates: []\n"
REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("trunk.make", {"name": "t", "networks": ["192.0.2.1/32"], "plan_id": 77}, "/plan_id", "there is no plan 77"),
    ("trunk.make", {"name": "t", "networks": []}, "/networks", "at least one network"),
    ("trunk.make", {"name": "t", "networks": ["192.0.2.0/24"]}, "/networks/0", "could not be told apart"),
    ("trunk.make", {"name": "t", "networks": ["0.0.0.0/0"]}, "/networks/0", "is everybody"),
    ("gateway.make", {"name": "g"}, "/host", "Field required"),
    ("gateway.make", {"name": "g", "host": ""}, "/host", "is no address"),
    ("gateway.make", {"name": "g", "host": "sip.example.com"}, "/host", "would make calls wait for DNS"),
    ("translation.make", {**RULE, "pattern": "(0+)+1", "replacement": "1"}, "/pattern", "a group can't be repeated"),
    ("translation.make", {**RULE, "pattern": "(.*)*", "replacement": "1"}, "/pattern", "a group can't be repeated"),
    ("translation.make", {**RULE, "prefix": "00", "strip": 1}, "/position", "it would never apply"),
    ("number.make", {"number": "442079460111", "fallbacks": ["sip:box@pbx.example.com"]}, "/fallbacks/0", "a name"),
    ("number.make", {"number": "442079460111", "fallbacks": ["device:nobody"]}, "/fallbacks/0", "no such device"),
    ("number.make", {"number": "442079460111", "device_id": 99}, "/device_id", "there is no device 99"),
]


async def test_what_is_refused(office: Office) -> None:
    """422, with the field and the reason; nothing is made."""
    boss = office.boss
    customer = await office.account(boss, 1, "customer", "customer")
    provider = await office.account(boss, 1, "provider", "provider")
    await boss.do("trunk.make", account_id=customer, name="old", networks=["192.0.2.0/24"])
    await boss.do("translation.make", account_id=customer, subject="called", position=1, prefix="0", strip=1)
    nouns = ("trunk", "gateway", "translation", "number")
    before = [await boss.do(f"{noun}.list") for noun in nouns]
    for endpoint, given, pointer, said in REFUSED:
        owner = provider if endpoint.startswith("gateway") else customer
        got = await boss.ask(endpoint, account_id=owner, **given)
        assert (got.status, [one["pointer"] for one in got["errors"]]) == (422, [pointer]), (endpoint, given, got)
        assert said in got["errors"][0]["detail"]
    assert [await boss.do(f"{noun}.list") for noun in nouns] == before


async def test_a_tariff_that_takes_from_itself(office: Office) -> None:
    """Checked or made: line and column, and the way round."""
    seller = await office.account(office.boss, 1, "seller", "reseller")
    for verb in ("tariff.check-text", "tariff.make"):
        got = await office.boss.ask(verb, account_id=seller, name="fresh", source=CIRCLE)
        assert got.status == 422
        said = "source:2:11: the tariff takes from itself (fresh → fresh): another tariff"
        assert [(one["pointer"], one["detail"]) for one in got["errors"]] == [("/source", said)]


async def test_a_plan_that_names_what_is_not_there(office: Office) -> None:
    """A gateway, an account and a destination group."""
    rules = "rules: [{exclude: [carrier/gw1], accounts: [nobody], groups: [premium]}]"
    source = f'plans: {{standard: {{routes: [{{prefix: "", gateways: [carrier/gw1]}}], {rules}}}}}'
    got = await office.boss.do("plan.check", source=source)
    said = " ".join(str(one) for one in got["problems"])
    assert "carrier/gw1" in said
    assert "nobody" in said
    assert "there is no destination group 'premium'" in said
