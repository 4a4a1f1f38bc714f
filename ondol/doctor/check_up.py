"""All checks, each by itself: one that fails, or is never answered, hides no other."""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.db import Error as DatabaseError

from ondol.cloud.errors import CloudError, Throttled, Unreachable
from ondol.cloud.probes import Probes, is_denial
from ondol.config import Config, variable
from ondol.deployment.models import Deployment, deployment_id
from ondol.doctor import aws_checks, local_checks
from ondol.doctor.findings import Finding, failed, ok, unknown

log = logging.getLogger(__name__)

OURS: dict[str, Callable[[], Iterator[Finding]]] = {
    "database": local_checks.database,
    "clock": local_checks.clock,
    "keys": local_checks.keys,
    "worker": local_checks.worker,
}


def check_up(config: Config) -> list[Finding]:
    """Everything; half a minute at most, where nobody answers."""
    found = our_side()
    return [*found, *amazons_side(config, *place(found))]


def our_side() -> list[Finding]:
    """What needs no AWS."""
    found: list[Finding] = []
    for name, check in OURS.items():
        found += _isolated(name, check) if _has_database(found) else [unknown(name, "no_database")]
    return found


def amazons_side(config: Config, deployment: str, account_id: str) -> list[Finding]:
    """What needs no database: `place` has been asked before."""
    settings = ok("settings", "amazon" if config.cloud == "aws" else "trial", region=config.region)
    if unset := [variable(name) for name in ("vpc_id", "subnet_id") if not getattr(config, name)]:
        return [failed("settings", "unset", names=", ".join(unset))]
    try:
        probes = Probes.from_config(config, deployment)
    except CloudError as error:
        return [settings, failed("credentials", "missing", code=error.code)]
    return [settings, *examine(aws_checks.Case(probes, config, account_id, bool(deployment)))]


def examine(case: aws_checks.Case) -> list[Finding]:
    """All that AWS is asked, side by side."""
    with ThreadPoolExecutor(max_workers=len(aws_checks.CHECKS)) as pool:  # else one's silence adds to the next one's
        found = pool.map(lambda item: _isolated(item[0], partial(item[1], case)), aws_checks.CHECKS.items())
        return [finding for some in found for finding in some]


def place(found: list[Finding]) -> tuple[str, str]:
    """Id of this deployment and the account that its machines are in; empty where the database does not tell.

    `found` is what `our_side` has said.
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
        found.extend(check())  # what was said before a failure stays
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
