"""Where the files of a file field lie: the one place that says so, since it decides what may be removed."""

from __future__ import annotations

import os
from typing import Any


def folder_of(field: Any) -> str | None:
    """Give the absolute folder of the field's files; None where they have no local path (an object store)."""
    try:
        folder: str = os.path.abspath(field.storage.path(""))  # noqa: PTH100 - a link keeps its name
    except (NotImplementedError, AttributeError):
        return None
    return folder


def prefix_below(root: str, field: Any) -> str | None:
    """
    Give what a name in this field lacks to be a name below ``root``: ``""``, or a folder with its slash.

    None where the field's files do not lie below the root. Links are resolved on both sides.
    """
    folder = folder_of(field)
    if folder is None:
        return None
    try:
        inside = os.path.relpath(os.path.realpath(folder), os.path.realpath(root))
    except ValueError:
        # On Windows no path leads from one drive to another.
        return None
    if inside == os.curdir:
        return ""
    # A folder may be named "..photos"; only a whole ".." leads out.
    if inside.split(os.sep, 1)[0] == os.pardir:
        return None
    return inside.replace(os.sep, "/") + "/"
