"""Find the media files that no row names: files first, then rows, so that a new upload is no candidate."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from actions.action import Context
from actions.budget import beyond_budget
from actions.media.references import named_files
from storekeeper.config import Config
from storekeeper.errors import ConfigurationError, ShopError
from storekeeper.files import FoundFile, Tree
from storekeeper.files.patterns import FilePattern
from storekeeper.shop import ShopDescription
from storekeeper.shop.shop import Conversation
from storekeeper.shop.uploads import Uploads, uploads_of

DAY_SECONDS = 86400.0


class OrphanSearch:
    """One look at an area and at every table that may name its files."""

    def __init__(self, context: Context, *, area: str, grace_days: int) -> None:
        self._config = context.config
        self._area = area
        self._youngest = context.now().timestamp() - grace_days * DAY_SECONDS
        self._patterns = list(wanted_patterns(context.config, area))
        self._files = 0
        self._size_bytes = 0

    def orphans(self, tree: Tree, *, conversation: Conversation) -> list[FoundFile]:
        """
        Give the orphans in the order of their names.

        Raises ConfigurationError where the area holds more than uploads, ShopError where no row names any
        file: then the rows are missing, not the files wrong.
        """
        description = ShopDescription.model_validate(conversation.ask("describe"))
        uploads = self._uploads(tree.root, description)
        candidates = [
            file for folder in uploads.folders for file in self._old_files(tree, folder, uploads.foreign)
        ]
        if not candidates:
            return []
        named = named_files(
            conversation, config=self._config, root=tree.root, files=[file.name for file in candidates]
        )
        if named.references == 0:
            raise ShopError(
                f"no row of the shop names a file, but {tree.root} holds {self._files}: nothing was touched",
                hint="Are the shop's data there? A file is an orphan only beside files that have rows",
            )
        return sorted(
            (file for file in candidates if file.name not in named.files), key=lambda file: file.name
        )

    def folder_of(self, name: str) -> str:
        """Return the folder by which approvals name the file's place."""
        return name.partition("/")[0] if "/" in name else ""

    def over_budget(self, orphans: Sequence[FoundFile]) -> str:
        """Give why moving the orphans would be too much, ``""`` when it is not."""
        return beyond_budget(
            self._config.budget,
            what=self._area,
            files=len(orphans),
            size_bytes=sum(file.size_bytes for file in orphans),
            present=lambda: (self._files, self._size_bytes),
        )

    def _old_files(self, tree: Tree, folder: str, without: Collection[str]) -> Iterator[FoundFile]:
        for file in tree.walk(folder, without=without):
            self._files += 1
            self._size_bytes += file.size_bytes
            if file.youngest < self._youngest and not any(
                pattern.matches(file.name) for pattern in self._patterns
            ):
                yield file

    def _uploads(self, root: Path, description: ShopDescription) -> Uploads:
        """Give the folders to look at; raises ConfigurationError for none, or for more than uploads."""
        uploads = uploads_of(root, area=self._area, config=self._config, description=description)
        if not uploads.folders:
            raise ConfigurationError(
                f"area {self._area}: no file field of the shop writes to {root}",
                hint="Name the area that holds the uploads, such as media",
            )
        if uploads.refusal:
            raise ConfigurationError(
                uploads.refusal, hint="Give the uploads a folder of their own (MEDIA_ROOT)"
            )
        return uploads


def wanted_patterns(config: Config, area: str) -> Iterator[FilePattern]:
    """Give the patterns of files that are none of this action: QR codes, and what the config ignores."""
    for kind in config.qr_codes.values():
        if kind.area == area and kind.pattern is not None:
            yield FilePattern(kind.pattern)
    for text in config.areas[area].ignore:
        yield FilePattern(text)
        yield FilePattern(f"{text}/**/*")
