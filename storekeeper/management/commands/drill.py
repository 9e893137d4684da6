"""``manage.py drill``: see ``storekeeper drill --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """The action of the same name."""

    help = "Rehearse a recovery into a scratch place and check what comes back."
    stealth_options = ("at", "config.file", "dry_run", "from", "history", "identity", "json", "unverified")
