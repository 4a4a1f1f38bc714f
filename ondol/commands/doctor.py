"""`ondol doctor`: is everything there that machines need? One line for each check, with a fix. It leaves nothing."""

import argparse
import json
import sys
from typing import TYPE_CHECKING

from django.utils import translation

from ondol import __version__
from ondol.commands import CommandError, _aws, _django
from ondol.config import ConfigError, config

if TYPE_CHECKING:
    from ondol.doctor.findings import Finding


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol doctor`."""
    parser.add_argument("--language", choices=["ko", "en"], help="of what it says (that of the terminal)")
    parser.add_argument("--json", action="store_true", help="the findings as JSON, for programs")
    parser.add_argument("--only", action="append", default=[], metavar="CHECK", help="this check; may be repeated")
    parser.add_argument("--print-policy", action="store_true", help="the IAM policy that Ondol needs, and nothing else")
    parser.add_argument(
        "--print-parameters",
        action="store_true",
        help="what these settings mean for the stack of ondol/deploy/aws.yaml",
    )
    parser.add_argument("--account", default="", help="with --print-policy: 12 digits (that of the credentials)")


def run(options: argparse.Namespace) -> int:
    """Run the checks; return 1 if one fails."""
    try:
        _aws.take_credentials()
        has_trial = True
    except CommandError:
        has_trial = False
    reason = _django.load_without_database()
    translation.activate(options.language or _aws.language())
    if options.print_policy:
        return _print_policy(options.account, reason)
    if options.print_parameters:
        return _print_parameters(reason)
    return _print_findings(options, has_trial, reason)


def _print_findings(options: argparse.Namespace, has_trial: bool, reason: str) -> int:
    from ondol.doctor import check_up, messages  # noqa: PLC0415  after Django's set-up
    from ondol.doctor.findings import Level, failed  # noqa: PLC0415

    if unknown := set(options.only) - set(check_up.names()):
        raise CommandError(f"There is no check {', '.join(sorted(unknown))}. There are: {', '.join(check_up.names())}.")
    found = [] if reason else check_up.our_side(options.only)
    if reason and check_up.asks_database(options.only):
        found = [failed("database", "absent", reason=reason)]
    if not options.only or "pages" in options.only:
        found.append(_pages())
    if not options.only or "mail" in options.only:
        found += check_up.mail_side()
    if has_trial:
        found += check_up.amazons_side(config(), *(("", "") if reason else check_up.place(found)), options.only)
    elif not options.only or check_up.asks_aws(options.only):
        found.append(failed("settings", "no_trial", home=config().home))
    is_well = not any(finding.level is Level.FAILED for finding in found)
    if options.json:
        told = [
            finding.to_json() | {"name": str(messages.name(finding)), "sentence": str(messages.sentence(finding))}
            for finding in found
        ]
        print(json.dumps({"version": __version__, "ok": is_well, "findings": told}, ensure_ascii=False, indent=2))
    else:
        for finding in found:
            print(f"{messages.LEVELS[finding.level]!s:8} {messages.name(finding)}: {messages.sentence(finding)}")
    return 0 if is_well else 1


def _pages() -> "Finding":
    """Return whether pages could be served with these settings. Only this host knows them: a worker cannot check."""
    from ondol.doctor.findings import failed, ok  # noqa: PLC0415  after Django's set-up

    try:
        config().require_reachable_pages()
    except ConfigError as error:
        return failed("pages", "unreachable", reason=error)
    return ok("pages", "reachable", url=config().url)


def _print_policy(account_id: str, reason: str) -> int:
    from ondol.cloud.errors import CloudError  # noqa: PLC0415  after Django's set-up
    from ondol.cloud.probes import Probes  # noqa: PLC0415
    from ondol.doctor import check_up  # noqa: PLC0415
    from ondol.doctor.policy import policy  # noqa: PLC0415

    if account_id and not (account_id.isascii() and account_id.isdigit() and len(account_id) == 12):
        raise CommandError(f"--account {account_id}: use the 12 digits of an AWS account.")
    deployment = "" if reason else check_up.place([])[0]
    try:
        account_id = account_id or Probes.from_config(config(), deployment).caller().account_id
    except CloudError as error:
        raise CommandError(f"AWS does not say whose credentials these are ({error.code}). Use --account.") from None
    print(policy(config(), account_id, deployment), end="")
    if not deployment:
        print(
            "ondol: Without its database this deployment is not known: the policy is about every Ondol in the account. "
            "Print it again when `ondol up` runs.",
            file=sys.stderr,
        )
    return 0


def _print_parameters(reason: str) -> int:
    """Print parameters of CloudFormation; not those of the network, which would remove the network of the stack."""
    from ondol.doctor import check_up  # noqa: PLC0415  after Django's set-up
    from ondol.doctor.policy import parameters  # noqa: PLC0415

    if reason:
        raise CommandError(f"Without its database this deployment is not known: {reason}")
    print(json.dumps([f"{name}={value}" for name, value in parameters(config(), check_up.place([])[0]).items()]))
    return 0
