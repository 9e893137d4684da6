"""``manage.py prune_backups``: see ``storekeeper prune_backups --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """The action of the same name."""

    help = "Remove old backups; so many daily, weekly and monthly verified ones stay."
    stealth_options = ("config.file", "dry_run", "json", "output")
