"""
Where the files of an area come from, as far as settings and fields say it.

Unnamed files are judged only in folders of which this is known: those that an ``upload_to`` says and those
that the config lists as ``uploads``. ``storekeeper.measure.judge`` adds the folders in which rows name files.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from storekeeper.config import Config
from storekeeper.shop.description import ShopDescription
from storekeeper.shop.upload_shapes import UploadShape, upload_parts


@dataclass(frozen=True, kw_only=True)
class Uploads:
    """
    The sources of an area's files; paths below the area with ``/``, ``""`` for the area itself.

    ``shapes`` are those of the file fields, ``listed`` the folders that the config lists. ``others`` are
    folders with other things, and why their files are nobody's orphans; ``cache_names`` are folders of such
    a name anywhere. ``roots`` are the roots of the
    storages, never judged as a whole. ``refusal`` tells why no file of the area may be judged at all, ``""``
    where files may.
    """

    shapes: tuple[UploadShape, ...]
    listed: tuple[str, ...] = ()
    others: Mapping[str, str] = field(default_factory=dict)
    cache_names: Mapping[str, str] = field(default_factory=dict)
    roots: frozenset[str] = frozenset()
    refusal: str = ""

    @property
    def empty(self) -> bool:
        """True where no field writes into the area and the config lists no folder."""
        return not (self.shapes or self.listed)


def uploads_of(root: Path, *, area: str, config: Config, description: ShopDescription) -> Uploads:
    """Return the sources of the files in ``root``, the folder of the area of that name."""
    real = Path(os.path.realpath(root))
    storages = set(_storages(description))
    inside = {one for one in storages if one.is_relative_to(real) or real.is_relative_to(one)}
    others = {Path(os.path.realpath(path)): why for path, why in _others(area, config, description)}
    return Uploads(
        shapes=tuple(dict.fromkeys(_shapes(real, description))),
        listed=tuple(sorted(config.areas[area].uploads)) if area in config.areas else (),
        others={
            path.relative_to(real).as_posix(): why
            for path, why in others.items()
            if path.is_relative_to(real) and path != real
        },
        cache_names={one.name: f"cache of {one.package}" for one in description.caches if one.name},
        roots=frozenset(
            "" if one == real else one.relative_to(real).as_posix()
            for one in inside
            if one.is_relative_to(real)
        ),
        refusal=_refusal(real, storages=inside, others=others, config=config, description=description),
    )


def _storages(description: ShopDescription) -> Iterator[Path]:
    for model in description.models:
        for one in model.file_fields:
            if one.storage_location is not None:
                yield Path(os.path.realpath(one.storage_location))


def _shapes(root: Path, description: ShopDescription) -> Iterator[UploadShape]:
    """Yield the shape of each file field whose files may lie in the root."""
    for model in description.models:
        for one in model.file_fields:
            if one.storage_location is None:
                continue
            location = Path(os.path.realpath(one.storage_location))
            parts = None if one.made_by_function else upload_parts(one.upload_to)
            if location.is_relative_to(root):
                storage = location.relative_to(root).as_posix()
                yield UploadShape(storage="" if storage == "." else storage, parts=parts)
            elif root.is_relative_to(location):
                yield UploadShape(storage="", above=root.relative_to(location).parts, parts=parts)


def _others(area: str, config: Config, description: ShopDescription) -> Iterator[tuple[Path, str]]:
    """Yield the folders that belong to something else than this area's uploads."""
    for path in (*description.static_dirs, description.static_root):
        if path is not None:
            yield path, "static files"
    for log in description.log_files:
        yield log.path.parent, "logs"
    for cache in description.caches:
        if cache.folder is not None:
            yield cache.folder, f"cache of {cache.package}"
    yield config.backups.path, "backups"
    yield config.state, "storekeeper's state"
    for name, other in config.areas.items():
        if name != area:
            yield other.path, f"area {name}"


def _refusal(
    root: Path,
    *,
    storages: set[Path],
    others: Mapping[Path, str],
    config: Config,
    description: ShopDescription,
) -> str:
    for storage in sorted(storages):
        folder = storage if storage.is_relative_to(root) else root
        for word, path in _never_inside(config, description):
            if Path(os.path.realpath(path)).is_relative_to(folder):
                return f"{folder} holds the shop's {word}, so its other files are not orphans"
    if root in others:
        return f"{root} is also the folder of {others[root]}"
    return ""


def _never_inside(config: Config, description: ShopDescription) -> Iterator[tuple[str, Path]]:
    yield "project", config.project
    if description.base_dir is not None:
        yield "project", description.base_dir
    for settings in description.databases.values():
        if "sqlite" in str(settings.get("ENGINE")) or "spatialite" in str(settings.get("ENGINE")):
            yield "database", config.project / str(settings.get("NAME"))
