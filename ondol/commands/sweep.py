"""`ondol sweep`: what is ours in AWS without a row, and rows without a machine."""

import argparse

from ondol.commands import CommandError, _aws


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol sweep`."""
    parser.add_argument("--apply", action="store_true", help="remove what is left over, open what was shut")
    unknown = "with --apply: also what this database does not know. After a restore, these are people's machines!"
    parser.add_argument("--unknown", action="store_true", help=unknown)


def run(options: argparse.Namespace) -> int:
    """Print two lines for each finding; return 1 if something is left."""
    if options.unknown and not options.apply:
        raise CommandError("--unknown goes together with --apply.")
    _aws.set_up()
    from django.utils.translation import gettext as _  # noqa: PLC0415  after Django's set-up

    from ondol.cloud.errors import CloudError, NotYet  # noqa: PLC0415
    from ondol.deployment.connection import cloud as connect  # noqa: PLC0415
    from ondol.deployment.findings import REPAIRED, Why  # noqa: PLC0415
    from ondol.reconciler import orphans  # noqa: PLC0415

    left = 0
    try:
        cloud = connect()
        for finding in orphans.survey(cloud):
            print(f"{finding.kind} {finding.id}\n    {finding.sentence}")
            try:
                if options.apply and finding.why in REPAIRED:
                    orphans.fix(finding, cloud)
                elif options.unknown and finding.why is Why.UNKNOWN:
                    orphans.remove_unknown(finding, cloud)
                else:
                    left += 1
                    continue
                print("    " + _("Done, or handed to the worker."))
            except NotYet:
                left += 1
                print("    " + _("Something else still uses it. Try again in a minute."))
    except CloudError as error:
        raise CommandError(f"AWS: {error}.") from None
    print(_("Left as they are: %(count)d.") % {"count": left} if left else _("No mismatch."))
    return 1 if left else 0
