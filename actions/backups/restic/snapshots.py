"""The snapshots of a repository that are storekeeper's, and the repository itself."""

import datetime as dt
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from actions.backups.restic.program import NoRepository, never, run
from actions.backups.restic.repository import Repository, make_password
from storekeeper.errors import BackupRefused

OWN_TAG: Final = "storekeeper"
_ID_LENGTH: Final = 64


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A snapshot as restic lists it; ``original`` is the id of the one that it is a copy of, else its own."""

    id: str
    created: dt.datetime
    host: str
    paths: tuple[str, ...]
    tags: tuple[str, ...]
    original: str

    @property
    def shop(self) -> str:
        """Return the shop that its tag names."""
        return self._tagged("shop:")

    @property
    def area(self) -> str:
        """Return the area that its tag names."""
        return self._tagged("area:")

    def _tagged(self, prefix: str) -> str:
        return next((tag.removeprefix(prefix) for tag in self.tags if tag.startswith(prefix)), "")


def tags_of(*, shop: str, area: str) -> str:
    """Return the tags of a backup, as restic takes them: all of them."""
    return f"{OWN_TAG},shop:{shop},area:{area}"


def list_snapshots(
    repository: Repository,
    *,
    shop: str = "",
    cancelled: Callable[[], bool] = never,
) -> tuple[Snapshot, ...]:
    """
    Return storekeeper's snapshots, the newest first; with ``shop`` those of this shop.

    Raises NoRepository where there is none, and what else keeps restic from opening it.
    """
    tags = f"{OWN_TAG},shop:{shop}" if shop else OWN_TAG
    found: list[Any] = []

    def heard(line: bytes) -> None:
        if line.strip():
            found.extend(json.loads(line) or [])

    # Nothing is changed: no lock is needed, and a full disk has no room for one.
    run(
        repository,
        ["snapshots", "--json", "--no-lock", "--tag", tags],
        heard=heard,
        cancelled=cancelled,
    )
    snapshots = (_snapshot(one) for one in found)
    return tuple(sorted(snapshots, key=lambda one: (one.created, one.id), reverse=True))


def find_snapshot(repository: Repository, snapshot: str, *, shop: str = "") -> Snapshot:
    """
    Return the snapshot of that id, or a copy of it; ``latest`` is the newest of the shop.

    Raises BackupRefused where there is none.
    """
    found = list_snapshots(repository, shop=shop)
    for one in found:
        if snapshot == "latest" or (
            len(snapshot) >= 8 and (one.id.startswith(snapshot) or one.original.startswith(snapshot))
        ):
            return one
    of = f" of the shop {shop}" if shop else ""
    raise BackupRefused(
        f"the repository {repository.label} has no snapshot {snapshot}{of}",
        hint=f"It has {', '.join(one.id[:8] for one in found[:5]) or 'none'}",
    )


def ids_on_disk(repository: Repository) -> frozenset[str] | None:
    """
    Return the ids of all snapshots of a repository on this machine, None of one elsewhere.

    Restic keeps one file for each, named by its id: no password and no start of restic is needed.
    """
    path = repository.path
    if path is None:
        return None
    try:
        return frozenset(file.name for file in (path / "snapshots").iterdir() if len(file.name) == _ID_LENGTH)
    except OSError:
        return None


def whole_id(repository: Repository, short: str, *, shop: str) -> str:
    """Return the id of a snapshot that restic has named by its begin."""
    there = ids_on_disk(repository)
    found = [one for one in there or () if one.startswith(short)]
    return found[0] if len(found) == 1 else find_snapshot(repository, short, shop=shop).id


def open_or_make(repository: Repository, *, source: Repository | None = None) -> bool:
    """
    Make the repository where there is none; return True where it was made.

    ``source`` is one whose files are copied into it. Raises BackupRefused where there may be one that cannot
    be opened: a second one over it would be the end of the first.
    """
    path = repository.path
    there = (path / "config").exists() if path is not None else _answers(repository)
    if there:
        if not repository.password_file.exists():
            raise BackupRefused(
                f"the repository {repository.label} is there, and its password file"
                f" {repository.password_file} is not",
                hint="Bring the file back from where its copy is kept",
            )
        return False
    make_password(repository)
    arguments = ["init", *(["--copy-chunker-params"] if source else [])]
    if path is None:
        run(repository, arguments, source=source)
        return True
    if path.exists() and any(path.iterdir()):
        raise BackupRefused(
            f"{path} is not empty and no restic repository",
            hint="Name a folder of its own in backups.media.repository",
        )
    # A repository with a key and no config could never be opened: it gets its name when it is whole.
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        run(repository.at(str(partial)), arguments, source=source)
        path.mkdir(exist_ok=True, mode=0o700)
        try:
            partial.rename(path)
        except OSError:
            # Another run was first.
            if not (path / "config").exists():
                raise
            return False
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return True


def forget(repository: Repository, ids: Sequence[str], *, cancelled: Callable[[], bool] = never) -> None:
    """Remove these snapshots, no others; their data stays until ``prune``."""
    if ids:
        run(repository, ["forget", *ids], cancelled=cancelled)


def size_bytes(repository: Repository) -> int | None:
    """Return the bytes of a repository on this machine, None of one elsewhere."""
    path = repository.path
    if path is None:
        return None
    total = 0
    for file in path.rglob("*"):
        try:
            total += file.lstat().st_size if file.is_file() else 0
        except OSError:
            continue
    return total


def _answers(repository: Repository) -> bool:
    if not repository.password_file.exists():
        # Nobody can open it then: restic's init refuses one that is there.
        return False
    try:
        run(repository, ["cat", "config", "--no-lock"])
    except NoRepository:
        return False
    return True


def _snapshot(listed: dict[str, Any]) -> Snapshot:
    return Snapshot(
        id=listed["id"],
        created=_moment(listed["time"]),
        host=listed.get("hostname") or "",
        paths=tuple(listed.get("paths") or ()),
        tags=tuple(listed.get("tags") or ()),
        original=listed.get("original") or listed["id"],
    )


def _moment(text: str) -> dt.datetime:
    """Return restic's time; its nanoseconds are cut."""
    head, dot, rest = text.partition(".")
    digits = rest.rstrip("Z").partition("+")[0].partition("-")[0] if dot else ""
    zone = rest[len(digits) :] if dot else ""
    return dt.datetime.fromisoformat(f"{head}.{digits[:6].ljust(6, '0')}{zone}" if dot else text)
