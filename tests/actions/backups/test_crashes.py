"""Backups that are killed or run out of room at each step: no bad file under a final name, no rest."""

import dataclasses
import errno
import os
import signal
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from actions.backup_database import BackupDatabase
from actions.backup_media import BackupMedia
from actions.backups.manifest import write_manifest
from actions.verify_backup import VerifyBackup
from storekeeper.backups import KINDS, find_backups, find_strangers
from storekeeper.errors import NotEnoughSpace, StorekeeperError
from tests.disks import mount_small_disk

Factory = Callable[..., Any]

# What is made → the shop's database, the action and its options.
MADE: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "json": ("sqlite", BackupDatabase(), {}),
    "sqlite": ("sqlite", BackupDatabase(), {"format": "native"}),
    "plain sqlite": ("sqlite", BackupDatabase(), {"format": "native", "compress": False}),
    "postgresql": ("postgresql", BackupDatabase(), {"format": "native"}),
    "media": ("sqlite", BackupMedia(), {}),
}
EACH = pytest.mark.parametrize("kind", MADE)
_STEPS = ("os.remove", "os.rename", "os.mkdir", "sqlite3.connect", "subprocess.Popen")


def in_child(work: Callable[[], None]) -> int:
    """Do the work in a process of its own that shares nothing; give its exit code."""
    process = get_context("fork").Process(target=work)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def kill_at(nth: int) -> None:
    """Kill this process just before it opens to write, removes, renames or starts, for the nth time."""
    left = nth

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        writes = (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if writes or event in _STEPS:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def names(folder: Path) -> set[str]:
    """Give the names of everything in a folder."""
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def require_sound(folder: Path) -> list[Path]:
    """Check that every backup under a final name is whole; give them."""
    found = [one for kind in KINDS for one in find_backups(folder, kind=kind)]
    assert [one for kind in KINDS for one in find_strangers(folder, kind=kind)] == []
    assert [one.path.name for one in found if one.problem] == []
    return [one.path for one in found]


@EACH
def test_killed_at_each_step(keeper: Factory, kind: str, thorough: bool) -> None:
    """Killed before each write in turn: what has its name passes its trial, and the next run tidies up."""
    database, action, options = MADE[kind]
    kept = keeper(database, orders=5)
    folder = kept.config.backups.path
    options = action.Options(**options)
    plan = action.plan(kept.context(), options)
    killed = 0
    # JSON and PostgreSQL start programs, which takes its time: a few of their steps are enough for each day.
    nth, step = (1, 1) if thorough or kind in ("sqlite", "plain sqlite", "media") else (4, 11)
    while True:

        def run(at: int = nth) -> None:
            kill_at(at)
            action.perform(kept.context(), options, plan)

        code = in_child(run)
        assert code in (0, -signal.SIGKILL)
        require_sound(folder)
        if code == 0:
            break
        killed += 1
        nth += step
    assert killed >= 1
    _, outcome = kept.run(action, **options.model_dump())
    (path,) = outcome.created
    assert path in require_sound(folder)
    assert [name for name in names(folder) if name.endswith(".partial")] == []
    assert names(kept.config.state / "snapshots") == set()
    sound = require_sound(folder)
    for one in sound if thorough else sound[:2]:
        kept.run(VerifyBackup(), file=one)
    alone = {name.removesuffix(".manifest.json").removesuffix(".sha256.gz") for name in names(folder)}
    assert alone == {one.name for one in sound}


def without_forecast(plan: Any) -> Any:
    """Give the plan with the promise that nothing is needed, so that the disk itself has to say no."""
    if hasattr(plan, "parts"):
        parts = tuple(dataclasses.replace(part, expected_bytes=0) for part in plan.parts)
        return dataclasses.replace(plan, parts=parts)
    return dataclasses.replace(plan, needed_bytes=0)


@EACH
def test_out_of_room_at_each_size(keeper: Factory, kind: str, thorough: bool) -> None:
    """A disk of any size takes the backup whole or says that it became full, and nothing is left on it."""
    database, action, options = MADE[kind]
    kept = keeper(database, orders=5)
    folder = kept.config.backups.path
    folder.mkdir()
    options = action.Options(**options)
    plan = without_forecast(action.plan(kept.context(), options))

    def fits(pages: int) -> bool:
        def run() -> None:
            mount_small_disk(folder, size_bytes=pages * 4096)
            try:
                action.perform(kept.context(), options, plan)
            except NotEnoughSpace:
                assert names(folder) == set()
                sys.exit(errno.ENOSPC)
            assert len(require_sound(folder)) == 1
            os._exit(0)

        code = in_child(run)
        assert code in (0, errno.ENOSPC)
        return code == 0

    enough = 2
    while not fits(enough):
        enough *= 2
    # The last pages are where a program may take its file for complete. A manifest may be a byte shorter
    # another time, so the very last may suffice.
    enough = bisect_left(range(enough), x=True, key=fits)
    assert enough > 2
    for pages in range(1 if thorough else max(1, enough - 5), enough):
        fits(pages)


def test_trial_without_room_condemns_nothing(keeper: Factory) -> None:
    """When the scratch database does not fit, the backup is neither verified nor called bad."""
    kept = keeper(orders=50)
    scratch = kept.config.state / "scratch"
    scratch.mkdir()
    for options in ({"format": "native"}, {"format": "json"}):
        (path,) = kept.run(BackupDatabase(), **options)[1].created

        def run(path: Path = path) -> None:
            # What the forecast asks for is there, and then it is not.
            mount_small_disk(scratch, size_bytes=64 * 4096)
            manifest = find_backups(path.parent)[0].manifest
            small = manifest.model_copy(update={"content_bytes": 0})
            write_manifest(path, small)
            try:
                kept.run(VerifyBackup(), file=path)
            except StorekeeperError as error:
                assert "pass" not in error.message, error.message
                sys.exit(errno.ENOSPC)

        assert in_child(run) == errno.ENOSPC
        (backup, *_) = find_backups(path.parent)
        assert (backup.path, backup.verified, backup.problem) == (path, False, "")


def test_disk_that_fills_up_while_a_manifest_is_rewritten(keeper: Factory) -> None:
    """The manifest stays as it was when the one that says "verified" does not fit."""
    kept = keeper(orders=5)
    (path,) = kept.run(BackupMedia())[1].created
    manifest = path.with_name(path.name + ".manifest.json")
    before = manifest.read_bytes()
    content = {one.name: one.read_bytes() for one in path.parent.iterdir()}

    def run() -> None:
        mount_small_disk(path.parent, size_bytes=4 << 20)
        for name, data in content.items():
            (path.parent / name).write_bytes(data)
        with (path.parent / "ballast").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
        with pytest.raises((StorekeeperError, OSError)):
            kept.run(VerifyBackup(), file=path)
        assert manifest.read_bytes() == before
        assert names(path.parent) == {*content, "ballast"}
        os._exit(0)

    assert in_child(run) == 0
    assert subprocess.run(["cmp", manifest, "-"], input=before).returncode == 0
