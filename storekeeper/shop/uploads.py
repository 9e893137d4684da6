"""Which folders of an area hold uploads, so that a file there is an orphan when no row names it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from storekeeper.config import Config
from storekeeper.shop.description import ShopDescription


@dataclass(frozen=True, kw_only=True)
class Uploads:
    """
    The folders of an area that measuring counts orphans in and cleaning takes them from.

    Paths below the area with ``/``, ``""`` for the area itself. ``folders`` are those that file fields write
    to, none inside another; ``foreign`` are those inside them with other things. ``refusal`` tells why no
    file of the area may be judged at all, ``""`` where files may.
    """

    folders: tuple[str, ...]
    foreign: frozenset[str]
    refusal: str = ""


def uploads_of(root: Path, *, area: str, config: Config, description: ShopDescription) -> Uploads:
    """Give the folders of uploads in ``root``, the folder of the area of that name."""
    real = Path(os.path.realpath(root))
    written = set(_written(real, description))
    folders = tuple(sorted(one for one in written if not any(_inside(one, other) for other in written)))
    others = {Path(os.path.realpath(path)) for path in _others(area, config, description)}
    return Uploads(
        folders=folders,
        foreign=frozenset(
            path.relative_to(real).as_posix()
            for path in others
            if any(path.is_relative_to(real / folder) for folder in folders)
        ),
        refusal=next(
            (
                reason
                for folder in folders
                if (reason := _refusal(real / folder, others=others, config=config, description=description))
            ),
            "",
        ),
    )


def _written(root: Path, description: ShopDescription) -> Iterator[str]:
    """Give the folders that file fields write to, as far as they lie in the root."""
    for model in description.models:
        for field in model.file_fields:
            if field.storage_location is None:
                continue
            location = Path(os.path.realpath(field.storage_location))
            if root.is_relative_to(location):
                yield ""
            elif location.is_relative_to(root):
                yield location.relative_to(root).as_posix()


def _others(area: str, config: Config, description: ShopDescription) -> Iterator[Path]:
    """Give the folders that belong to something else than this area's uploads."""
    yield from description.static_dirs
    if description.static_root is not None:
        yield description.static_root
    for log in description.log_files:
        yield log.path.parent
    yield config.backups.path
    yield config.state
    for name, other in config.areas.items():
        if name != area:
            yield other.path


def _refusal(folder: Path, *, others: set[Path], config: Config, description: ShopDescription) -> str:
    for word, path in _never_inside(config, description):
        if Path(os.path.realpath(path)).is_relative_to(folder):
            return f"{folder} holds the shop's {word}, so its other files are not orphans"
    if folder in others:
        return f"{folder} is also the folder of static files, logs, backups or another area"
    return ""


def _never_inside(config: Config, description: ShopDescription) -> Iterator[tuple[str, Path]]:
    yield "project", config.project
    if description.base_dir is not None:
        yield "project", description.base_dir
    for settings in description.databases.values():
        if "sqlite" in str(settings.get("ENGINE")) or "spatialite" in str(settings.get("ENGINE")):
            yield "database", config.project / str(settings.get("NAME"))


def _inside(folder: str, other: str) -> bool:
    return folder != other and (not other or folder.startswith(f"{other}/"))
