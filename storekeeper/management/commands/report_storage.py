"""``manage.py report_storage``: see ``storekeeper report_storage --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """The action of the same name."""

    help = "Write a report of all sizes into the history, with the growth since the report before."
    stealth_options = ("config.file", "dry_run", "json")
