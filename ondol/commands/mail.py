"""`ondol mail test ADDRESS`: send one e-mail without the queue, and print what the mail server answers."""

import argparse

from django.utils import translation

from ondol.commands import CommandError, _aws, _django
from ondol.config import config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol mail`."""
    words = parser.add_subparsers(dest="what", required=True, metavar="test")
    test = words.add_parser("test", help="send one e-mail; needs no database")
    test.add_argument("address")
    parser.epilog = "It goes from this host. Where workers run on others, try it there, too."


def run(options: argparse.Namespace) -> None:
    """Send it, or say what is wrong and what to do."""
    _aws.read_env_file()
    _django.load_without_database()
    translation.activate("en")  # English, as everything the command says
    from django.core.exceptions import ValidationError  # noqa: PLC0415  after Django's set-up
    from django.core.mail import EmailMessage  # noqa: PLC0415
    from django.core.validators import validate_email  # noqa: PLC0415

    from ondol.outbox import backend, smtp  # noqa: PLC0415
    from ondol.outbox.causes import SENTENCES, DeliveryError  # noqa: PLC0415

    try:
        validate_email(options.address)
    except ValidationError:
        raise CommandError(f"{options.address} is no e-mail address.") from None
    target = config().mail_server
    where = str(target.folder or f"{target.host}:{target.port}")
    try:
        if target.folder is None:
            session = smtp.backend(limit=smtp.PROBE).probe()
            who = f"as {target.user}" if target.user else "without a password"
            print(f"{where} answers: {session.tls or 'no TLS'}, {who}.")
        text = f"This e-mail was sent by `ondol mail test` of {config().url}.\n"
        backend.hand_over(EmailMessage("[Ondol] Test", text, config().email_from, [options.address]))
    except DeliveryError as error:
        raise CommandError(f"{where}: {SENTENCES[error.cause]} {error.answer}".rstrip()) from None
    if target.folder is None:
        print(
            f"It has taken the e-mail to {options.address}. Whether that arrives, its reader sees; what bounces goes to"
        )
        print(f"{config().email_from}.")
    else:
        print(f"Written to {where}: nobody gets it. Set ONDOL_EMAIL_URL to have e-mails sent.")
