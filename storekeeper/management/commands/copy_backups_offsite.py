"""``manage.py copy_backups_offsite``: see ``storekeeper copy_backups_offsite --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """Copy the backups to the places away from this machine."""

    help = "Copy the backups to the places away from this machine."
    stealth_options = ("config.file", "dry_run", "json")
