"""``manage.py optimize_images``: see ``storekeeper optimize_images --help``."""

from storekeeper.management.delegate import Delegate


class Command(Delegate):
    """The action of the same name."""

    help = "Put smaller images (WebP) in the place of large ones, rows included; originals stay for undo."
    stealth_options = (
        "area",
        "below",
        "config.file",
        "crf",
        "dry_run",
        "file_fields",
        "json",
        "most",
        "over",
        "quality",
        "save_at_least",
        "to",
        "undo",
        "videos",
    )
