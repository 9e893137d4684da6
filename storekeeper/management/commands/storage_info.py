"""``manage.py storage_info``: see ``storekeeper storage_info --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """Show how large the shop is, part by part, against its limits."""

    help = "Show how large the shop is, part by part, against its limits."
    stealth_options = ("config.file", "json")
