"""``manage.py backup_database``: see ``storekeeper backup_database --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """The action of the same name."""

    help = "Back up the database: JSON that loaddata restores, the database's own format, or both."
    stealth_options = ("compress", "config.file", "database", "dry_run", "format", "json", "output", "verify")
