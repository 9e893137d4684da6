"""``manage.py cleanup_expired_qr_codes``: see ``storekeeper cleanup_expired_qr_codes --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """Remove expired QR code images with their rows."""

    help = "Remove expired QR code images with their rows."
    stealth_options = ("config.file", "days", "dry_run", "force", "json")
