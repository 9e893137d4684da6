"""``manage.py backup_media``: see ``storekeeper backup_media --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """Back up the uploaded files as one packed archive."""

    help = "Back up the uploaded files as one packed archive."
    stealth_options = ("config.file", "area", "dry_run", "json", "output")
