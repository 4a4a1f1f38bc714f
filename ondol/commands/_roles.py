"""What `ondol migrate` does about the application's role, on the connection of the tables' owner."""

import psycopg

from ondol.commands import CommandError
from ondol.commands._django import first_line
from ondol.database import roles
from ondol.database.url import read


def prepare(owner: roles.Connection, application: str) -> None:
    """Make the application's role if it is missing. Raises CommandError if these two roles cannot work."""
    role, password = _name(application), str(read(application).get("password") or "")
    standing = roles.look(owner)
    if role == standing.role:
        raise CommandError(
            f"ONDOL_DATABASE_OWNER_URL and DATABASE_URL have the same role, {role}. The second is the application's, "
            "which owns nothing; take the first out to have one role for both."
        )
    if standing.owner and not standing.owns:
        raise CommandError(
            f"The tables belong to {standing.owner}, and ONDOL_DATABASE_OWNER_URL has the role {standing.role}. Set it "
            f"to {standing.owner}, or let an administrator of PostgreSQL run REASSIGN OWNED BY for that role in this "
            "database. Nothing was changed."
        )
    if roles.is_there(owner, role):
        return
    try:
        roles.make(owner, role, password)
    except psycopg.errors.InsufficientPrivilege:
        raise CommandError(
            f"PostgreSQL has no role {role}, and {standing.role} may not make one. Let an administrator run: "
            f"{roles.statements(role, standing.database, standing.schema)} Then run `ondol migrate` again."
        ) from None
    print(f"Made the role {role}, with the password of DATABASE_URL.")


def grant(owner: roles.Connection, application: str) -> None:
    """Grant the application's role what it needs, and check it by connecting as that role. Raises CommandError."""
    role = _name(application)
    if roles.grant(owner, role):
        append_only = ", ".join(sorted(roles.APPEND_ONLY))
        print(
            f"Gave {role} the rows of Ondol's tables; SELECT and INSERT alone on those of the record ({append_only})."
        )
    try:
        with psycopg.connect(**read(application)) as connection:
            standing = roles.look(connection)
    except psycopg.Error as error:
        raise CommandError(f"{role} of DATABASE_URL cannot connect ({first_line(error)}). Correct that.") from None
    if standing.lacking or not standing.owner:
        where = f"schema {standing.schema or 'none'} of the database {standing.database}"
        raise CommandError(
            f"{role} of DATABASE_URL finds no tables of Ondol that it may use in {where}. Let both addresses lead to "
            f"one database, and both roles have one search_path. ({', '.join(standing.lacking[:3]) or 'no tables'})"
        )
    if standing.owns or standing.excess:
        rights = ", ".join(standing.excess) or "what the owner may"
        print(
            f"WARNING: {role} has more than web and worker need: {rights}. An administrator of PostgreSQL can take it."
        )


def _name(application: str) -> str:
    if role := read(application).get("user"):
        return str(role)
    raise CommandError("DATABASE_URL names no role: beside ONDOL_DATABASE_OWNER_URL, write postgresql://USER:…")
