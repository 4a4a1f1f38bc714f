"""`ondol keys`: which keys belong to this deployment, by their fingerprints, and how to change one on purpose."""

import argparse

from ondol.commands import CommandError, _django


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol keys`."""
    words = parser.add_subparsers(dest="what", required=True, metavar="show|accept")
    words.add_parser("show", help="print the fingerprints of the deployment's keys, and of those in the settings")
    accept = words.add_parser("accept", help="make the keys in these settings the deployment's")
    accept.add_argument("--lost", action="store_true", help="even if private SSH keys or second factors no longer open")


def run(options: argparse.Namespace) -> int:
    """Print both sides, or take ours."""
    _django.set_up()
    from django.db import transaction  # noqa: PLC0415  after Django's set-up

    from ondol.audit.record import Action, write  # noqa: PLC0415
    from ondol.deployment import fingerprints  # noqa: PLC0415
    from ondol.instances import sealed  # noqa: PLC0415

    if options.what == "accept":
        if (shut := len(sealed.examine().shut)) and not options.lost:
            raise CommandError(
                f"{shut} secrets (private SSH keys, second factors) do not open with these ONDOL_VAULT_KEYS. Nothing"
                " was changed. Add the key that they were sealed with; if it is lost, use --lost: their owners need new"
                " machines, and have to set up their second factors again."
            )
        with transaction.atomic():
            fingerprints.accept()
            write(Action.KEYS, lost=options.lost)
        print("These keys are the deployment's now. Start web and worker again wherever they run with others.")
    mine, deployments = fingerprints.ours(), fingerprints.known()
    for name, here, there in (
        ("ONDOL_SECRET_KEY", mine.signing, deployments.signing),
        ("ONDOL_VAULT_KEYS", ", ".join(mine.vault), ", ".join(deployments.vault)),
    ):
        print(f"{name}: here {here}; of the deployment {there or 'not known yet'}")
    try:
        fingerprints.compare(mine, deployments)
    except fingerprints.OtherKeys as error:
        raise CommandError(str(error)) from None
    return 0
