"""`ondol user …`: manage people without a browser. Approving, suspending and changing a role work as on the pages."""

import argparse
import codecs
import json
import locale
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from django.utils import translation

from ondol.commands import CommandError, _django

if TYPE_CHECKING:
    from ondol.accounts.models import User

_ROLES = ("member", "admin")
_APPROVALS = ("pending", "approved", "rejected", "suspended")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol user`."""
    words = parser.add_subparsers(dest="what", required=True, metavar="add|invite|list|approve|suspend|role")
    add = words.add_parser("add", help="add a person")
    add.add_argument("email")
    add.add_argument("--name", default="", help="default: the part of the e-mail address before @")
    add.add_argument("--approved", action="store_true", help="may use Ondol at once")
    add.add_argument("--admin", action="store_true", help="an administrator, approved too")
    add.add_argument("--password-stdin", action="store_true", help="read a password; without one, reset it by e-mail")
    invite = words.add_parser("invite", help="invite the people of a CSV file, who get an e-mail with a link")
    invite.add_argument("file", type=Path, help="e-mail address, name, affiliation in each line")
    invite.add_argument("--language", choices=["ko", "en"], default="", help="of those whose line names none")
    invite.add_argument("--dry-run", action="store_true", help="only say what would happen")
    show = words.add_parser("list", help="one line for each person, the oldest first")
    show.add_argument("search", nargs="?", default="", help="part of a name, an address or an affiliation")
    show.add_argument("--approval", choices=_APPROVALS, help="only these")
    show.add_argument("--json", action="store_true", help="a JSON list, for programs")
    approve = words.add_parser("approve", help="approve people, whose addresses you vouch for; they get an e-mail")
    approve.add_argument("email", nargs="+")
    suspend = words.add_parser("suspend", help="suspend a person, who gets an e-mail; their machine stops")
    suspend.add_argument("email")
    suspend.add_argument("--reason", default="", help="the person reads it")
    role = words.add_parser("role", help="make a person an administrator or a member")
    role.add_argument("email")
    role.add_argument("role", choices=_ROLES)


def typed_line() -> str:
    """Return the first line of standard input, whose encoding is detected.

    PowerShell may send UTF-16 or a byte-order mark. Korean Windows sends cp949, which is accepted only if this host's
    own locale uses it: a wrong guess would set an unknown password.
    """
    data = sys.stdin.buffer.readline()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data += sys.stdin.buffer.read()  # only half of a UTF-16 line end was read
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", locale.getencoding()]
    for encoding in encodings:
        try:
            line = data.decode(encoding).partition("\n")[0].rstrip("\r")
        except (LookupError, UnicodeDecodeError):
            continue
        if "\0" not in line:  # UTF-16 without its mark
            return line
    raise CommandError("The password on standard input is not UTF-8. From Korean Windows: iconv -f cp949 -t utf-8.")


def run(options: argparse.Namespace) -> int:
    """Run the command, and return the exit code. Everything that these commands say is in English."""
    _django.set_up()
    from ondol.accounts.people import AccountError  # noqa: PLC0415  after Django's set-up

    acts: dict[str, Callable[[argparse.Namespace], int | None]] = {
        "add": _add, "invite": _invite, "list": _list, "approve": _approve, "suspend": _suspend, "role": _role,
    }  # fmt: skip
    translation.activate("en")
    try:
        return acts[options.what](options) or 0
    except AccountError as error:
        raise CommandError(str(error)) from None


def _add(options: argparse.Namespace) -> None:
    from ondol.accounts.people import AccountError, add_user  # noqa: PLC0415  after Django's set-up

    password = typed_line() if options.password_stdin else None
    if password == "":
        raise CommandError("The password on standard input is empty.")
    try:
        user = add_user(options.email, options.name, approved=options.approved, admin=options.admin, password=password)
    except AccountError as error:
        if options.approved and _waits(options.email):
            raise CommandError(f"{error} To approve it: ondol user approve {options.email}") from None
        raise
    print(f"Added {user.email} ({user.get_approval_display()}, {user.get_role_display()}).")
    if password is None:
        print(
            "Nobody knows a password for it: choose one by “Forgot your password?” on the sign-in page, which writes an"
        )
        print("e-mail, or sign in by a provider. --password-stdin sets one here.")


def _waits(email: str) -> bool:
    from ondol.accounts.models import Approval, User  # noqa: PLC0415  after Django's set-up

    return User.objects.filter(email__iexact=email, approval=Approval.PENDING).exists()


def _invite(options: argparse.Namespace) -> int:
    from ondol.accounts import invitations  # noqa: PLC0415  after Django's set-up
    from ondol.accounts.invited_rows import UnreadableError, decode, rows_of  # noqa: PLC0415
    from ondol.accounts.people import AccountError  # noqa: PLC0415

    try:
        rows = rows_of(decode(options.file.read_bytes()))
    except (OSError, UnreadableError) as error:
        raise CommandError(str(error)) from None
    done: Counter[str] = Counter()
    for one in invitations.plan(replace(row, language=row.language or options.language) for row in rows):
        fate, wrong = one.fate, one.row.error
        if fate.is_act and not options.dry_run:
            try:
                fate = invitations.invite(one.row, None)
            except AccountError as refusal:
                fate, wrong = invitations.Fate.WRONG, str(refusal)
        done[fate] += 1
        unread = f" (not read: {one.row.unread})" if one.row.unread else ""
        print(f"{one.row.line}: {one.row.email}: {wrong or fate}{unread}")
    print(", ".join(f"{fate}: {count}" for fate, count in done.items()))
    return 1 if done[invitations.Fate.WRONG] else 0


def _list(options: argparse.Namespace) -> None:
    from ondol.accounts.people import listed  # noqa: PLC0415  after Django's set-up

    people = listed(options.search, options.approval and options.approval.upper()).order_by("created_at", "pk")
    if options.json:
        print(json.dumps([_told(user) for user in people], ensure_ascii=False, indent=2))
        return
    for line in _table([list(_told(user).values()) for user in people]):
        print(line)


def _told(user: "User") -> dict[str, str]:
    return {
        "email": user.email,
        "approval": user.approval.lower(),
        "role": user.role.lower(),
        "since": user.created_at.isoformat(timespec="seconds"),
        "name": user.name,
    }


def _table(rows: list[list[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _approve(options: argparse.Namespace) -> None:
    from ondol.accounts import people  # noqa: PLC0415  after Django's set-up

    for user in [_person(email) for email in options.email]:  # all are looked up before the first is approved
        _say(people.approve(user.pk, None, vouches=True))


def _suspend(options: argparse.Namespace) -> None:
    from ondol.accounts import people  # noqa: PLC0415  after Django's set-up

    _say(people.suspend(_person(options.email).pk, None, options.reason))


def _role(options: argparse.Namespace) -> None:
    from ondol.accounts import people  # noqa: PLC0415  after Django's set-up
    from ondol.accounts.models import Role  # noqa: PLC0415

    _say(people.set_role(_person(options.email).pk, None, Role(options.role.upper())))


def _person(email: str) -> "User":
    from ondol.accounts.models import User  # noqa: PLC0415  after Django's set-up
    from ondol.accounts.text import find_address  # noqa: PLC0415

    found = User.objects.filter(email__iexact=find_address(email)).first()
    if found is None:
        raise CommandError(f"There is nobody with the address {email}.")
    return found


def _say(user: "User") -> None:
    print(f"{user.email}: {user.approval.lower()}, {user.role.lower()}.")
