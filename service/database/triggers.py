"""What the database itself keeps true, whatever program writes to it."""

from __future__ import annotations

import re

import sqlalchemy as sa

WATCHED: dict[str, tuple[str, ...]] = {
    "roles": (),
    "account_roles": (),
    "user_roles": (),
    "users": ("state", "account_id"),
    "accounts": ("parent_id", "path", "kind", "billing", "state", "default_role"),
}
"""Tables that say who may do what, and which of their columns; none named: all of them."""


def make_append_only(connection: sa.Connection, table: str) -> None:
    """Whoever updates or deletes a row of `table` gets an error."""
    for statement in _ONLY_GROWS[connection.dialect.name]:
        connection.execute(sa.text(statement.format(table=table)))


def allow(connection: sa.Connection, table: str, column: str, *values: str) -> None:
    """Lets a column that says one of a few words (`columns.one_of`) say more of them, and copies no row."""
    name = f"ck_{table}_{column}"
    if connection.dialect.name == "sqlite":
        _allow_sqlite(connection, table, name, column, values)
        return
    known = sa.text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name")
    listed = _listed(connection.execute(known, {"name": name}).scalar_one(), values)
    connection.execute(sa.text(f"ALTER TABLE {table} DROP CONSTRAINT {name}"))
    connection.execute(sa.text(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} IN ({listed}))"))


def _listed(check: str, values: tuple[str, ...]) -> str:
    words = dict.fromkeys([*re.findall(r"'([^']*)'", check), *values])
    return ", ".join(f"'{word}'" for word in words)


def _allow_sqlite(connection: sa.Connection, table: str, name: str, column: str, values: tuple[str, ...]) -> None:
    """A CHECK doesn't touch what is stored: sqlite.org/lang_altertable.html, section 7, tells this way for it."""
    known = sa.text("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = :table")
    sql = connection.execute(known, {"table": table}).scalar_one()
    found = re.search(rf"CONSTRAINT {name} CHECK \({column} IN \(([^)]*)\)\)", sql)
    assert found is not None, f"{table} has no check {name}"
    changed = sql.replace(found[1], _listed(found[1], values))
    version = connection.execute(sa.text("PRAGMA schema_version")).scalar_one()
    connection.execute(sa.text("PRAGMA writable_schema = ON"))
    write = sa.text("UPDATE sqlite_schema SET sql = :sql WHERE type = 'table' AND name = :table")
    connection.execute(write, {"sql": changed, "table": table})
    connection.execute(sa.text(f"PRAGMA schema_version = {version + 1}"))
    connection.execute(sa.text("PRAGMA writable_schema = OFF"))


def keep_issued(connection: sa.Connection, fixed: tuple[str, ...]) -> None:
    """Of an invoice that is no draft these columns stay as they are, and so do its lines and calls."""
    is_sqlite = connection.dialect.name == "sqlite"
    rules = {
        "fixed": f"BEFORE UPDATE OF {', '.join(fixed)} ON invoices FOR EACH ROW WHEN (OLD.state <> 'draft')",
        "kept": "BEFORE DELETE ON invoices FOR EACH ROW WHEN (OLD.state <> 'draft')",
        "onward": "BEFORE UPDATE OF state ON invoices FOR EACH ROW WHEN (OLD.state <> NEW.state"
        " AND (NEW.state = 'draft' OR OLD.state = 'void' OR (NEW.state = 'void' AND OLD.state <> 'draft')))",
    }
    for name, rule in rules.items():
        does = f"BEGIN SELECT RAISE(ABORT, '{_ISSUED}'); END" if is_sqlite else "EXECUTE FUNCTION refuse_issued()"
        rules[name] = f"CREATE TRIGGER invoices_{name} {rule} {does}"
    if not is_sqlite:
        connection.execute(sa.text(_REFUSE_ISSUED))
        connection.execute(sa.text(_KEEP_PART))
    for statement in rules.values():
        connection.execute(sa.text(statement))
    for table in ("invoice_lines", "invoice_taxes", "invoice_calls", "invoice_corrections"):
        for verb, which in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD")):
            statement = _KEEP_PART_SQLITE if is_sqlite else _KEEP_PART_POSTGRESQL
            connection.execute(sa.text(statement.format(table=table, verb=verb, name=verb.lower(), which=which)))


def keep_balances(connection: sa.Connection) -> None:
    """Every account has the row of its balance, in its currency, from the beginning: lists are sorted by it."""
    missing = "SELECT 'balance', id, currency, 0 FROM accounts WHERE true"
    columns = "INSERT INTO book_balances (book, account_id, currency, amount_micros)"
    connection.execute(sa.text(f"{columns} {missing} ON CONFLICT DO NOTHING"))
    does = f"{columns} VALUES ('balance', NEW.id, NEW.currency, 0) ON CONFLICT DO NOTHING;"
    if connection.dialect.name != "sqlite":
        connection.execute(sa.text(_KEEP_BALANCE.format(does=does)))
    for verb in ("INSERT", "UPDATE OF currency"):
        rule = f"CREATE TRIGGER accounts_balance_{verb.split()[0].lower()} AFTER {verb} ON accounts FOR EACH ROW"
        runs = f"BEGIN {does} END" if connection.dialect.name == "sqlite" else "EXECUTE FUNCTION keep_balance()"
        connection.execute(sa.text(f"{rule} {runs}"))


def watch_access(connection: sa.Connection) -> None:
    """Moves `access_state.generation` with each change of what somebody may do: what was remembered is asked anew."""
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite:
        connection.execute(sa.text(_TOUCH))
    connection.execute(sa.text("INSERT INTO access_state (id, generation) VALUES (1, 1)"))
    for table, columns in WATCHED.items():
        of = f" OF {', '.join(columns)}" if columns else ""
        for verb in (f"UPDATE{of}", "DELETE", "INSERT"):
            name = f"{table}_access_{verb.split()[0].lower()}"
            statement = _WATCH_SQLITE if is_sqlite else _WATCH_POSTGRESQL
            connection.execute(sa.text(statement.format(name=name, verb=verb, table=table)))


_ONLY_GROWS = {
    "sqlite": [
        "CREATE TRIGGER no_update_{table} BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, 'only grows'); END",
        "CREATE TRIGGER no_delete_{table} BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, 'only grows'); END",
    ],
    "postgresql": [
        """CREATE FUNCTION {table}_only_grows() RETURNS trigger LANGUAGE plpgsql
           AS $$ BEGIN RAISE EXCEPTION '{table} only grows'; END $$""",
        """CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
           FOR EACH STATEMENT EXECUTE FUNCTION {table}_only_grows()""",
    ],
}
_ISSUED = "an invoice that was issued or is void stays as it is"
_REFUSE_ISSUED = """CREATE FUNCTION refuse_issued() RETURNS trigger LANGUAGE plpgsql
                     AS $$ BEGIN RAISE EXCEPTION 'an invoice that was issued or is void stays as it is'; END $$"""
_KEEP_PART = """CREATE FUNCTION keep_invoice_part() RETURNS trigger LANGUAGE plpgsql AS $$
                 DECLARE of_invoice bigint;
                 BEGIN
                     IF TG_OP = 'INSERT' THEN of_invoice := NEW.invoice_id; ELSE of_invoice := OLD.invoice_id; END IF;
                     IF (SELECT state FROM invoices WHERE id = of_invoice) <> 'draft' THEN
                         RAISE EXCEPTION 'an invoice that was issued or is void stays as it is';
                     END IF;
                     IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                     RETURN NEW;
                 END $$"""
_KEEP_PART_POSTGRESQL = """CREATE TRIGGER {table}_kept_{name} BEFORE {verb} ON {table}
                           FOR EACH ROW EXECUTE FUNCTION keep_invoice_part()"""
_KEEP_PART_SQLITE = """CREATE TRIGGER {table}_kept_{name} BEFORE {verb} ON {table}
                        WHEN (SELECT state FROM invoices WHERE id = {which}.invoice_id) <> 'draft'
                        BEGIN SELECT RAISE(ABORT, 'an invoice that was issued or is void stays as it is'); END"""
_TOUCH = """CREATE FUNCTION touch_access() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN UPDATE access_state SET generation = generation + 1; RETURN NULL; END $$"""
_KEEP_BALANCE = """CREATE FUNCTION keep_balance() RETURNS trigger LANGUAGE plpgsql
                   AS $$ BEGIN {does} RETURN NULL; END $$"""
_WATCH_SQLITE = (
    "CREATE TRIGGER {name} AFTER {verb} ON {table} BEGIN UPDATE access_state SET generation = generation + 1; END"
)
_WATCH_POSTGRESQL = "CREATE TRIGGER {name} AFTER {verb} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION touch_access()"
