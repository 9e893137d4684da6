"""Back up an area as a snapshot of restic, and compare what it gives back before it counts."""

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from actions.action import Context, Progress
from actions.backups.damage import NotProved
from actions.backups.json_backup import disk_errors
from actions.backups.packing import PackedWriter
from actions.backups.restic.comparison import compare_new
from actions.backups.restic.known_sums import KnownSums
from actions.backups.restic.program import NOT_ALL_READ, run
from actions.backups.restic.records import FORMAT, finish_record, stored_location
from actions.backups.restic.repository import Repository
from actions.backups.restic.snapshots import tags_of, whole_id
from actions.backups.sum_lines import readable, sum_line
from actions.backups.tally import Tally
from storekeeper.backups import SUMS_SUFFIX, Manifest
from storekeeper.config import Config
from storekeeper.errors import BackupRefused
from storekeeper.files import PartialFile, Tree
from storekeeper.files.reasons import LINK, NOT_READABLE
from storekeeper.files.tree import OWN_PREFIX

VERIFIED_BY: Final = "backup_media, which restored what is new in it and compared it"
KNOWN_SUMS: Final = "media-sums.sqlite3"

_REPORT_FILES: Final = 100


@dataclass(kw_only=True)
class _Said:
    """What restic has said while it made a snapshot."""

    snapshot: str = ""
    added_bytes: int = 0
    not_read: list[str] = field(default_factory=list)


def series_of(repository: Repository, *, shop: str, area: str) -> str:
    """Return the name under which the sums of an area in a repository are known."""
    return f"{shop} {area} {repository.label}"


def known_sums(config: Config, repository: Repository, *, area: str) -> KnownSums:
    """Open the sums that are known of an area."""
    return KnownSums(config.state / KNOWN_SUMS, series=series_of(repository, shop=config.shop, area=area))


def write_snapshot(
    root: Path,
    *,
    context: Context,
    repository: Repository,
    path: Path,
    draft: Manifest,
    expected_files: int,
) -> tuple[Manifest, int]:
    """
    Back up the files below ``root`` into the repository, and write the record ``path`` beside its sums.

    Returns the manifest and the bytes that came into the repository. The snapshot's top is the area itself.
    The record appears after each new file was restored and had its sum; where one has not, or could not be
    read, it does not count as verified. Raises StorekeeperError, and there is no record.
    """
    config = context.config
    sums_path = path.with_name(path.name + SUMS_SUFFIX)
    tally = Tally.of(config, root=root)
    steps = _Steps(context, files=expected_files)
    with (
        disk_errors(path),
        PartialFile(path) as record,
        PartialFile(sums_path) as sums_file,
        known_sums(config, repository, area=draft.area) as known,
        Tree(root) as tree,
    ):
        known.look(tree, passed_over=_passed_over(tally), looked=steps.step(0))
        said = _back_up(tree.root, context=context, repository=repository, draft=draft, done=steps.step(1))
        for name in said.not_read:
            if readable(name) not in tally.left_out:
                tally.leave_out(name, NOT_READABLE)
        known.settle(tree, changed=tally.note_change)
        known.drop(said.not_read)
        snapshot = whole_id(repository, said.snapshot, shop=config.shop)
        problem = tally.lacks
        try:
            compare_new(
                repository,
                snapshot,
                known=known,
                scratch=config.state,
                compared=steps.step(2),
                cancelled=context.cancelled,
            )
        except NotProved as error:
            problem = error.message
        tally.files, size_bytes = known.totals()
        sums = PackedWriter(sums_file.stream, compress=True)
        for name, sha256 in known.all():
            sums.write(sum_line(name, sha256))
        sums.close()
        sums_file.finish()
        try:
            manifest = finish_record(
                record,
                draft.model_copy(
                    update={
                        "format": FORMAT,
                        "repository": stored_location(repository, folder=path.parent),
                        "snapshot_id": snapshot,
                        "content_bytes": size_bytes,
                        "files": tally.files,
                        "left_out": tally.left_out,
                        "left_out_files": tally.left_out_files,
                        "changed": tally.changed,
                        "changed_files": tally.changed_files,
                        "sums_file": sums_path.name,
                        "verified": None if problem else context.now(),
                        "verified_by": "" if problem else VERIFIED_BY,
                        "verification_error": problem,
                        "lacks": tally.lacks,
                    }
                ),
                repository=repository,
            )
        except BaseException:
            sums_path.unlink(missing_ok=True)
            raise
    if problem and problem != tally.lacks:
        raise BackupRefused(
            f"{path.name} was made and does not count: {problem}",
            hint="Run storekeeper verify_backup; it lets restic check its repository",
        )
    return manifest, said.added_bytes


def _back_up(
    root: Path, *, context: Context, repository: Repository, draft: Manifest, done: Callable[[int], None]
) -> _Said:
    said = _Said()

    def heard(line: bytes) -> None:
        message = _message(line)
        if message.get("message_type") == "status":
            done(int(message.get("files_done") or 0))
        elif message.get("message_type") == "summary":
            said.snapshot = message.get("snapshot_id") or ""
            said.added_bytes = int(message.get("data_added") or 0)

    moment = draft.created.astimezone(dt.UTC)
    arguments = [
        "backup",
        ".",
        "--json",
        "--one-file-system",
        "--host",
        context.config.host,
        "--tag",
        tags_of(shop=context.config.shop, area=draft.area),
        "--time",
        f"{moment:%Y-%m-%d %H:%M:%S}",
        "--exclude",
        f"{_pattern(str(root))}/**/{OWN_PREFIX}*",
    ]
    _, words = run(
        repository,
        arguments,
        directory=root,
        heard=heard,
        accepted=(0, NOT_ALL_READ),
        cancelled=context.cancelled,
    )
    if not said.snapshot:
        raise BackupRefused(f"restic made no snapshot in {repository.label}: {words.strip()[-500:]}")
    said.not_read = [
        str(message.get("item") or "?").removeprefix(f"{root}/")
        for message in map(_message, words.encode("utf-8", "surrogateescape").splitlines())
        if message.get("message_type") == "error"
    ]
    return said


def _message(line: bytes) -> dict[str, Any]:
    """Return a message of restic's, empty for all else that it writes."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _passed_over(tally: Tally) -> Callable[[str, str], None]:
    """Return what counts the files that are not in the snapshot; a link is in it, as a link."""

    def passed_over(name: str, why: str) -> None:
        if why != LINK:
            tally.leave_out(name, why)

    return passed_over


def _pattern(path: str) -> str:
    """Return a path as a pattern that means itself."""
    return "".join(f"\\{letter}" if letter in "\\*?[]" else letter for letter in path).rstrip("/")


class _Steps:
    """The three readings of the files, as one progress: by us, by restic, and of what it gives back."""

    def __init__(self, context: Context, *, files: int) -> None:
        self._context = context
        self._files = max(files, 1)

    def step(self, index: int) -> Callable[[int], None]:
        """Return what hears of the files done in this step."""

        def done(files: int) -> None:
            if index != 1 and files % _REPORT_FILES:
                return
            if self._context.cancelled():
                raise BackupRefused("cancelled; no backup was made")
            self._context.report(
                Progress(
                    done=min(files, self._files) + index * self._files, total=3 * self._files, unit="files"
                )
            )

        return done
