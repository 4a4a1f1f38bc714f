"""What a statement does to the database, in a few words that are the same every time."""

import re

_LITERAL = re.compile(r"'(?:[^']|'')*'")
_SETS = re.compile(r'"(\w+)" = ')
_VERBS = (
    (re.compile(r'INSERT INTO "?(\w+)', re.I), "insert"),
    (re.compile(r'UPDATE "?(\w+)', re.I), "update"),
    (re.compile(r'DELETE FROM "?(\w+)', re.I), "delete"),
)
_CALLS = re.compile(r"(procrastinate_\w+)\(")
_LOCKS = re.compile(r'FROM "?(\w+)"?.*\bFOR (?:UPDATE|SHARE|NO KEY UPDATE)', re.I | re.S)


def effect(statement: str) -> str:
    """Empty for one that neither writes nor locks."""
    text = _LITERAL.sub("?", statement)
    for pattern, verb in _VERBS:
        if found := pattern.match(text.lstrip()):
            table = found[1].removeprefix("instances_")
            return f"{verb} {table}{_columns(text) if verb == 'update' else ''}"
    if found := _CALLS.search(text):
        return found[1].removeprefix("procrastinate_")
    if found := _LOCKS.search(text):
        return f"lock {found[1].removeprefix('instances_')}"
    return ""


def _columns(text: str) -> str:
    """What an UPDATE sets; a whole row is saved under many names."""
    names = [name for name in _SETS.findall(text.partition(" WHERE ")[0]) if name != "updated_at"]
    return f"({' '.join(names[:4])}{' …' if len(names) > 4 else ''})"


def is_begin(statement: str) -> bool:
    return statement.lstrip()[:5].upper() == "BEGIN"


def is_commit(statement: str) -> bool:
    return statement.strip(" ;\n").upper() == "COMMIT"
