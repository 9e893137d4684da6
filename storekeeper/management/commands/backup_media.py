"""``manage.py backup_media``: see ``storekeeper backup_media --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """The action of the same name."""

    help = "Back up the uploaded files: one media_backup_….tar.gz, read back before it counts."
    stealth_options = ("area", "config.file", "dry_run", "json", "output")
