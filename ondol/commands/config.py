"""`ondol config check`: what every part would read here at its start. It uses neither database nor AWS."""

import argparse
import os

from ondol.commands import CommandError
from ondol.config import Config, ConfigError, judged, unjudged_file, variable
from ondol.env_file import EnvFile
from ondol.written_settings import place, told_mistakes, without_secret


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol config`."""
    words = parser.add_subparsers(dest="what", required=True, metavar="check")
    words.add_parser("check", help="say all that is wrong with the settings, or print those that hold, without secrets")


def run(options: argparse.Namespace) -> None:
    """Print each setting with its value and where that comes from. Raises CommandError with all that is wrong."""
    file = unjudged_file()
    settings, wrong = judged(file)
    wrong = [*told_mistakes(file), *wrong]
    if settings:
        wrong += _missing(settings)
    if wrong or not settings:
        raise CommandError("\nondol: ".join(wrong))
    for name in Config.model_fields:
        print(_line(name, settings, file))


def _missing(settings: Config) -> list[str]:
    """Return the missing settings without which a part would not start."""
    found = []
    checks = [settings.require_reachable_pages, settings.require_real_time]
    if settings.cloud == "aws":
        checks += [lambda: settings.require("vpc_id"), lambda: settings.require("subnet_id")]
        checks.append(settings.require_ssh_ranges)
    for check in checks:
        try:
            check()
        except ConfigError as error:
            found.append(str(error))
    return found


def _line(field: str, settings: Config, file: EnvFile) -> str:
    name, value = variable(field), getattr(settings, field)
    shown = without_secret(name, _text(value))
    return f"{f'{name}={shown}':60} {_source(name, file)}".rstrip()


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join("=".join(one) if isinstance(one, tuple) else str(one) for one in value)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _source(name: str, file: EnvFile) -> str:
    if os.environ.get(name):
        return place(name, file).strip() or "(environment)"
    return place(name, file).strip() if file.values.get(name) else ""
