"""`ondol vault`: change the key that seals private SSH keys and second factors, while everything runs."""

import argparse

from ondol.commands import CommandError, _django
from ondol.host.home import new_vault_key


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol vault`."""
    words = parser.add_subparsers(dest="what", required=True, metavar="new-key|rotate")
    words.add_parser("new-key", help="print a new key, to put into ONDOL_VAULT_KEYS; nothing is changed")
    words.add_parser("rotate", help="seal everything with the first key; may be cut off and run again")


def run(options: argparse.Namespace) -> int:
    """Print a key, or seal everything with the first one and say which keys can go."""
    if options.what == "new-key":
        print(new_vault_key())
        return 0
    _django.set_up()
    from ondol.audit.record import Action, write  # noqa: PLC0415  after Django's set-up
    from ondol.deployment import fingerprints  # noqa: PLC0415
    from ondol.instances import sealed  # noqa: PLC0415
    from ondol.keys import vault  # noqa: PLC0415

    before = {*fingerprints.known().vault, *sealed.ids_in_use()}
    try:
        fingerprints.check()
    except fingerprints.OtherKeys as error:
        raise CommandError(f"{error} Nothing was changed.") from None
    first, *others = vault.key_ids()
    write(Action.VAULT, key=first)
    found = sealed.reseal_all()
    sealed.forget_unused()
    print(f"{found.done} secrets (private SSH keys, second factors) are sealed with {first}.")
    if found.tampered:
        raise CommandError(
            f"{len(found.tampered)} do not open, although their vault key is here, and stay as they are: "
            f"{'; '.join(found.tampered)}. Somebody has changed them, or whose they are, in the database. Restore "
            "these rows from a backup, or end the machine, or have the second factor set up again; then run this again."
        )
    if found.shut:
        raise CommandError(
            f"{len(found.shut)} secrets do not open with any of ONDOL_VAULT_KEYS, and stay as they are. Add the "
            f"key that they were sealed with behind {first}, and run this again."
        )
    if needed := sealed.ids_in_use() - {first}:
        raise CommandError(
            f"A part goes on sealing with {', '.join(sorted(needed))}. Restart web and worker, and run this again."
        )
    if idle := [key for key in others if key not in before]:
        print(
            f"{' and '.join(idle)} has sealed nothing yet, or was given up by an earlier `ondol vault rotate`. To seal "
            "with a new key, put it in front, restart every part, and run this again."
        )
    if gone := [key for key in others if key in before and key not in fingerprints.known().vault]:
        print(
            f"{' and '.join(gone)} can go from ONDOL_VAULT_KEYS on every host. Keep it, in another place, as long as "
            "there are backups from before: they open with it only."
        )
    elif not others:
        print("There is no older key in ONDOL_VAULT_KEYS.")
    return 0
