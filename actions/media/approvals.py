"""
Which folders of uploads an operator has approved to be cleaned, in ``approvals.json`` of the state folder.

An unattended run moves files of a folder only after an operator has approved a plan for that folder once. An
approval is of one folder in one root: the same name below another root is another folder. What cannot be read
approves nothing.
"""

import datetime as dt
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from storekeeper.errors import StorekeeperError
from storekeeper.files import PartialFile
from storekeeper.files.private import make_private_folder

FILE_NAME: Final = "approvals.json"


@dataclass(frozen=True, kw_only=True)
class Approval:
    """
    One operator's word about one folder of uploads.

    ``files`` and ``size_bytes`` are what the approved plan would have moved out of the folder.
    """

    area: str
    root: str
    folder: str
    who: str
    approved: dt.datetime
    files: int
    size_bytes: int

    def as_json(self) -> dict[str, Any]:
        """Return the approval as it is stored."""
        return {
            "area": self.area,
            "root": self.root,
            "folder": self.folder,
            "who": self.who,
            "approved": self.approved.astimezone(dt.UTC).isoformat(),
            "files": self.files,
            "size_bytes": self.size_bytes,
        }


class Approvals:
    """The approvals in one state folder; each call reads the file again."""

    def __init__(self, state: Path) -> None:
        self._path = state / FILE_NAME

    def all(self) -> list[Approval]:
        """Return every approval, oldest first; raises StorekeeperError for a file that cannot be read."""
        try:
            document = json.loads(self._path.read_bytes())
            return [_parsed(one) for one in document["approvals"]]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StorekeeperError(
                f"the approvals in {self._path} cannot be read: {error}",
                hint="Nothing is moved. Remove the file and approve the folders again:"
                " storekeeper cleanup_orphaned_media --approve",
            ) from None

    def of(self, area: str, *, root: Path) -> Mapping[str, Approval]:
        """Return folder → approval for one area; ``root`` is its real folder."""
        return {one.folder: one for one in self.all() if (one.area, one.root) == (area, os.fspath(root))}

    def approve(self, approvals: Iterable[Approval]) -> None:
        """Store approvals, durable on return; one of the same folder is replaced."""
        self._store({_key(one): one for one in [*self.all(), *approvals]}.values())

    def withdraw(self, area: str, folders: Iterable[str]) -> list[Approval]:
        """Remove the approvals of these folders of an area, of whatever root; return what was removed."""
        gone = set(folders)
        before = self.all()
        removed = [one for one in before if one.area == area and one.folder in gone]
        if removed:
            self._store(one for one in before if one not in removed)
        return removed

    def _store(self, approvals: Iterable[Approval]) -> None:
        text = json.dumps({"version": 1, "approvals": [one.as_json() for one in approvals]}, indent=1)
        make_private_folder(self._path.parent)
        with PartialFile(self._path) as file:
            file.stream.write(text.encode("ascii"))
            file.finish(replace=True)


def _key(approval: Approval) -> tuple[str, str, str]:
    return approval.area, approval.root, approval.folder


def _parsed(one: Mapping[str, Any]) -> Approval:
    return Approval(
        area=str(one["area"]),
        root=str(one["root"]),
        folder=str(one["folder"]),
        who=str(one["who"]),
        approved=dt.datetime.fromisoformat(one["approved"]),
        files=int(one["files"]),
        size_bytes=int(one["size_bytes"]),
    )
