"""The settings that somebody has written, in the environment or in a file, and what makes them unusable."""

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field
from pydantic_settings import NoDecode

from ondol import env_file
from ondol.env_file import EnvFile

_NOT_IN_FILE = ("ONDOL_ENV_FILE", "ONDOL_DIE_WITH_PARENT")
"""Names in the environment that are no settings: the path of the file, and a flag from `ondol web` to its server."""
_SECRET = ("SECRET", "KEY", "DATABASE_URL", "OWNER_URL", "EMAIL_URL")
_TOLD = 10
"""The most lines of a file that are reported at once."""


class ConfigError(Exception):
    """Settings that cannot be used; the text says which variable, what is wrong and what to write instead."""


def env(name: str, default: Any = ..., **constraints: Any) -> Any:
    """Return the field of a setting that has this name in the environment and in the file."""
    return Field(default, validation_alias=AliasChoices(name), **constraints)


def split(value: object) -> object:
    """Return the words of a comma-separated text."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _require_port(value: str) -> str:
    try:
        _ = urlsplit(value).port
    except ValueError:
        raise ValueError("its port is no number from 0 to 65535, or its host is malformed") from None
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split)]
"""Several words in one setting, comma-separated."""
Url = Annotated[str, AfterValidator(_require_port)]
"""An address whose port, if it has one, is valid."""


def settings_file(known: Collection[str]) -> EnvFile:
    """Return the content of the settings file. Raises ConfigError if a line cannot be read."""
    file = read_file(known)
    if mistakes := told_mistakes(file):
        raise ConfigError("\n".join(mistakes))
    return file


def read_file(known: Collection[str]) -> EnvFile:
    """Return the settings file with its mistakes. Raises ConfigError if it is missing, or not text.

    ONDOL_ENV_FILE names the file, which then has to exist; if it is empty, there is none. Unset: `.env` in this folder.
    """
    named = os.environ.get("ONDOL_ENV_FILE")
    path = Path(".env" if named is None else named).expanduser()
    if named == "" or (named is None and not path.is_file()):  # a folder `.env` is somebody's virtual environment
        return EnvFile()
    try:
        if not path.is_file():
            path.stat()
            raise ConfigError(f"ONDOL_ENV_FILE={path}: this is no file.")
        file = env_file.read(path, known)
    except UnicodeError:
        raise ConfigError(f"{path} cannot be read as UTF-8 text. Save it as UTF-8, and not as UTF-16.") from None
    except OSError as error:
        raise ConfigError(f"{'' if named is None else 'ONDOL_ENV_FILE='}{path}: {error.strerror}.") from None
    return file


def told_mistakes(file: EnvFile) -> list[str]:
    """Return a sentence for each line that cannot be read; only for the first ones, if there are many."""
    told = [f"{_path()}, {mistake}" for mistake in file.mistakes[:_TOLD]]
    more = len(file.mistakes) - len(told)
    return [*told, f"{more} more lines of {_path()} cannot be read."] if more else told


def _path() -> Path:
    return Path(os.environ.get("ONDOL_ENV_FILE", ".env")).expanduser()


def from_file(file: EnvFile, known: Collection[str]) -> dict[str, Any]:
    """Return the settings that come from the file: those that the environment does not set."""
    return {name: text for name, text in file.values.items() if name in known and text and not os.environ.get(name)}


def unknown_in_environment(known: Collection[str]) -> dict[str, str]:
    """Return what is wrong with names in the environment that look like settings but are not."""
    judged = {name: env_file.meant(name, known) for name in sorted(os.environ) if name not in _NOT_IN_FILE}
    return {name: wrong for name, wrong in judged.items() if wrong}


def not_meant(file: EnvFile, defaults: Mapping[str, Any]) -> dict[str, str]:
    """Return a sentence for each setting in `defaults` whose text is surely not the value that was meant."""
    return dict([*_empty(file, defaults), *_strange(defaults)])


def sentence(mistake: Mapping[str, Any], file: EnvFile) -> str:
    """Return what pydantic says of a wrong value, with its name and place, without secrets."""
    reason = str(mistake["msg"]).removeprefix("Value error, ")
    if not mistake["loc"]:
        return f"{reason}."
    name = str(mistake["loc"][0])
    is_secret = any(word in name for word in _SECRET) or (
        name.endswith(("_URL", "_ISSUER")) and "@" in mistake["input"]
    )
    shown = "" if is_secret else f"={mistake['input']}"
    return f"{name}{shown}{place(name, file)}: {reason[0].lower()}{reason[1:]}."


_NEVER_EMPTY = {"ONDOL_SSH_CIDRS"}
"""Settings without a default whose empty value might mean everybody or nobody."""


def _empty(file: EnvFile, defaults: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield a sentence for each empty setting that has a default: it is unclear which of both is meant.

    If the default is empty, both mean the same.
    """
    for name, default in defaults.items():
        text = os.environ.get(name, file.values.get(name))
        has_default = default not in ("", None, ())
        if (has_default or name in _NEVER_EMPTY) and text is not None and not text.strip(" \t,"):
            shown = ",".join(default) if isinstance(default, tuple) else str(default)
            shown = shown.lower() if isinstance(default, bool) else shown
            instead = f"take it out to have {shown}" if has_default else "take it out"
            yield name, f"{name} is empty{place(name, file)}. Write a value, or {instead}."


def _strange(names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield a sentence for each setting in the environment that carries quotes or invisible characters with it."""
    for name in sorted(set(names) & set(os.environ)):
        text = os.environ[name]
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            yield name, f"{name}: its quotes are part of the value, as with `docker --env-file`. Take them out."
        elif not text.strip(" \t\r\n").isprintable():
            yield name, f"{name}: it has an invisible character. Type it again."


def without_secret(name: str, text: str) -> str:
    """Return a value as it may be shown; an address without its user, password and query."""
    if not any(word in name for word in _SECRET) and "@" not in text:
        return text
    scheme, separator, rest = text.partition("://")
    if not separator or not name.endswith(("_URL", "_ISSUER")):
        return text if name == "ONDOL_EMAIL_FROM" else text and "(set)"
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"


def place(name: str, file: EnvFile) -> str:
    """Return where a setting is written, if that is a line of the file."""
    if name not in file.lines or os.environ.get(name, file.values[name]) != file.values[name]:
        return ""
    return f" ({os.environ.get('ONDOL_ENV_FILE', '.env')}, line {file.lines[name]})"
