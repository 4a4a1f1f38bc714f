"""`ondol token create EMAIL`: a personal API token, printed once."""

import argparse

from django.utils import translation

from ondol.commands import CommandError, _django


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol token`."""
    words = parser.add_subparsers(dest="what", required=True, metavar="create")
    create = words.add_parser("create", help="create a token; it is printed once and not kept")
    create.add_argument("email")
    create.add_argument("--name", default="command line", help="what it is for")
    create.add_argument(
        "--scope",
        action="append",
        choices=["read", "machine", "administrate"],
        help="what it may do; may be repeated (default: read and machine)",
    )
    create.add_argument(
        "--days", type=int, choices=[7, 30, 90, 365], default=90, help="how long it lives (default: 90)"
    )


def run(options: argparse.Namespace) -> None:
    """Print the token, alone on its line."""
    _django.set_up()
    from ondol.accounts.models import Scope, User  # noqa: PLC0415  after Django's set-up
    from ondol.accounts.people import AccountError  # noqa: PLC0415
    from ondol.accounts.tokens import create_token  # noqa: PLC0415

    user = User.objects.filter(email__iexact=options.email.strip()).first()
    if user is None:
        raise CommandError(f"There is nobody with the address {options.email}.")
    translation.activate("en")  # English, as everything the command says
    try:
        scopes = map(Scope, options.scope or ["read", "machine"])
        print(create_token(user, options.name[:60], scopes, options.days))
    except AccountError as error:
        raise CommandError(str(error)) from None
