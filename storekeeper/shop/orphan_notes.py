"""Tell in a new config where unnamed files are judged, where they are not, and why."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from storekeeper.shop.description import ShopDescription
from storekeeper.shop.upload_shapes import UploadShape, upload_parts

# A longer list is read by no one; the plan of the cleanup names every folder.
MOST_NAMES: Final = 12


def orphan_notes(description: ShopDescription, *, media: Path, folders: Sequence[str]) -> Iterator[str]:
    """Yield comment lines about the media folder; ``folders`` are those that are in it now."""
    shapes = [
        UploadShape(storage="", parts=upload_parts(one.upload_to))
        for model in description.models
        for one in model.file_fields
        if one.storage_location == media and not one.made_by_function
    ]
    by_function = [
        f"{model.label}.{one.name}"
        for model in description.models
        for one in model.file_fields
        if one.storage_location == media and one.made_by_function
    ]
    if not (shapes or by_function):
        return
    yield "# Orphans: a file that nothing names is one only where it is known that uploads come there."
    judged = sorted({"/".join(shape.parts or ()) for shape in shapes if shape.parts})
    if judged:
        yield f"#   judged, as upload_to says them:   {_listed(judged)}"
    if by_function or any(shape.base is None for shape in shapes):
        fields = f" (such as those of {_listed(by_function)})" if by_function else ""
        yield f"#   judged, where rows name files now: all other folders of uploads{fields}"
    known = {part.partition("/")[0] for part in judged}
    caches = {
        str(cache.folder.relative_to(media)): f"cache of {cache.package}"
        for cache in description.caches
        if cache.folder is not None and cache.folder.is_relative_to(media)
    }
    others = [name for name in folders if name not in known and name not in caches]
    told = [f"{name} ({why})" for name, why in sorted(caches.items())]
    told += [f"{cache.name} ({cache.package})" for cache in description.caches if cache.name]
    yield f"#   never judged: {_listed(['the media folder itself', *told])}"
    if others:
        yield f"#   not judged, as no upload_to says them, unless rows name files there: {_listed(others)}"
    yield "# uploads: [folder] in an area adds folders. Before files of a folder move unattended for the"
    yield "# first time, you look at them and approve: storekeeper cleanup_orphaned_media --approve"


def _listed(names: Iterable[str]) -> str:
    shown = [" ".join(name.split()) for name in dict.fromkeys(names)]
    more = f" and {len(shown) - MOST_NAMES} more" if len(shown) > MOST_NAMES else ""
    return ", ".join(shown[:MOST_NAMES]) + more
