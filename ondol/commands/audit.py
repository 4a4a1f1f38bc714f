"""`ondol audit …`: verify the record, and remove rows that are older than the retention time."""

import argparse
from datetime import timedelta

from ondol.commands import CommandError, _django
from ondol.config import config

_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol audit`."""
    words = parser.add_subparsers(dest="what", required=True, metavar="verify|prune")
    verify = words.add_parser("verify", help="compute the chain again; code 1 if a row was changed, removed or moved")
    verify.add_argument("--head", action="append", default=[], metavar="POSITION:HASH", help="one that you have kept")
    prune = words.add_parser("prune", help="remove old rows, as the owner of the tables; the chain stays verifiable")
    prune.add_argument("--days", type=int, help="how many days stay (default: ONDOL_AUDIT_DAYS)")


def run(options: argparse.Namespace) -> int:
    """Run the command. Everything that these commands say is in English."""
    if options.what == "verify":
        _django.set_up()
        return _verify(options.head)
    _django.set_up(as_owner=True)
    _require_owner()
    return _prune(options.days)


def _verify(given: list[str]) -> int:
    from ondol.audit import linking  # noqa: PLC0415  after Django's set-up
    from ondol.audit.chain import Head, verify  # noqa: PLC0415

    try:
        heads = [Head.parse(text) for text in given]
    except ValueError:
        raise CommandError(
            "--head is POSITION:HASH, as the log, a backup's manifest and `audit.head` have it."
        ) from None
    kept = linking.kept_head()
    if kept is None:
        print(f"There is no {linking.head_file()}, so rows missing at the end are found by --head alone.")
    verdict = verify(linking.linked(), heads + ([kept] if kept else []))
    begin = f", after {verdict.begins_after.position} that a retention has removed" if verdict.begins_after else ""
    print(f"Verified {verdict.count:,} rows{begin}. Head: {verdict.head}")
    if waiting := linking.unlinked().count():
        print(f"{waiting:,} rows wait to be linked; a worker does that within seconds.")
    for finding in verdict.findings[:_SHOWN]:
        print(finding[0].upper() + finding[1:] + ".")
    if (more := len(verdict.findings) - _SHOWN) > 0:
        print(f"And {more:,} more.")
    if late := linking.late():
        print(
            f"{late:,} of those that wait are older than a minute, so linking has ended, and nothing shows whether "
            "they were changed. See that a worker runs, and what its log says of ondol.audit.link."
        )
    elif not verdict.findings:
        print("Nothing was changed.")
    return 1 if verdict.findings or late else 0


def _require_owner() -> None:
    """Raise CommandError unless this role owns the record's tables: only their owner may remove rows."""
    from django.db import connection  # noqa: PLC0415  after Django's set-up

    from ondol.database import roles  # noqa: PLC0415

    connection.ensure_connection()
    standing = roles.look(connection.connection)
    if standing.role != standing.owner:  # for the trigger, a superuser is not enough
        raise CommandError(
            f"Old rows are removed by the owner of the tables alone, {standing.owner}, and DATABASE_URL has the role "
            f"{standing.role}. Set ONDOL_DATABASE_OWNER_URL for this command, as for `ondol migrate`. Nothing was "
            "removed."
        )


def _prune(days: int | None) -> int:
    from ondol import clock  # noqa: PLC0415  after Django's set-up
    from ondol.audit import linking  # noqa: PLC0415
    from ondol.audit.chain import verify  # noqa: PLC0415
    from ondol.audit.retention import prune  # noqa: PLC0415

    days = config().audit_days if days is None else days
    if days < 1:
        raise CommandError("At least one day stays. With ONDOL_AUDIT_DAYS=0 the record is kept for ever.")
    if verify(linking.linked()).findings:
        raise CommandError("The record was changed, so nothing is removed. `ondol audit verify` says what.")
    count = prune(clock.now() - timedelta(days=days))
    linking.link(everything=True)  # link the row about the removal here: perhaps no worker runs
    print(f"Removed {count:,} rows that were older than {days} days.")
    return 0
