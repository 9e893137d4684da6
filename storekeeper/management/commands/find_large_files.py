"""``manage.py find_large_files``: see ``storekeeper find_large_files --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """List the largest files of all areas, the biggest first."""

    help = "List the largest files of all areas, the biggest first."
    stealth_options = ("config.file", "dry_run", "json", "most", "over")
