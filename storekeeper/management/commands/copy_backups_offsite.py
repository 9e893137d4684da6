"""``manage.py copy_backups_offsite``: see ``storekeeper copy_backups_offsite --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """The action of the same name."""

    help = "Copy the backups to the places of backups.offsite; each copy is read back."
    stealth_options = ("config.file", "dry_run", "json")
