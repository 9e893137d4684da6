"""Which folders the ``upload_to`` of a file field explains."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

# How Django fills in a date, as a pattern of one part of a path; any other letter may give any text.
_DIRECTIVES: Final = {
    "Y": r"\d{4}", "G": r"\d{4}", "j": r"\d{3}", "f": r"\d{6}", "%": "%",
    **dict.fromkeys("ymdHIMSUWVwu", r"\d{1,2}"),
}  # fmt: skip
_PIECES: Final = re.compile(r"%(.)|([^%]+|%$)")


@dataclass(frozen=True, kw_only=True)
class UploadShape:
    """
    An ``upload_to``, below the area that holds the files.

    ``storage`` is the folder of the field's storage, ``""`` for the area itself; ``above`` are the folders
    from the storage down to an area that lies inside it. ``parts`` are the parts of the ``upload_to``, None
    where a function makes the folders, which then only the rows know.
    """

    storage: str
    above: tuple[str, ...] = ()
    parts: tuple[str, ...] | None

    @cached_property
    def base(self) -> str | None:
        """Return the constant part below the area; None where there is none, or it ends above the area."""
        if self.parts is None:
            return None
        constant = []
        for part in self.parts:
            if "%" in part:
                break
            constant.append(part)
        if not constant or len(constant) < len(self.above):
            return None
        return "/".join(filter(None, [self.storage, *constant[len(self.above) :]]))

    @property
    def name(self) -> str:
        """Return what approvals call the folders: the constant part, else the whole ``upload_to``."""
        if self.base is not None:
            return self.base
        return "/".join(filter(None, [self.storage, *(self.parts or ())[len(self.above) :]]))

    def explains(self, folder: str) -> bool:
        """Return whether an upload may lie right in this folder: not only above or below it."""
        inside = self._inside(folder)
        return (
            bool(self.parts)
            and inside is not None
            and len(inside) == len(self._patterns)
            and all(
                pattern.fullmatch(part) is not None
                for pattern, part in zip(self._patterns, inside, strict=True)
            )
        )

    def _inside(self, folder: str) -> Sequence[str] | None:
        parts = folder.split("/") if folder else []
        storage = self.storage.split("/") if self.storage else []
        if parts[: len(storage)] != storage:
            return None
        return [*self.above, *parts[len(storage) :]]

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str], ...]:
        return tuple(map(_pattern, self.parts or ()))


def upload_parts(upload_to: str) -> tuple[str, ...] | None:
    """Return the parts of an ``upload_to``; None for one that leads somewhere else than its text says."""
    text = upload_to.replace("\\", "/")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or ".." in parts:
        return None
    return tuple(parts)


def _pattern(part: str) -> re.Pattern[str]:
    pieces = [
        _DIRECTIVES.get(found[1], "[^/]+") if found[1] else re.escape(found[2])
        for found in _PIECES.finditer(part)
    ]
    return re.compile("".join(pieces))
