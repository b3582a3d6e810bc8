"""What stands in cells, in German: days, rates, what the service itself has said; what papers are named by."""

from __future__ import annotations

from typing import Any

import pytest

BOSS = "boss@op.example"


@pytest.mark.parametrize(
    ("path", "said", "unsaid"),
    [
        ("/bank-lines", ["21.11.2026", "Geld, das hinausging"], ["2026-11-21", "money that"]),
        ("/bank-lines/1", ["20.11.2026", "sie nennt keine offene Rechnung und kein Konto"], ["2026-11-20", "it names"]),
        ("/doctor", ["26.11.2026"], ["2026-11-26"]),
        ("/doctor/faults", ["Geprüft", "Summen der Buchungen", "Buchung 7: 1 Mikroeinheiten EUR"], ["Prüfen", "entry"]),
        (
            "/doctor/1",
            [
                "Guthaben von Konto 3: 1 Mikroeinheiten EUR, erwartet waren 0; ",
                "und 2 weitere: stellen Sie das Buch",
                "9 Zeilen, jede wie geschrieben",
                "Konto 9 (long) zahlt auf Rechnung",
                "lässt es abrechnen",
            ],
            ["conservation", "account", "kambill"],
        ),
        ("/", ["Buchung 7: 1 Mikroeinheiten EUR"], ["conservation", "entry 7"]),
        ("/calls/1", ["0,06", "0,024", "zählen als"], ["0.06", "0.024", "rounded"]),
        ("/rate-notices/1", ["0,50", "0,625", "Versand"], ["0.625", "Gesendet"]),
        ("/commitments/1", ["0,01", "Einer fehlenden Minute"], ["0.01"]),
        ("/invoices", ["Nummer"], ["Rufnummer Art"]),
        ("/receipts", ["Nummer"], ["Rufnummer Konto"]),
        ("/invoices/1", ["Netto"], ["Saldo"]),
        ("/statements/1", ["Saldo"], ["Netto"]),
        ("/subscriptions/1/fees", ["Zeitraum"], ["period"]),
        ("/reports", ["Summiert nach"], []),
        ("/roles", ["Sieht alles, ändert nichts"], ["Sees all"]),
        ("/tokens/new", ["Gültig bis"], ["Einlösbar"]),
        ("/limits/new", ["ganz sperren", "warnen: ein Alarm"], ["block:", "suspend:"]),
        ("/number-lists/new", ["sperren: sie darf nicht"], ["block:"]),
        ("/", ["Fehler in den Büchern"], ["Doctors"]),
    ],
)
async def test_a_page_says_it_in_german(german: Any, path: str, said: list[str], unsaid: list[str]) -> None:
    """And not as it is written in the ledger."""
    words = (await (await german(BOSS)).get(path)).words
    assert [one for one in said if one not in words] == []
    assert [one for one in unsaid if one in words] == []


async def test_what_is_no_time_is_refused_in_words(german: Any) -> None:
    """Typed by hand, where a browser has no field for it: not as Python says it."""
    words = (await (await german(BOSS)).get("/calls?since=yesterday")).words
    assert "das ist kein Zeitpunkt" in words
    assert "isoformat" not in words
