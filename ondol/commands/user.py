"""`ondol user add EMAIL`: the first administrator, or anybody, without a browser."""

import argparse
import codecs
import locale
import sys

from django.utils import translation

from ondol.commands import CommandError, _django


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol user`."""
    words = parser.add_subparsers(dest="what", required=True, metavar="add")
    add = words.add_parser("add", help="add a person")
    add.add_argument("email")
    add.add_argument("--name", default="", help="default: the part of the e-mail address before @")
    add.add_argument("--approved", action="store_true", help="may use Ondol at once")
    add.add_argument("--admin", action="store_true", help="an administrator, approved too")
    add.add_argument("--password-stdin", action="store_true", help="read a password; without one, reset it by e-mail")


def typed_line() -> str:
    """Return the first line of standard input, whose encoding is found out and not believed.

    PowerShell may send UTF-16 or a byte-order mark. Korean Windows sends cp949, which this host takes only if its own
    language is set to it: guessed wrongly, a password would be another one, and nobody would know which.
    """
    data = sys.stdin.buffer.readline()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data += sys.stdin.buffer.read()  # half of a line end was read
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", locale.getencoding()]
    for encoding in encodings:
        try:
            line = data.decode(encoding).partition("\n")[0].rstrip("\r")
        except (LookupError, UnicodeDecodeError):
            continue
        if "\0" not in line:  # UTF-16 without its mark
            return line
    raise CommandError("The password on standard input is not UTF-8. From Korean Windows: iconv -f cp949 -t utf-8.")


def run(options: argparse.Namespace) -> None:
    """Add the person."""
    _django.set_up()
    from ondol.accounts.people import AccountError, add_user  # noqa: PLC0415  after Django's set-up

    password = typed_line() if options.password_stdin else None
    if password == "":
        raise CommandError("The password on standard input is empty.")
    translation.activate("en")  # English, as everything the command says
    try:
        user = add_user(options.email, options.name, approved=options.approved, admin=options.admin, password=password)
    except AccountError as error:
        raise CommandError(str(error)) from None
    print(f"Added {user.email} ({user.get_approval_display()}, {user.get_role_display()}).")
    if password is None:
        print(
            "Nobody knows a password for it: choose one by “Forgot your password?” on the sign-in page, which writes an"
        )
        print("e-mail, or sign in by a provider. --password-stdin sets one here.")
