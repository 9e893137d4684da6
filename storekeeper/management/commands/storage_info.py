"""``manage.py storage_info``: see ``storekeeper storage_info --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """The command of the same name."""

    help = "Show how large the shop is, part by part, against its limits."
    stealth_options = ("config.file", "json")
