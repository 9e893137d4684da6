"""``manage.py verify_backup``: see ``storekeeper verify_backup --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """The action of the same name."""

    help = "Restore a backup into a scratch database and compare every table with what was backed up."
    stealth_options = ("all", "config.file", "dry_run", "identity", "json", "loader")
