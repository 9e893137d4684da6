"""Find the media files that no row names: files first, then rows, so that a new upload is no candidate."""

import os
from collections.abc import Iterator
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
        candidates = [
            file
            for folder in self._folders(tree.root, description)
            for file in self._old_files(tree, folder, self._foreign_folders(tree.root, folder, description))
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

    def over_budget(self, orphans: list[FoundFile]) -> str:
        """Give why moving the orphans would be too much, ``""`` when it is not."""
        return beyond_budget(
            self._config.budget,
            what=self._area,
            files=len(orphans),
            size_bytes=sum(file.size_bytes for file in orphans),
            present=lambda: (self._files, self._size_bytes),
        )

    def _old_files(self, tree: Tree, folder: str, without: set[str]) -> Iterator[FoundFile]:
        for file in tree.walk(folder, without=without):
            self._files += 1
            self._size_bytes += file.size_bytes
            if file.youngest < self._youngest and not any(
                pattern.matches(file.name) for pattern in self._patterns
            ):
                yield file

    def _folders(self, root: Path, description: ShopDescription) -> list[str]:
        """Give the folders below the root that file fields write to; other folders are not ours to judge."""
        found: set[str] = set()
        for model in description.models:
            for field in model.file_fields:
                if field.storage_location is None:
                    continue
                location = Path(os.path.realpath(field.storage_location))
                if root.is_relative_to(location):
                    found.add("")
                elif location.is_relative_to(root):
                    found.add(location.relative_to(root).as_posix())
        if not found:
            raise ConfigurationError(
                f"area {self._area}: no file field of the shop writes to {root}",
                hint="Name the area that holds the uploads, such as media",
            )
        return sorted(
            one for one in found if not any(one != other and _lies_in(one, other) for other in found)
        )

    def _foreign_folders(self, root: Path, folder: str, description: ShopDescription) -> set[str]:
        """
        Give the folders inside that hold other things: static files, logs, other areas.

        Raises ConfigurationError where the shop itself or its database lies there, too.
        """
        here = root / folder if folder else root
        for word, path in self._never_inside(description):
            if Path(os.path.realpath(path)).is_relative_to(here):
                raise ConfigurationError(
                    f"{here} holds the shop's {word}, so its other files are not orphans",
                    hint="Give the uploads a folder of their own (MEDIA_ROOT)",
                )
        others = [
            description.static_root,
            *description.static_dirs,
            *(log.path.parent for log in description.log_files),
            self._config.backups.path,
            self._config.state,
            *(area.path for name, area in self._config.areas.items() if name != self._area),
        ]
        real = [Path(os.path.realpath(path)) for path in others if path is not None]
        if here in real:
            raise ConfigurationError(
                f"{here} is also the folder of static files, logs, backups or another area",
                hint="Give the uploads a folder of their own (MEDIA_ROOT)",
            )
        return {path.relative_to(root).as_posix() for path in real if path.is_relative_to(here)}

    def _never_inside(self, description: ShopDescription) -> Iterator[tuple[str, Path]]:
        yield "project", self._config.project
        if description.base_dir is not None:
            yield "project", description.base_dir
        for settings in description.databases.values():
            if "sqlite" in str(settings.get("ENGINE")) or "spatialite" in str(settings.get("ENGINE")):
                yield "database", self._config.project / str(settings.get("NAME"))


def wanted_patterns(config: Config, area: str) -> Iterator[FilePattern]:
    """Give the patterns of files that are none of this action: QR codes, and what the config ignores."""
    for kind in config.qr_codes.values():
        if kind.area == area and kind.pattern is not None:
            yield FilePattern(kind.pattern)
    for text in config.areas[area].ignore:
        yield FilePattern(text)
        yield FilePattern(f"{text}/**/*")


def _lies_in(folder: str, other: str) -> bool:
    return not other or folder.startswith(f"{other}/")
