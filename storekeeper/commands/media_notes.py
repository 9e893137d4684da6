"""What check-config notes about the backups of media: their engine, its program, and where the copies are."""

import shutil
from collections.abc import Iterator

from actions.backups.archive_size import size_up_to_doubt, too_large_for_archives
from actions.backups.restic.program import INSTALL
from actions.backups.restic.repository import copies_of, repository_of
from storekeeper.backups import MEDIA, find_backups
from storekeeper.config import Config
from storekeeper.errors import ConfigurationError


def media_notes(config: Config) -> Iterator[str]:
    """Yield what is missing for backups of media, or is the wrong choice for their size."""
    area = config.areas.get(MEDIA)
    if config.backups.media.engine == "archive":
        if area is not None and (doubt := too_large_for_archives(_size(config), config=config)):
            yield f"areas.{MEDIA}: {doubt}"
        return
    if shutil.which("restic") is None:
        yield f"backups.media.engine: there is no program restic yet; type: {INSTALL}"
    try:
        repository, copies = repository_of(config), copies_of(config)
    except ConfigurationError as error:
        yield error.message
        return
    if repository.path is not None and not any(copy.path is None for copy in copies):
        yield (
            "backups.media.repository is on this machine alone, and so are the files' backups. Name one"
            " elsewhere, or one in backups.media.copies"
        )
    if config.backups.media.password_file is None:
        yield (
            f"backups.media.password_file: {repository.password_file} opens the repository; keep a copy of it"
            " away from this machine"
        )


def _size(config: Config) -> int:
    """Return the bytes of the files: those of the newest backup, else as many as a doubt needs."""
    made = find_backups(config.backups.path, kind=MEDIA, shop=config.shop)
    known = next((one.manifest.content_bytes for one in made if one.manifest.area == MEDIA), 0)
    return known or size_up_to_doubt(config.areas[MEDIA].path)
