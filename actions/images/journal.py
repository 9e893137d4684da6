"""
What each run of optimize_images has made: the map from old names to new ones, for the way back.

A file of JSON lines for each run, in the state folder. A line is on the disk before what it announces
happens: ``making`` before a new file is written, ``made`` before its rows change; then ``changed``, or
``dropped`` when the new file was taken away again, or ``undone``. So whatever a killed run has left behind
can be found here and settled.
"""

import datetime as dt
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from storekeeper.config import Config
from storekeeper.errors import NotEnoughSpace
from storekeeper.files import FoundFile
from storekeeper.files.atomic import sync_folder
from storekeeper.files.private import make_private_folder
from storekeeper.replaced_images import CHANGED as CHANGED
from storekeeper.replaced_images import FOLDER

_RUN_FORMAT: Final = "%Y%m%dT%H%M%S%fZ"
_PERMIT: Final = ".permit"

MAKING, MADE, DROPPED, UNDONE = "making", "made", "dropped", "undone"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What tells whether a file is still the one that was meant, wherever it lies."""

    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, file: FoundFile) -> "Identity":
        """Give the identity of a file that was looked at."""
        return cls(size_bytes=file.size_bytes, modified_ns=file.modified_ns)


@dataclass(kw_only=True)
class Exchange:
    """One image: ``state`` is the last of MAKING, MADE, CHANGED, DROPPED and UNDONE that was written down."""

    old: str
    new: str
    state: str = MAKING
    old_identity: Identity | None = None
    new_identity: Identity | None = None
    rows: list[dict[str, str]] = field(default_factory=list)

    @property
    def unfinished(self) -> bool:
        """True while it is open whether rows name the new file."""
        return self.state in (MAKING, MADE)


class RunMap:
    """The file of one run, and the permits: files that exist only while somebody may change rows for it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run = path.stem

    def begin(self, *, area: str, root: Path) -> None:
        """Write the first line; raises NotEnoughSpace where the state folder takes nothing."""
        make_private_folder(self.path.parent)
        self.write([{"event": "run", "area": area, "root": os.fspath(root)}])
        sync_folder(self.path.parent)

    def write(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Add lines; they are on the disk when this returns."""
        text = "".join(json.dumps(line) + "\n" for line in lines)
        try:
            with self.path.open("a", encoding="utf-8") as stream:
                # A crash may have cut the last line short: it must not swallow the next one.
                stream.write(f"\n{text}")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise NotEnoughSpace(
                f"{self.path} cannot be written: {error.strerror}",
                hint="What is open is settled at the start of the next run",
            ) from None

    def allow(self) -> Path:
        """Give a new permit, for the shop's interpreter to change rows for this run."""
        # Never the same twice: an interpreter that has lost its permit must not find it again.
        permit = self.path.with_name(f"{self.run}.{secrets.token_hex(8)}{_PERMIT}")
        permit.touch(mode=0o600, exist_ok=False)
        return permit

    def forbid(self) -> None:
        """Let no change of this run that is not committed yet come through."""
        for permit in self.path.parent.glob(f"{self.run}.*{_PERMIT}"):
            permit.unlink(missing_ok=True)

    def read(self) -> tuple[str, list[Exchange]]:
        """Give the root of the run and its exchanges, in the order in which they were begun."""
        root = ""
        exchanges: dict[str, Exchange] = {}
        for line in self._lines():
            event = line["event"]
            if event == "run":
                root = line["root"]
            elif event == MAKING:
                exchanges[line["new"]] = Exchange(old=line["old"], new=line["new"])
            else:
                exchange = exchanges[line["new"]]
                exchange.state = event
                if event == MADE:
                    exchange.old_identity = Identity(**line["old_identity"])
                    exchange.new_identity = Identity(**line["new_identity"])
                    exchange.rows = line["rows"]
        return root, list(exchanges.values())

    def _lines(self) -> Iterator[dict[str, Any]]:
        for text in self.path.read_text("utf-8").splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                # Cut short by a crash, so what it announces has not happened.
                continue
            yield line


class ImageJournal:
    """The maps of all runs."""

    def __init__(self, config: Config) -> None:
        self._folder = config.state / FOLDER

    def runs(self) -> list[RunMap]:
        """Give the maps of earlier runs, oldest first."""
        return [RunMap(path) for path in sorted(self._folder.glob("*.jsonl"))]

    def new_run(self, now: dt.datetime) -> RunMap:
        """Give the map of a run that begins now; nothing is written yet."""
        name = now.astimezone(dt.UTC).strftime(_RUN_FORMAT)
        while (path := self._folder / f"{name}.jsonl").exists():
            name = f"{name.partition('-')[0]}-{secrets.token_hex(2)}"
        return RunMap(path)

    def made_names(self, root: Path) -> set[str]:
        """Give the names below ``root`` of files that runs have made: they are not encoded once more."""
        names: set[str] = set()
        for run in self.runs():
            there, exchanges = run.read()
            if there == os.fspath(root):
                names.update(exchange.new for exchange in exchanges)
        return names
