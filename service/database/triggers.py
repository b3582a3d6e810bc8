"""What the database itself keeps true, whatever program writes to it."""

from __future__ import annotations

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
_TOUCH = """CREATE FUNCTION touch_access() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN UPDATE access_state SET generation = generation + 1; RETURN NULL; END $$"""
_WATCH_SQLITE = (
    "CREATE TRIGGER {name} AFTER {verb} ON {table} BEGIN UPDATE access_state SET generation = generation + 1; END"
)
_WATCH_POSTGRESQL = "CREATE TRIGGER {name} AFTER {verb} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION touch_access()"
