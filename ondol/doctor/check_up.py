"""All checks, run independently: one that fails, or gets no answer, does not prevent the others."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial

from django.db import Error as DatabaseError

from ondol.cloud.errors import CloudError, Throttled, Unreachable
from ondol.cloud.probes import Probes, is_denial
from ondol.config import Config, variable
from ondol.deployment.models import Deployment, deployment_id
from ondol.doctor import aws_checks, connections, database, local_checks, mail_checks, rules, sign_in
from ondol.doctor.findings import Finding, failed, ok, unknown

log = logging.getLogger(__name__)

OURS: dict[str, Callable[[], Iterator[Finding]]] = {
    "database": database.check,
    "connections": connections.check,
    "clock": local_checks.clock,
    "keys": local_checks.keys,
    "worker": local_checks.worker,
    "rules": rules.check,
    "sign_in": sign_in.sign_in,
    "addresses": local_checks.addresses,
    "requests": local_checks.requests,
    "contact": local_checks.contact,
    "outbox": mail_checks.outbox,
}


def check_up(config: Config) -> list[Finding]:
    """Return all findings; after a minute at most, even if nothing answers."""
    found = our_side()
    return [*found, *mail_side(), *amazons_side(config, *place(found))]


def names() -> list[str]:
    """Return the names of the checks."""
    return [*OURS, "mail", "pages", "settings", *aws_checks.CHECKS]


def asks_aws(only: Collection[str]) -> bool:
    """Return whether one of these checks is about AWS."""
    return not {"settings", *aws_checks.CHECKS}.isdisjoint(only)


def asks_database(only: Collection[str]) -> bool:
    """Return whether one of these checks needs the database, or all are asked for."""
    return not only or not OURS.keys().isdisjoint(only)


def our_side(only: Collection[str] = ()) -> list[Finding]:
    """Return the findings that need no AWS; those of `only`, if it names any."""
    found: list[Finding] = []
    for name, check in OURS.items():
        if only and name not in only:
            continue
        found += _isolated(name, check) if _has_database(found) else [unknown(name, "no_database")]
    return found


def mail_side() -> list[Finding]:
    """Return the findings about the mail server, which need no database."""
    return _isolated("mail", mail_checks.server)


def amazons_side(config: Config, deployment: str, account_id: str, only: Collection[str] = ()) -> list[Finding]:
    """Return the findings that need no database: `place` has been called before. Of `only`, if it names any."""
    if only and not asks_aws(only):
        return []
    settings = ok("settings", "amazon" if config.cloud == "aws" else "trial", region=config.region)
    if unset := [variable(name) for name in ("vpc_id", "subnet_id") if not getattr(config, name)]:
        return [failed("settings", "unset", names=", ".join(unset))]
    try:
        probes = Probes.from_config(config, deployment)
    except CloudError as error:
        return [settings, failed("credentials", "missing", code=error.code)]
    found = examine(aws_checks.Case(probes, config, account_id, bool(deployment)), only)
    return found if only and "settings" not in only else [settings, *found]


def examine(case: aws_checks.Case, only: Collection[str] = ()) -> list[Finding]:
    """Return all findings about AWS, whose checks run at the same time."""
    with ThreadPoolExecutor(max_workers=len(aws_checks.CHECKS)) as pool:  # in parallel, so that time-outs do not add up
        found = [
            pool.submit(copy_context().run, _isolated, name, partial(check, case))
            for name, check in aws_checks.CHECKS.items()
            if not only or name in only
        ]
        return [finding for some in found for finding in some.result()]


def place(found: list[Finding]) -> tuple[str, str]:
    """Return the id of this deployment and the account of its machines; empty if the database does not answer.

    `found` is what `our_side` has returned.
    """
    if not _has_database(found):
        return "", ""
    try:
        return deployment_id(), Deployment.current().values_list("account_id", flat=True).get()
    except DatabaseError:
        return "", ""


def _has_database(found: list[Finding]) -> bool:
    return all(finding.code not in {"no_database", "absent"} for finding in found)


def _isolated(name: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(check())  # findings before a failure stay
    except DatabaseError as error:
        reason = str(error).strip().partition("\n")[0][:200]
        found.append(failed(name, "no_database", reason=reason) if name == "database" else unknown(name, "no_database"))
    except (Throttled, Unreachable) as error:
        found.append(unknown(name, "unanswered", code=error.code))
    except CloudError as error:
        found.append((unknown if is_denial(error) else failed)(name, "refused", code=error.code))
    except Exception as error:
        log.debug("unforeseen", exc_info=True)
        found.append(failed(name, "unforeseen", kind=type(error).__name__))
    return found
