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
        "Guten Tag {{ name }},\n\nab {{ effective }} ändern sich Preise von {{ concerned }} ({{ tariff }}). Die "
        "Tabelle im Anhang hat alle Änderungen ({{ changes }})." + _END,
    ),
    "fraud_alarm": (
        "{{ account }}: ungewöhnliche Anrufe",
        "Guten Tag {{ name }},\n\nAnrufe von {{ account }} haben eine Grenze überschritten ({{ rule }}): {{ seen }}. "
        "{{ action }}." + _END,
    ),
    "doctor_failed": (
        "{{ company }}: fehlgeschlagene Prüfungen ({{ count }})",
        "Guten Tag {{ name }},\n\ndie Prüfung der Bücher hat heute Nacht gefunden, was nicht sein sollte:\n\n"
        "{{ faults }}\n\nAlles davon: {{ portal }}/doctor" + _END,
    ),
    "dispute": (
        "Streitfall {{ dispute }} {{ event }}: {{ about }}",
        "Guten Tag {{ name }},\n\nder Streitfall {{ dispute }} von {{ partner }} über {{ total }} {{ currency }} "
        "{{ event }}:\n\n{{ said }}\n\nAlles dazu: {{ portal }}/disputes/{{ dispute }}" + _END,
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

WORDS = (
    (r"^more than (.+) an hour\b", r"mehr als \1 in einer Stunde"),
    (r"^more than (.+) a day\b", r"mehr als \1 an einem Tag"),
    (r"^first calls of (.+) at most\b", r"erste Anrufe von höchstens \1"),
    (r"(?<=Stunde) to |(?<=Tag) to |(?<= s) to ", " nach "),
    (r"\b(\d+) calls\b", r"\1 Anrufe"),
    (r"\b(\d+) new destinations\b", r"\1 neue Ziele"),
    (r"^Calls go on$", "Anrufe gehen weiter"),
    (r"^Further calls are refused$", "Weitere Anrufe werden abgewiesen"),
    (r"^The account is suspended and its calls are cut$", "Das Konto ist gesperrt, und seine Anrufe sind beendet"),
    (r"^The trunk is suspended and its calls are cut$", "Der Trunk ist gesperrt, und seine Anrufe sind beendet"),
    (r"^The gateway is suspended and its calls are cut$", "Das Gateway ist gesperrt, und seine Anrufe sind beendet"),
    (r"(\d+) numbers in a row within (\d+) min$", r"\1 Nummern in Folge in \2 min"),
    (r"(\d+) % of (\d+) or more within (\d+) min: ", r"\1 % von \2 oder mehr in \3 min: "),
    (r"answered calls were short (?=\()", "angenommene Anrufe waren kurz "),
    (r"calls rang briefly and were given up (?=\()", "Anrufe läuteten kurz und wurden aufgegeben "),
    (r"answers came at once, without ringing (?=\()", "Antworten kamen sofort, ohne zu läuten "),
    (r"^was opened$", "wurde eröffnet"),
    (r"^was sent$", "wurde gesendet"),
    (r"^was written about$", "hat eine neue Nachricht"),
    (r"^was replied to$", "hat eine Erwiderung"),
    (r"^was answered$", "wurde beantwortet"),
    (r"^was accepted$", "wurde anerkannt"),
    (r"^was accepted in part$", "wurde teilweise anerkannt"),
    (r"^was rejected$", "wurde abgelehnt"),
    (r"^was withdrawn$", "wurde zurückgezogen"),
    (r"^was closed$", "wurde geschlossen"),
    (r"^was settled$", "wurde beigelegt"),
    (r"^(\d+) in a row$", r"\1 in Folge"),
    (r"^(\d+) of (\d+)$", r"\1 von \2"),
)
"""What alarms say, by `service/fraud/words.py` and patterns.py, and what happened to disputes: tests compare."""
