"""Read a settings file such as `.env`: each line is understood, or named as a mistake. Standard library only.

systemd's `EnvironmentFile=`, `docker --env-file`, python-dotenv and a shell each read such files in their own way. What
is accepted here, systemd reads alike; a line that it would read differently is a mistake, reported with a spelling that
both read alike. Exceptions, which systemd ignores: `export` before a name, and a byte order mark before the first.

A mistake never repeats what stands in its line: that may be part of a password.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LINE_END = re.compile(r"\r\n|\r|\n")
_EXPORT = re.compile(r"export[ \t]+(?=[A-Za-z_])")
_PREFIX = "ONDOL_"
_OUR_PREFIXES = (_PREFIX, "AWS_", "DATABASE_")
_ANOTHER = re.compile(r"[\s;,&]((?:ONDOL|AWS)_\w+|DATABASE_URL)[ \t]*[=:]")
_ESCAPED = re.compile(r"\\(.)")
_ESCAPABLE = '"\\$`'
"""The characters that a backslash escapes between double quotes, for systemd and shells alike."""
_PLACEHOLDER = "…"


@dataclass(eq=False)
class Mistake(Exception):
    """What is wrong with one line; `name` is its variable, empty if it has none, or none that may be shown."""

    line: int
    name: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.name and f'{self.name}: '}{self.reason}."


@dataclass
class EnvFile:
    """The content of a file: values by name, their lines, and the lines that cannot be read."""

    values: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)


def read(path: Path, known: Collection[str]) -> EnvFile:
    """Return what is in a file; `known` are the names of settings. Raises OSError or UnicodeError."""
    return parse(path.read_bytes().decode("utf-8-sig"), known)


def parse(text: str, known: Collection[str]) -> EnvFile:
    """Return what is in the text of a file."""
    file = EnvFile()
    for number, line in enumerate(_LINE_END.split(text), 1):
        try:
            for name, value in _assignment(number, line.strip(" \t"), known):
                if name in file.lines:
                    raise Mistake(number, name, f"is set in line {file.lines[name]} already; keep one of the two")
                file.values[name], file.lines[name] = value, number
        except Mistake as mistake:
            file.mistakes.append(mistake)
    return file


def meant(name: str, known: Collection[str]) -> str | None:
    """Return what is wrong with a name that looks like one of our settings but is not; None if nothing is."""
    if name in known or name.startswith("AWS_ENDPOINT_URL_"):  # the SDK's, one for each service
        return None
    is_ours = name.upper().startswith(_PREFIX)
    nearest = get_close_matches(name.upper(), known, n=1, cutoff=0.6 if is_ours else 0.9)
    if nearest:
        return f"there is no such setting; the nearest is {nearest[0]}"
    return "there is no such setting; docs/settings.md lists them all" if is_ours else None


def _assignment(number: int, line: str, known: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield name and value of a line, or nothing for an empty one and a comment. Raises Mistake."""
    if not line or line[0] in "#;":
        if line.endswith("\\"):
            raise Mistake(number, "", "this comment ends with a backslash, and systemd would skip the next line, too")
        return
    left, equals, right = (part.strip(" \t") for part in _EXPORT.sub("", line, count=1).partition("="))
    if not equals or not NAME.fullmatch(left):
        raise Mistake(number, _name_in(line, known), _no_assignment(left, equals))
    if wrong := meant(left, known):
        raise Mistake(number, left, wrong)
    try:
        value = _value(right)
        _check(left, value, known)
    except ValueError as error:
        raise Mistake(number, left, str(error)) from None
    yield left, value


def _no_assignment(left: str, equals: str) -> str:
    if re.match(r"[\s\"']*\w+[\s\"']*:", left):
        return "write NAME=VALUE, with = instead of a colon"
    if not equals:
        return "write NAME=VALUE on one line; here is no ="
    return "write NAME=VALUE; what stands before = is no name of letters, digits and _"


def _name_in(line: str, known: Collection[str]) -> str:
    """Return the variable of a line, if it is one of ours: anything else may be part of a secret."""
    found = (word for word in NAME.findall(line) if word in known or word.startswith(_PREFIX))
    return next(found, "")


def _value(text: str) -> str:
    if text[:1] in ("'", '"'):
        return _quoted(text[0], text[1:])
    if "\\" in text:
        if text.endswith("\\"):
            raise ValueError("write it on one line; a backslash at its end does not continue it everywhere")
        raise ValueError("put a value with a backslash between single quotes; systemd would take it out")
    if re.search(r"(^|[ \t])#", text):
        raise ValueError("put the comment on a line of its own, or a value with # between single quotes")
    if "'" in text or '"' in text:
        raise ValueError("put quotes around the whole value, or around none of it")
    if another := _ANOTHER.search(text):
        raise ValueError(f"{another[1]} stands on the same line; write one NAME=VALUE on each")
    _refuse_expansion(text)
    return text


def _quoted(quote: str, rest: str) -> str:
    body = r"[^']*" if quote == "'" else r'(?:[^"\\]|\\.)*'
    match = re.match(body, rest)
    if match is None or rest[match.end() : match.end() + 1] != quote:
        raise ValueError(f"its quote ({quote}) is not closed on this line")
    if rest[match.end() + 1 :].strip():
        raise ValueError("there is text after the closing quote; put a comment on a line of its own")
    if quote == "'":
        return match[0]
    if strange := next((one for one in _ESCAPED.findall(match[0]) if one not in _ESCAPABLE), ""):
        raise ValueError(f"between double quotes, \\{strange} is not read alike everywhere; use single quotes")
    _refuse_expansion(_ESCAPED.sub("", match[0]))
    return _ESCAPED.sub(r"\1", match[0])


def _refuse_expansion(text: str) -> None:
    if re.search(r"\$[{(]", text):
        raise ValueError("nothing is filled in for ${…} or $(…); put it between single quotes if that is the value")


def _check(name: str, value: str, known: Collection[str]) -> None:
    """Raise ValueError if the value is surely not what somebody meant, however it was written."""
    if hidden := next((letter for letter in value if not letter.isprintable()), ""):
        raise ValueError(f"it has an invisible character (U+{ord(hidden):04X}); type it again")
    if name not in known and re.match(rf"[\"']?{_PREFIX}\w+=", value):
        raise ValueError("write the setting itself at the beginning of the line")
    if name.startswith(_OUR_PREFIXES) and value.endswith(_PLACEHOLDER):
        raise ValueError(f"{_PLACEHOLDER} stands for what you have to write there")
