"""`ondol user add EMAIL`: the first administrator, or anybody, without a browser."""

import argparse
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


def run(options: argparse.Namespace) -> None:
    """Add the person."""
    _django.set_up()
    from ondol.accounts.people import AccountError, add_user  # noqa: PLC0415  after Django's set-up

    password = sys.stdin.readline().rstrip("\r\n") if options.password_stdin else None
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
