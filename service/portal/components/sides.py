"""Whose side a partner's figures are told from: its own people read what they owe, all others what it owes."""

from __future__ import annotations

from service.portal.visit import Visit

OWN = {
    "It owes us, for its traffic": "You owe us, for your traffic",
    "It is owed, for ours": "We owe you, for ours",
    "It owes us": "You owe us",
    "It owes": "You owe",
    "It is owed": "We owe you",
    "The partner pays.": "You pay.",
    "The partner is paid.": "You are paid.",
    "Disputed by the partner": "Disputed by you",
    "Above zero we owe the partner.": "Above zero we owe you.",
    "What may be owed to it.": "What may be owed to you.",
    "On hold by its calls": "On hold by your calls",
    "Room for its calls": "Room for your calls",
    "Its minutes": "Your minutes",
    "Only they have them": "Only you have them",
    "Their clock is later by": "Your clock is later by",
    "Their length": "Your length",
    "Their lengths are": "Your lengths are",
    "Their moments are": "Your moments are",
    "Their price": "Your price",
    "Theirs": "Yours",
    "its traffic to us": "your traffic to us",
    "ours to it": "ours to you",
}
"""What is said of a partner, and what to it."""


def sided(visit: Visit, account_id: int, text: str) -> str:
    """As the visitor reads it who may be that partner; not put into their language yet."""
    return OWN.get(text, text) if account_id == visit.account_id else text


def sided_head(visit: Visit, text: str) -> str:
    """Above rows of several partners: whoever has nobody below reads of themselves alone."""
    return text if visit.sells else OWN.get(text, text)
