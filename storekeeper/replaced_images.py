"""
Which images of an area are originals that optimize_images keeps for the way back.

It writes a file of JSON lines for each of its runs into ``state/optimize_images``: ``run`` names the area's
folder, ``making`` the old and the new name of an image, and the last event of a new name what became of it.
"""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

logger = logging.getLogger(__name__)

FOLDER: Final = "optimize_images"
CHANGED: Final = "changed"


def replaced_images(state: Path, *, root: Path) -> frozenset[str]:
    """
    Give the names below ``root`` of the images in whose place rows name another file now.

    A state folder that may not be read gives none: they then count as files that no row names.
    """
    try:
        maps = sorted((state / FOLDER).glob("*.jsonl"))
        return frozenset(name for path in maps for name in _replaced(path, root=root))
    except OSError as error:
        logger.warning("the images that were replaced are not known: %s", error)
        return frozenset()


def _replaced(path: Path, *, root: Path) -> Iterator[str]:
    old_names: dict[str, str] = {}
    changed: set[str] = set()
    for line in _lines(path):
        if line["event"] == "run":
            if os.path.realpath(line["root"]) != os.path.realpath(root):
                return
        elif line["event"] == "making":
            old_names[line["new"]] = line["old"]
        elif line["event"] == CHANGED:
            changed.add(line["new"])
        else:
            changed.discard(line["new"])
    yield from (old_names[new] for new in changed if new in old_names)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for text in path.read_text("utf-8").splitlines():
        try:
            yield json.loads(text)
        except ValueError:
            # Cut short by a crash, so what it announces has not happened.
            continue
