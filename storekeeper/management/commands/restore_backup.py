"""``manage.py restore_backup``: see ``storekeeper restore_backup --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """The action of the same name."""

    help = "Restore a backup into an empty database, or with --replace over the rows that are there."
    stealth_options = ("area", "config.file", "database", "dry_run", "identity", "json", "loader", "replace")
