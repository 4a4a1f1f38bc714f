"""Two roles in one database: the owner of the tables, who migrates, and the application's, which web and worker have.

The application's role reads and writes rows. It owns and creates nothing, and has neither UPDATE nor DELETE on
append-only tables: this limits what an SQL injection or a stolen password can do. Each `ondol migrate` grants it what
it needs: until then, only the owner can use a table that a migration adds.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg
from psycopg import sql

Connection: TypeAlias = psycopg.Connection[Any]

APPEND_ONLY = frozenset({"audit_entry", "audit_link"})
"""The tables to which the application only adds rows."""
_APPENDED = ("SELECT", "INSERT")
_ROWS = (*_APPENDED, "UPDATE", "DELETE")
_SEQUENCE = ("USAGE", "SELECT")
"""Not UPDATE, so that nobody can reset a sequence."""
_TEMPORARY_TABLES = "TEMPORARY on the database"
SUGGESTED = "ondol_app"
"""The name of the application's role if we choose it."""

# For each table and sequence of the owner: its name, the role's privileges on it, and those on its columns, whoever
# granted them.
_HELD = """
SELECT c.relname, c.relkind = 'S', ARRAY(
  SELECT word FROM unnest(CASE WHEN c.relkind = 'S' THEN %(sequence)s::text[] ELSE %(table)s::text[] END) AS word
  WHERE CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(%(role)s, c.oid, word)
    ELSE has_table_privilege(%(role)s, c.oid, word) END
), ARRAY(
  SELECT word FROM unnest(CASE WHEN c.relkind = 'S' THEN '{}' ELSE %(column)s::text[] END) AS word
  WHERE has_any_column_privilege(%(role)s, c.oid, word)
)
FROM pg_class c
WHERE c.relnamespace = to_regnamespace(quote_ident(%(schema)s)) AND c.relowner = to_regrole(quote_ident(%(owner)s))
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
ORDER BY c.relname
"""
_ROUTINES = """
SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace = to_regnamespace(quote_ident(%(schema)s)) AND p.proowner = to_regrole(quote_ident(%(owner)s))
  AND NOT has_function_privilege(%(role)s, p.oid, 'EXECUTE')
ORDER BY 1
"""
_ATTRIBUTES = """
SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles WHERE rolname = %(role)s
"""
# A temporary table comes before ours in every search_path: later requests on that connection would write their rows
# there. Everybody may create one unless the database's owner revokes this from PUBLIC.
_TEMPORARY = """
SELECT has_database_privilege(%(role)s, d.oid, 'TEMPORARY'), pg_has_role(%(owner)s, d.datdba, 'MEMBER')
FROM pg_database d WHERE d.datname = current_database()
"""
# Even without INHERIT, a member can become the other role by SET ROLE.
_POWERFUL = """
SELECT rolname FROM pg_roles
WHERE rolname <> %(role)s AND pg_has_role(%(role)s, oid, 'MEMBER')
  AND (rolname = %(owner)s OR rolsuper OR rolcreaterole OR starts_with(rolname, 'pg_'))
ORDER BY 1
"""


class RolesError(Exception):
    """Roles that cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The privileges of a role in a database of Ondol, compared with those that the application's role should have."""

    role: str
    owner: str
    """The role that owns the tables; empty where there are none yet."""
    database: str
    schema: str
    owns: bool = False
    """True if it is the owner, or can become it."""
    excess: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()

    @property
    def statements(self) -> str:
        """Return the SQL that creates the application's role, for somebody with CREATEROLE."""
        return statements(SUGGESTED, self.database, self.schema)


def statements(role: str, database: str, schema: str) -> str:
    """Return the SQL that creates the application's role, for somebody with CREATEROLE."""
    name = _quoted(role)
    return (
        f"CREATE ROLE {name} LOGIN NOINHERIT NOCREATEDB NOCREATEROLE PASSWORD '…'; "
        f"GRANT CONNECT ON DATABASE {_quoted(database)} TO {name}; "
        f"REVOKE TEMPORARY ON DATABASE {_quoted(database)} FROM PUBLIC; "
        f"ALTER ROLE {name} SET search_path = {_quoted(schema or 'public')};"
    )


def privileges_on(table: str) -> tuple[str, ...]:
    """Return what the application's role gets on a table."""
    return _APPENDED if table in APPEND_ONLY else _ROWS


def look(connection: Connection, role: str = "") -> Standing:
    """Return the standing of a role, or of this connection's own."""
    row = connection.execute("""
        SELECT current_user, current_database(), coalesce(current_schema(), ''),
          coalesce((SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('django_migrations')), '')
    """).fetchone()
    assert row  # noqa: S101  a SELECT without FROM has one row
    current, database, schema, owner = row
    names = {"role": role or current, "owner": owner, "schema": schema}
    standing = Standing(role or current, owner, database, schema)
    if not owner:
        return standing
    powers = _powers(connection, names)
    owns = standing.role == owner or f"member of {owner}" in powers or "SUPERUSER" in powers
    if owns:
        return Standing(standing.role, owner, database, schema, owns, tuple(powers))
    excess, lacking = _differences(connection, names)
    return Standing(standing.role, owner, database, schema, owns, (*powers, *excess), tuple(lacking))


def _powers(connection: Connection, names: dict[str, str]) -> list[str]:
    row = connection.execute(_ATTRIBUTES, names).fetchone() or ()
    words = ("SUPERUSER", "CREATEDB", "CREATEROLE", "REPLICATION", "BYPASSRLS")
    found = [word for word, has in zip(words, row, strict=False) if has]
    if "SUPERUSER" not in found:  # a superuser counts as a member of every role
        found += [f"member of {name}" for (name,) in connection.execute(_POWERFUL, names)]
    return found


@dataclass(frozen=True, slots=True)
class _Held:
    """What a role has on one table or sequence, and what it should have."""

    name: str
    is_sequence: bool
    whole: list[str]
    columns: list[str]

    @property
    def wanted(self) -> tuple[str, ...]:
        return _SEQUENCE if self.is_sequence else privileges_on(self.name)

    @property
    def excess(self) -> list[str]:
        return sorted({*self.whole, *self.columns} - set(self.wanted))

    @property
    def lacking(self) -> list[str]:
        return [word for word in self.wanted if word not in self.whole]


def _differences(connection: Connection, names: dict[str, str]) -> tuple[list[str], list[str]]:
    """Return the privileges that a role, not the owner, has without need, and those that it lacks."""
    excess, lacking = [], []
    for held in _held(connection, names):
        excess += [f"{word} on {held.name}" for word in held.excess]
        lacking += [f"{word} on {held.name}" for word in held.lacking]
    lacking += [f"EXECUTE on {name}" for (name,) in connection.execute(_ROUTINES, names)]
    may_create, may_use = (
        connection.execute(f"SELECT has_schema_privilege(%(role)s, %(schema)s, '{word}')", names).fetchone() == (True,)
        for word in ("CREATE", "USAGE")
    )
    excess += [f"CREATE in schema {names['schema']}"] if may_create else []
    excess += [_TEMPORARY_TABLES] if _makes_temporary_tables(connection, names)[0] else []
    lacking += [] if may_use else [f"USAGE of schema {names['schema']}"]
    return excess, lacking


def _makes_temporary_tables(connection: Connection, names: dict[str, str]) -> tuple[bool, bool]:
    """Return whether the role may create temporary tables, and whether the tables' owner can revoke that."""
    may, can = connection.execute(_TEMPORARY, names).fetchone() or (False, False)
    return may, can


def _held(connection: Connection, names: dict[str, str]) -> list[_Held]:
    table = [*_ROWS, "TRUNCATE", "REFERENCES", "TRIGGER"]
    if connection.info.server_version >= 170000:
        table.append("MAINTAIN")
    words = {"table": table, "sequence": [*_SEQUENCE, "UPDATE"], "column": ["SELECT", "INSERT", "UPDATE", "REFERENCES"]}
    return [_Held(*row) for row in connection.execute(_HELD, {**names, **words})]


def is_there(connection: Connection, role: str) -> bool:
    """Return whether the server has that role."""
    return connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is not None


def make(connection: Connection, role: str, password: str) -> None:
    """Create the application's role, or set its password. The server gets only a digest of the password."""
    verb = "ALTER" if is_there(connection, role) else "CREATE"
    words = f"{verb} ROLE {{role}} LOGIN NOINHERIT NOCREATEDB NOCREATEROLE"
    _run(connection, words, role=sql.Identifier(role))
    if password:
        set_password(connection, role, password)


def set_password(connection: Connection, role: str, password: str) -> None:
    """Set a role's password; the statement, and so the log, has only a SCRAM digest of it."""
    digest = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    _run(connection, "ALTER ROLE {role} PASSWORD {digest}", role=sql.Identifier(role), digest=sql.Literal(digest))


def grant(connection: Connection, role: str) -> bool:
    """Grant the application's role what it needs and revoke the rest, in one transaction; return whether anything
    changed.

    `connection` is the owner's. Only differences are written, and running parts never lack a privilege meanwhile.
    """
    before = look(connection, role)
    names = {"role": role, "owner": before.owner, "schema": before.schema}
    out_of_reach = set() if _makes_temporary_tables(connection, names)[1] else {_TEMPORARY_TABLES}
    if before.owns or not (set(before.excess) - out_of_reach or before.lacking):
        return False
    who, schema = sql.Identifier(role), sql.Identifier(before.schema)
    with connection.transaction():
        for held in _held(connection, names):
            kind, name = "SEQUENCE" if held.is_sequence else "TABLE", sql.Identifier(before.schema, held.name)
            if held.excess:
                _run(connection, f"REVOKE ALL ON {kind} {{name}} FROM {{role}}, PUBLIC", name=name, role=who)
            if held.excess or held.lacking:
                words = ", ".join(held.wanted)
                _run(connection, f"GRANT {words} ON {kind} {{name}} TO {{role}}", name=name, role=who)
        for (routine,) in connection.execute(_ROUTINES, names).fetchall():
            _run(
                connection,
                "GRANT EXECUTE ON ROUTINE {routine} TO {role}",
                routine=sql.SQL(routine),
                role=who,
            )
        if f"CREATE in schema {before.schema}" in before.excess:
            _run(connection, "REVOKE CREATE ON SCHEMA {schema} FROM {role}, PUBLIC", schema=schema, role=who)
        if _TEMPORARY_TABLES in set(before.excess) - out_of_reach:
            _run(
                connection,
                "REVOKE TEMPORARY ON DATABASE {name} FROM {role}, PUBLIC",
                name=sql.Identifier(before.database),
                role=who,
            )
        if f"USAGE of schema {before.schema}" in before.lacking:
            _run(connection, "GRANT USAGE ON SCHEMA {schema} TO {role}", schema=schema, role=who)
    return True


def _run(connection: Connection, words: str, **parts: sql.Composable) -> None:
    """Run a statement of this file; names from elsewhere are passed as `parts`, which are quoted."""
    connection.execute(sql.SQL(words).format(**parts))


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string(None)
