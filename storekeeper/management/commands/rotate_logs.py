"""``manage.py rotate_logs``: see ``storekeeper rotate_logs --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """Archive log files by month, empty them without losing a line, and remove old archives."""

    help = "Archive log files by month, empty them without losing a line, and remove old archives."
    stealth_options = ("config.file", "dry_run", "json", "keep", "now", "only_old_archives", "over")
