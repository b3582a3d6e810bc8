"""What the mails that are sent by themselves say in German: each kind that is there in English. Pure."""

from __future__ import annotations

_END = "\n\n{{ company }}\n"
_LETTERHEAD = "\n\n{{ company }}\n{{ company_address }}\n"
GERMAN: dict[str, tuple[str, str]] = {
    "invitation": (
        "Ihr Zugang bei {{ company }}",
        "Guten Tag {{ name }},\n\nSie haben jetzt einen Zugang zu {{ account }}. Wählen Sie hier Ihr Passwort, bis "
        "{{ expires }}:\n{{ link }}" + _END,
    ),
    "welcome": (
        "Willkommen bei {{ company }}",
        "Guten Tag {{ name }},\n\nIhr Passwort ist gesetzt: melden Sie sich als {{ email }} an.\n{{ portal }}" + _END,
    ),
    "reset": (
        "Ihr Passwort bei {{ company }}",
        "Guten Tag {{ name }},\n\njemand hat um ein neues Passwort für {{ email }} gebeten. Waren Sie es, wählen Sie "
        "es hier, bis {{ expires }}:\n{{ link }}\n\nWaren Sie es nicht, hat sich nichts geändert." + _END,
    ),
    "low_balance": (
        "{{ account }}: noch {{ balance }} {{ currency }}",
        "Guten Tag {{ name }},\n\nder Kontostand von {{ account }} ist unter {{ threshold }} {{ currency }} gefallen: "
        "er beträgt jetzt {{ balance }} {{ currency }}. Anrufe enden, wenn er verbraucht ist." + _END,
    ),
    "recharge_failed": (
        "{{ account }} konnte nicht aufgeladen werden",
        "Guten Tag {{ name }},\n\n{{ amount }} {{ currency }} konnten nicht von der Karte eingezogen werden, die für "
        "{{ account }} hinterlegt ist: {{ fault }} Es wird nicht noch einmal versucht. Hinterlegen Sie eine andere "
        "Karte, oder zahlen Sie selbst: {{ portal }}" + _END,
    ),
    "invoice": (
        "Rechnung {{ number }} von {{ company }}",
        "Guten Tag {{ name }},\n\nes gibt die Rechnung {{ number }} über {{ total }} {{ currency }}, fällig am "
        "{{ due }}. Sie finden sie hier: {{ portal }}" + _LETTERHEAD,
    ),
    "due_soon": (
        "Rechnung {{ number }} ist am {{ due }} fällig",
        "Guten Tag {{ name }},\n\n{{ open }} {{ currency }} der Rechnung {{ number }} über {{ total }} {{ currency }} "
        "sind am {{ due }} fällig." + _END,
    ),
    "receipt": (
        "Ihre Zahlung von {{ total }} {{ currency }}",
        "Guten Tag {{ name }},\n\nvielen Dank: {{ total }} {{ currency }} für {{ account }} sind am {{ received }} "
        "eingegangen (Quittung {{ number }})." + _LETTERHEAD,
    ),
    "reminder": (
        "Rechnung {{ number }} ist überfällig",
        "Guten Tag {{ name }},\n\ndie Rechnung {{ number }} über {{ total }} {{ currency }} war am {{ due }} fällig, "
        "und {{ open }} {{ currency }} davon sind offen. Bitte zahlen Sie jetzt." + _END,
    ),
    "rate_change": (
        "Neue Preise ab {{ effective }}",
        "Guten Tag {{ name }},\n\nab {{ effective }} ändern sich Preise von {{ account }} ({{ tariff }}). Die Tabelle "
        "im Anhang hat alle Änderungen ({{ changes }})." + _END,
    ),
    "fraud_alarm": (
        "{{ account }}: ungewöhnliche Anrufe",
        "Guten Tag {{ name }},\n\nAnrufe von {{ account }} haben eine Grenze überschritten ({{ rule }}): {{ seen }}. "
        "{{ action }}." + _END,
    ),
    "doctor_failed": (
        "{{ company }}: fehlgeschlagene Prüfungen ({{ count }})",
        "Guten Tag {{ name }},\n\nder Doctor hat heute Nacht nachgesehen und gefunden, was nicht sein sollte:\n\n"
        "{{ faults }}\n\nAlles davon: {{ portal }}/doctor" + _END,
    ),
    "cdr_file": (
        "{{ account }}: {{ calls }} Anrufe",
        "Guten Tag,\n\n{{ file }} mit {{ calls }} Anrufen von {{ account }} ist im Anhang." + _END,
    ),
    "report": (
        "{{ report }}: {{ since }} bis {{ until }}",
        "Guten Tag {{ name }},\n\n{{ report }} von {{ account }}, vom {{ since }} bis zum {{ until }}, ist im Anhang."
        + _END,
    ),
    "broadcast": (
        "{{ subject }}",
        "{{ message }}" + _LETTERHEAD + "\nKeine solchen Mails mehr: {{ unsubscribe }}\n",
    ),
}
"""Subject and text by kind."""
