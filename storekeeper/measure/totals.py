"""
What all databases and areas take together: every byte once, wherever areas overlap and whatever links say.

An area counts with the area that holds it, a database file with the area that it lies in, a database with
several names once, and a file that has names in two areas once. The backups count, as an area of their own.
"""

from collections.abc import Mapping
from pathlib import Path

from storekeeper.config import Config
from storekeeper.measure.areas import watched_areas
from storekeeper.measure.databases import Databases
from storekeeper.measure.scanner import TreeUsage


def outermost_areas(config: Config) -> tuple[str, ...]:
    """Return the areas whose walks together meet every file of all areas, and no folder twice."""
    roots = {name: area.path.resolve() for name, area in watched_areas(config).items()}
    names: list[str] = []
    for name, root in roots.items():
        if any(roots[other] == root for other in names):
            continue
        if any(other != root and is_walked(root, within=other) for other in roots.values()):
            continue
        names.append(name)
    return tuple(names)


def is_walked(path: Path, *, within: Path) -> bool:
    """Return whether a walk of the folder ``within`` comes to ``path``; both are resolved."""
    if within not in path.parents:
        return False
    device = _device(within)
    # A walk ends where another filesystem begins.
    steps = (path, *(step for step in path.parents if within in step.parents))
    return all(_device(step) in (device, None) for step in steps)


def sizes_outside_areas(config: Config, *, databases: Databases) -> Mapping[str, int]:
    """
    Return the bytes of each database that lies in no area, each database once.

    Raises DatabaseUnavailable when a size is missing: a sum without it would look like a cleanup.
    """
    roots = [area.path.resolve() for area in watched_areas(config).values()]
    sizes: dict[str, int] = {}
    for name in databases.distinct():
        size = databases.size_bytes(name)
        path = databases.sqlite_path(name)
        if path is None or not any(is_walked(path.resolve(), within=root) for root in roots):
            sizes[name] = size
    return sizes


def total_bytes(databases: Mapping[str, int], *, areas: Mapping[str, TreeUsage | None]) -> int:
    """Add the sizes of databases outside of areas and of outermost areas; one that is not there adds none."""
    found = [usage for usage in areas.values() if usage is not None]
    return sum(databases.values()) + sum(usage.size_bytes for usage in found) - _shared_bytes(found)


def _shared_bytes(areas: list[TreeUsage]) -> int:
    """Return the bytes that more than one area counts: of files with names in several of them."""
    seen: set[tuple[int, int]] = set()
    shared = 0
    for usage in areas:
        linked = {
            (usage.state.device, file.inode): file.size
            for files in usage.state.linked.values()
            for file in files
        }
        shared += sum(size for key, size in linked.items() if key in seen)
        seen.update(linked)
    return shared


def _device(path: Path) -> int | None:
    """Return the filesystem's number, None for what is not there yet or is closed to us."""
    try:
        return path.stat().st_dev
    except OSError:
        return None
