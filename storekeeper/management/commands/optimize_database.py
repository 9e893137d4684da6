"""``manage.py optimize_database``: see ``storekeeper optimize_database --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """Give unused space of the databases back: VACUUM, ANALYZE, and indexes built anew."""

    help = "Give unused space of the databases back: VACUUM, ANALYZE, and indexes built anew."
    stealth_options = ("assume_space", "config.file", "database", "dry_run", "json")
