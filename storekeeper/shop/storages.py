"""Where the shop puts its uploads: below a folder, or where no path of this machine leads."""

import os
from pathlib import Path
from typing import Final

from storekeeper.shop.description import ShopDescription, UsedStorage

_FIELDS_TOLD: Final = 3


def uploads_elsewhere(root: Path, *, description: ShopDescription) -> tuple[UsedStorage, ...]:
    """Return the storages of uploads that do not put them below ``root``."""
    return tuple(
        storage
        for storage in description.storages
        if not is_inside(storage, root=Path(os.path.realpath(root)))
        and (storage.fields or storage.location is None)
    )


def holds_uploads(root: Path, *, description: ShopDescription) -> bool:
    """Return whether the shop puts uploads below ``root``; true where the shop says nothing about that."""
    if not any(storage.location is None for storage in description.storages):
        # Where no upload leaves the machine, a folder of uploads is what the config says it is.
        return True
    # What no field uses tells nothing, unless none uses any: then code alone uploads, to the default one.
    used = [storage for storage in description.storages if storage.fields] or [
        storage for storage in description.storages if storage.name == "default"
    ]
    return any(is_inside(storage, root=Path(os.path.realpath(root))) for storage in used)


def short_name(storage: UsedStorage) -> str:
    """Return the name of a storage for a person: its class, and its alias where it has one."""
    kind = storage.backend.rpartition(".")[2] or "an unknown storage"
    return f"{kind} ({storage.name})" if storage.name else kind


def is_inside(storage: UsedStorage, *, root: Path) -> bool:
    """Return whether a storage may put files below ``root``, which is resolved."""
    if storage.location is None:
        return False
    location = Path(os.path.realpath(storage.location))
    # A storage that holds the whole root may put files into it by its fields' upload_to.
    return location.is_relative_to(root) or root.is_relative_to(location)


def why_not_measured(storage: UsedStorage) -> tuple[str, str]:
    """Return why the uploads in a storage are not measured, and what to do about them."""
    fields = ", ".join(storage.fields[:_FIELDS_TOLD])
    if len(storage.fields) > _FIELDS_TOLD:
        fields += f" and {len(storage.fields) - _FIELDS_TOLD} more"
    whose = f" of {fields}" if fields else ""
    if storage.location is not None:
        return (
            f"uploads{whose} in {storage.location}: not measured and not backed up: they lie in no area",
            "Add a folder for them to areas: in storekeeper.yml",
        )
    return (
        f"uploads{whose} in {short_name(storage)}: not measured and not backed up: they are in an object"
        " store or another service, not in a folder of this machine",
        "Keep versions and copies of them where they are; limits and backups of media do not cover them",
    )
