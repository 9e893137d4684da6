"""``manage.py cleanup_orphaned_media``: see ``storekeeper cleanup_orphaned_media --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """The action of the same name."""

    help = "Move media files that no row names into quarantine, and purge what has waited there."
    stealth_options = (
        "approve",
        "area",
        "config.file",
        "days",
        "dry_run",
        "force",
        "json",
        "keep_days",
        "restore",
    )
