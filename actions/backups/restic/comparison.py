"""
Compare what restic gives back with the sums that we took of the shop's own files.

Each file is compared once by the run that first brings it, all of a snapshot where nobody has compared it
yet, and a few of it each day; beside that, restic's own check reads its whole data part by part.
"""

import hashlib
import heapq
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from actions.backups.damage import NotProved
from actions.backups.restic.known_sums import KnownSums, sorted_out
from actions.backups.restic.program import Damaged, never, run
from actions.backups.restic.repository import Repository
from actions.backups.restic.restore import read_file, read_files
from actions.backups.sum_lines import readable
from storekeeper.files import require_free_bytes

# Above this share of its bytes a snapshot is read as a whole, which needs no room on a disk.
_WHOLE_SHARE: Final = 0.2
_MOST_IN_BATCHES: Final = 10_000
_BATCH_FILES: Final = 400
_BATCH_BYTES: Final = 256 << 20
_SAMPLE_FILES: Final = 5
_NAMED: Final = 5


def compare_new(
    repository: Repository,
    snapshot: str,
    *,
    known: KnownSums,
    scratch: Path,
    compared: Callable[[int], None] = lambda files: None,
    cancelled: Callable[[], bool] = never,
) -> int:
    """
    Restore those files that restic has never given back, and compare; return their number.

    Raises NotProved for one that is not as it was, or is missing.
    """
    files, size_bytes = known.totals(not_compared=True)
    whole = files > _MOST_IN_BATCHES or size_bytes > _WHOLE_SHARE * known.totals()[1]
    if whole or any(_is_odd(name) for name, _ in known.to_compare(most=files)):
        compare_whole(repository, snapshot, known=known, compared=compared, cancelled=cancelled, again=False)
        return files
    done = 0
    while batch := sorted_out(known.to_compare(most=_BATCH_FILES), most_bytes=_BATCH_BYTES):
        _compare_batch(repository, snapshot, batch, known=known, scratch=scratch, cancelled=cancelled)
        done += len(batch)
        compared(done)
    return files


def compare_whole(
    repository: Repository,
    snapshot: str,
    *,
    known: KnownSums,
    compared: Callable[[int], None] = lambda files: None,
    cancelled: Callable[[], bool] = never,
    again: bool = True,
) -> int:
    """
    Read every file of a snapshot as restic gives it, and compare; return their number.

    Raises NotProved for one that is not as it was, or is missing. ``again`` also compares the files that were
    compared before.
    """
    if again:
        known.begin_comparison()
    wrong: list[str] = []
    number = 0
    try:
        for number, file in enumerate(read_files(repository, snapshot, cancelled=cancelled), start=1):
            if not known.compare(file.name, sha256=file.sha256):
                wrong.append(f"{readable(file.name)} has another sum")
            compared(number)
    except Damaged as error:
        raise NotProved(error.message) from None
    missing, _ = known.totals(not_compared=True)
    if not wrong and missing:
        wrong = [f"{readable(name)} is not in it" for name, _ in known.to_compare(most=missing)]
    _require_none(snapshot, wrong)
    return number


def compare_sample(
    repository: Repository,
    snapshot: str,
    *,
    known: KnownSums,
    day: int,
    cancelled: Callable[[], bool] = never,
) -> int:
    """Restore a few files of a snapshot, others each day, and compare; raises NotProved."""
    chosen = heapq.nsmallest(
        _SAMPLE_FILES,
        known.all(),
        key=lambda one: hashlib.sha256(f"{day} {one[0]}".encode("utf-8", "surrogateescape")).digest(),
    )
    wrong = []
    for name, sha256 in chosen:
        try:
            found = read_file(repository, snapshot, name, cancelled=cancelled)
        except Damaged as error:
            raise NotProved(error.message) from None
        if found.sha256 != sha256:
            wrong.append(f"{readable(name)} has another sum")
    _require_none(snapshot, wrong)
    return len(chosen)


def _compare_batch(
    repository: Repository,
    snapshot: str,
    names: list[str],
    *,
    known: KnownSums,
    scratch: Path,
    cancelled: Callable[[], bool],
) -> None:
    sizes = dict(known.to_compare(most=_BATCH_FILES))
    needed = sum(sizes[name] for name in names)
    require_free_bytes(scratch, needed_bytes=2 * needed, purpose="the comparison of what was backed up")
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = Path(tempfile.mkdtemp(dir=scratch, prefix="restic-compared-"))
    try:
        includes = [part for name in names for part in ("--include", f"/{_escaped(name)}")]
        try:
            run(
                repository,
                ["restore", snapshot, "--target", str(target), *includes],
                cancelled=cancelled,
            )
        except Damaged as error:
            raise NotProved(error.message) from None
        wrong = []
        for name in names:
            path = target / name
            if not path.is_file() or path.is_symlink():
                wrong.append(f"{readable(name)} is not in it")
                continue
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            if not known.compare(name, sha256=sha256):
                wrong.append(f"{readable(name)} has another sum")
        _require_none(snapshot, wrong)
    finally:
        shutil.rmtree(target, ignore_errors=True)


def _require_none(snapshot: str, wrong: list[str]) -> None:
    if wrong:
        more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        raise NotProved(
            f"snapshot {snapshot[:8]} does not give back what was there: {', '.join(wrong[:_NAMED])}{more}"
        )


def _escaped(name: str) -> str:
    """Return the name as a pattern that means itself."""
    return "".join(f"\\{letter}" if letter in "\\*?[]" else letter for letter in name)


def _is_odd(name: str) -> bool:
    """Return whether a name has bytes that restic's patterns cannot say."""
    return any("\udc80" <= letter <= "\udcff" for letter in name)
