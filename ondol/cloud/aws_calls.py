"""How Amazon is called: the only boto3 in the package."""

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from functools import cache, partial
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from boto3.session import Session as Session
from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError
from botocore.utils import parse_timestamp

from ondol.cloud import aws_again, aws_log, aws_pace
from ondol.cloud.aws_errors import named
from ondol.cloud.errors import DENIED, Gone, Refused, Unreachable

P = ParamSpec("P")
T = TypeVar("T")

WORKER_CONFIG = BotoConfig(
    retries={"mode": "standard", "total_max_attempts": 5},
    connect_timeout=4,
    read_timeout=18,
    tcp_keepalive=True,
    max_pool_connections=50,  # twenty jobs, each with up to three calls at once
    user_agent_extra="ondol",
)
ONCE_CONFIG = WORKER_CONFIG.merge(
    BotoConfig(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=2, read_timeout=5)
)
"""The limits for calls that are repeated in two seconds anyway, and that others wait for."""
INTERACTIVE_CONFIG = BotoConfig(
    retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=3, read_timeout=8, user_agent_extra="ondol"
)
"""The limits for many calls while a person waits."""
_MAKING = Lock()
"""Clients may be shared by threads; the session that makes them may not."""


def session(region: str) -> Session:
    """Return the one session of this process, with the SDK's usual credentials. Each session loads AWS's models, some
    30 MB.

    Reading them takes 0.1 s in which no other thread runs, so a client of another region is made by it, too.
    """
    with _MAKING:  # `cache` lets two threads in
        return _session(region)


@cache
def _session(region: str) -> Session:
    made = Session(region_name=region)
    answers: Any = made._session.get_component("response_parser_factory")
    answers.set_parser_defaults(timestamp_parser=moment)
    return made


def moment(told: Any) -> Any:
    """Return a time of an answer: the SDK's own parser is ten times as slow, and a machine has four times. In XML they
    are text, in JSON seconds."""
    try:
        return datetime.fromtimestamp(told, UTC) if isinstance(told, int | float) else datetime.fromisoformat(told)
    except (TypeError, ValueError, OverflowError, OSError):
        return parse_timestamp(told)


class Clients:
    """Holds the clients of one session by the service's name; each is made when first needed.

    They use the session's own region unless `region` names another.
    """

    def __init__(self, session: Session, endpoint_url: str, boto_config: BotoConfig, region: str | None = None) -> None:
        self._session, self._endpoint, self._manners = session, endpoint_url or None, boto_config
        self._region = region
        self._made: dict[str, Any] = {}

    def __call__(self, service: Any) -> Any:
        with _MAKING:
            if service not in self._made:
                # A client made without credentials never gets any, even if the host gets a role later.
                if ask(self._session.get_credentials) is None:
                    raise Unreachable("NoCredentialsError")
                make = partial(self._session.client, region_name=self._region, endpoint_url=self._endpoint)
                self._made[service] = ask(make, service, config=self._manners)
                aws_log.follow(self._made[service])
                aws_pace.follow(self._made[service])
                aws_again.follow(self._made[service])
            return self._made[service]


def ask(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call the SDK and turn its errors into ours, without a chain: an answer that cannot be read may hold a key."""
    try:
        return call(*args, **kwargs)
    except ClientError as error:
        told = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        trouble = named(told.get("Code", "Unknown"), told.get("Message") or "", status)
    except ParamValidationError as error:
        trouble = Refused("ParamValidation", str(error)[:300])
    except (BotoCoreError, ResponseParserError) as error:
        trouble = Unreachable(type(error).__name__)
    raise trouble


def ask_of(is_there: Callable[[], bool], call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `ask` for something that may be gone.

    A policy by tags denies a call on something that is gone, since that has no tags: then check whether it exists.
    """
    try:
        return ask(call, *args, **kwargs)
    except Refused as error:
        if error.code not in DENIED or is_there():
            raise
        raise Gone(error.code, error.text) from None


def every(client: Any, operation: str, key: str, page_size: int | None = None, **request: Any) -> list[dict[str, Any]]:
    """Return all pages of a listing."""
    return list(each(client, operation, key, page_size, **request))


def each(
    client: Any, operation: str, key: str, page_size: int | None = None, **request: Any
) -> Iterator[dict[str, Any]]:
    """Yield what a listing has, a page at a time: one of machines takes 30 MB of memory."""
    for page in pages(client, operation, page_size, **request):
        yield from page.get(key, [])


def pages(client: Any, operation: str, page_size: int | None = None, **request: Any) -> Iterator[dict[str, Any]]:
    """Yield the pages of a listing, each asked for when it is its turn."""
    told = iter(client.get_paginator(operation).paginate(PaginationConfig={"PageSize": page_size}, **request))
    while page := ask(next, told, None):
        yield page


def where(name: str, *values: str) -> Any:
    """Return a filter for EC2's calls."""
    return {"Name": name, "Values": list(values)}


def chunks(values: Collection[str], size: int) -> list[list[str]]:
    """Return the values once each, sorted, in lists of at most `size`."""
    ordered = sorted(set(values))
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]
