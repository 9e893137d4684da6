"""``manage.py checklist``: see ``storekeeper checklist --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """The command of the same name."""

    help = "Answer the daily, weekly, monthly or quarterly checklist by measuring."
    stealth_options = ("config.file", "daily", "json", "monthly", "quarterly", "weekly")
