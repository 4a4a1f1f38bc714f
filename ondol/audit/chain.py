"""The chain: each link has a hash over the one before and all fields of its entry. Pure; rows are passed one by one."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

FIELDS = (
    *("id", "at", "action", "outcome", "code", "by_id", "by_email", "on_id", "on_email"),
    *("source", "address", "agent", "request_id", "job_id", "details"),
)
"""What is hashed of an entry, in this order: all of it."""
_ACTION, _DETAILS = FIELDS.index("action"), FIELDS.index("details")
BEGIN = "0" * 64
"""The value that stands for a hash before the first link."""
PRUNED = "record.prune"


@dataclass(frozen=True, slots=True)
class Head:
    """The last link at some time. A copy of it, kept elsewhere, proves that nothing before it was changed."""

    position: int = 0
    hash: str = BEGIN

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Return the head that `POSITION:HASH` says. Raises ValueError."""
        position, _, digest = text.strip().partition(":")
        if not (position.isascii() and position.isdigit() and len(bytes.fromhex(digest)) == 32):
            raise ValueError(text)
        return cls(int(position), digest.lower())

    def __str__(self) -> str:
        return f"{self.position}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Linked:
    """A link with the fields of its entry; None: there is no such entry."""

    position: int
    entry_id: int
    hash: str
    entry: Sequence[Any] | None


@dataclass(slots=True)
class Verdict:
    """What a verification has found."""

    count: int = 0
    head: Head = field(default_factory=Head)
    begins_after: Head | None = None
    """The last link whose entry a retention has removed."""
    findings: list[str] = field(default_factory=list)


def hash_of(before: str, position: int, entry: Sequence[Any]) -> str:
    """Return the hash of a link."""
    values = [value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value for value in entry]
    text = json.dumps([before, position, *values], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def verify(links: Iterable[Linked], heads: Sequence[Head] = ()) -> Verdict:
    """Compute all again, from the first link to the last, and compare with heads that were kept elsewhere."""
    verdict, noted = Verdict(), {head.position: head.hash for head in heads if head.position}
    retentions: set[str] = set()
    before = Head()
    for link in links:
        if verdict.count == 0 and verdict.begins_after is None and link.entry is None:
            verdict.begins_after = Head(link.position, link.hash)
        else:
            verdict.findings += _wrong(link, before)
            verdict.count += 1
        if link.entry is not None and link.entry[_ACTION] == PRUNED:
            details = link.entry[_DETAILS]
            retentions.add(f"{details.get('position')}:{details.get('hash')}")
        if noted.pop(link.position, link.hash) != link.hash:
            verdict.findings.append(f"position {link.position}: its hash is not the one that was kept outside")
        before = Head(link.position, link.hash)
    verdict.head = before
    verdict.findings += _missing(verdict, noted, retentions)
    return verdict


def _wrong(link: Linked, before: Head) -> Iterator[str]:
    where = f"entry {link.entry_id} (position {link.position})"
    if link.position != before.position + 1:
        yield f"positions {before.position + 1} to {link.position - 1} are missing"
    if link.entry is None:
        yield f"{where} is missing"
    elif link.entry[0] != link.entry_id or hash_of(before.hash, link.position, link.entry) != link.hash:
        yield f"{where}: it, its link or the link before was changed"


def _missing(verdict: Verdict, noted: dict[int, str], retentions: set[str]) -> Iterator[str]:
    begin = verdict.begins_after
    if begin and str(begin) not in retentions:
        yield f"positions 1 to {begin.position} are missing, and no retention says so"
    for position in sorted(noted):
        if position > verdict.head.position:
            yield (
                f"the record ends at position {verdict.head.position}, but position {position} was kept outside: rows "
                "at the end are missing, or an older backup was restored"
            )
