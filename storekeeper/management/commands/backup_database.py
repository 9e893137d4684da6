"""``manage.py backup_database``: see ``storekeeper backup_database --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """Back up the shop's databases so that loaddata restores them."""

    help = "Back up the shop's databases so that loaddata restores them."
    stealth_options = ("config.file", "compress", "database", "dry_run", "format", "json", "output", "verify")
