"""`ondol costs verify`: compare the prepared figures of a month with the record of what machines did."""

import argparse

from ondol.commands import CommandError, _django


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol costs`."""
    words = parser.add_subparsers(dest="what", required=True, metavar="verify")
    verify = words.add_parser(
        "verify", help="compute the month again from the record; code 1 if a figure differed, which is made again"
    )
    verify.add_argument("--month", help="such as 2026-06 (default: the current one)")


def run(options: argparse.Namespace) -> int:
    """Run the command. Everything that these commands say is in English."""
    _django.set_up()
    from ondol.accounts.models import User  # noqa: PLC0415  after Django's set-up
    from ondol.costs.bills import this_month  # noqa: PLC0415
    from ondol.costs.models import MonthFigure  # noqa: PLC0415
    from ondol.costs.months import Month  # noqa: PLC0415
    from ondol.costs.prepared import differing  # noqa: PLC0415

    try:
        month = Month.parse(options.month) if options.month else this_month()
    except ValueError:
        raise CommandError("--month is a year and a month, such as 2026-06.") from None
    if month > this_month():
        raise CommandError(f"{month} has not begun.")
    wrong = differing(month)
    count = MonthFigure.objects.filter(month=str(month)).count()
    print(f"Compared {count:,} people’s figures of {month} with the record.")
    for email in User.objects.filter(pk__in=wrong).order_by("email").values_list("email", flat=True):
        print(f"{email}: it differed, and was made again.")
    if not wrong:
        print("All agree.")
    return 1 if wrong else 0
