"""``manage.py cleanup_expired_qr_codes``: see ``storekeeper cleanup_expired_qr_codes --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """The action of the same name."""

    help = "Remove expired payment QR codes with their rows, old tracking codes and orphaned QR files."
    stealth_options = ("config.file", "days", "dry_run", "force", "json")
