"""Whatever is killed, whoever else is at work, however full the disk: restic's check passes afterwards."""

import ctypes
import dataclasses
import datetime as dt
import os
import random
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil
import pytest

from actions.backup_media import BackupMedia
from actions.backups.restic.repository import repository_of
from actions.prune_backups import PruneBackups
from actions.verify_backup import VerifyBackup
from storekeeper.backups import MEDIA, find_backups
from storekeeper.config import load_config
from storekeeper.errors import NotEnoughSpace, StorekeeperError
from tests.actions.restic.conftest import Restic, contents
from tests.actions.restic.test_prune import KEEP_TWO, START, make, records
from tests.disks import mount_small_disk

_SUBREAPER = 36
ACTIONS = (BackupMedia, PruneBackups, VerifyBackup)


def begun(work: Callable[[], Any]) -> Any:
    """Begin the work in a process that shares nothing; what storekeeper refuses is a good end."""

    def tried() -> None:
        try:
            work()
        except StorekeeperError as error:
            # A refusal says what happened.
            assert len(error.message) > 20
            os._exit(3)

    process = get_context("fork").Process(target=tried)
    process.start()
    return process


def kill(process: Any, *, which: str) -> None:
    """Kill storekeeper, its restic, or both, if they are still there."""
    try:
        ours = psutil.Process(process.pid)
        restics = ours.children(recursive=True)
    except psutil.NoSuchProcess:
        return
    for one in ([ours] if which != "restic" else []) + (restics if which != "storekeeper" else []):
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue


@pytest.fixture
def orphans_are_ours() -> Iterator[None]:
    """
    Let what a killed storekeeper leaves become a child of this process, which takes note of its end.

    Where nothing does, as in a container without an init, restic takes a dead process for a living one.
    """
    library = ctypes.CDLL(None)
    library.prctl(_SUBREAPER, 1, 0, 0, 0)
    yield
    library.prctl(_SUBREAPER, 0, 0, 0, 0)


def wait_for_restics() -> None:
    """Wait for the restics that outlived their storekeeper: they end by themselves."""
    # One that had just been begun has its name by then.
    time.sleep(0.5)
    for one in psutil.Process().children():
        with suppress(psutil.NoSuchProcess, ChildProcessError):
            if one.name() == "restic":
                os.waitpid(one.pid, 0)


def require_whole(restic: Restic) -> None:
    """Check the repository as an operator would, and that no record is damaged."""
    restic("unlock")
    assert "no errors were found" in restic("check", "--read-data")
    known = set(restic.ids())
    for record in records(restic):
        assert record.manifest.snapshot_id in known, record.path.name
        assert record.problem == ""


@pytest.mark.usefixtures("orphans_are_ours")
@pytest.mark.parametrize("which", ["storekeeper", "restic", "both"])
def test_killed_at_random_moments(
    make_restic: Callable[..., Restic], which: str, thorough: bool, tmp_path: Path
) -> None:
    """Backup, prune and verification that are killed leave a whole repository; the next run goes on."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    restic = make_restic(KEEP_TWO)
    make(restic, days=2)
    took = dict.fromkeys(ACTIONS, 1.5)
    for turn in range(150 if thorough else 4):
        action = chance.choice(ACTIONS) if thorough else ACTIONS[turn % 3]
        restic.keeper.now = lambda turn=turn: START + dt.timedelta(days=3 + turn)
        restic.keeper.write(f"turn{turn}.bin", chance.randbytes(400_000))
        began = time.monotonic()
        process = begun(lambda action=action: restic.keeper.run(action()))
        process.join(timeout=chance.random() * took[action])
        if process.is_alive():
            kill(process, which=which)
        else:
            took[action] = max(0.2, time.monotonic() - began)
        process.join()
        assert process.exitcode in (0, 3, -signal.SIGKILL)
        wait_for_restics()
        require_whole(restic)
    restic.keeper.now = lambda: START + dt.timedelta(days=200)
    for action in (BackupMedia, VerifyBackup, PruneBackups):
        restic.keeper.run(action())
    require_whole(restic)
    newest = records(restic)[0]
    assert newest.verified
    assert restic.restored(newest.manifest.snapshot_id, to=tmp_path / "back") == contents(restic.keeper.media)
    assert [path for path in restic.keeper.config.backups.path.iterdir() if "partial" in path.name] == []


def test_two_hosts_share_a_repository(make_restic: Callable[..., Restic], thorough: bool) -> None:
    """Two machines back up, verify and prune at the same time: each keeps what is its own."""
    first = make_restic(KEEP_TWO)
    second = twin(first)
    for turn in range(12 if thorough else 2):
        processes = []
        for number, host in enumerate((first, second)):
            host.keeper.now = lambda turn=turn: START.replace(day=1 + turn)
            host.keeper.write(f"turn{turn}host{number}.bin", os.urandom(200_000))
            processes.append(begun(lambda host=host: [host.keeper.run(action()) for action in ACTIONS]))
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0, 0]
        require_whole(first)
    ids = [{one.manifest.snapshot_id for one in records(host)} for host in (first, second)]
    assert ids[0] | ids[1] == set(first.ids())
    assert not ids[0] & ids[1]
    assert [len(one) for one in ids] == [2, 2]


def twin(restic: Restic) -> Restic:
    """Return the same shop on another machine: a state and records of its own, the same repository."""
    keeper = restic.keeper
    state = keeper.config.state.with_name(keeper.config.state.name + "_other")
    state.mkdir()
    text = (keeper.config.state / "storekeeper.yml").read_text()
    text = text.replace(str(keeper.config.state / "backups"), str(state / "backups"))
    text = text.replace(f"state: {keeper.config.state}", f"state: {state}\nhost: other")
    password = repository_of(keeper.config).password_file
    place = f"{{engine: restic, repository: {restic.path}, password_file: {password},"
    (state / "storekeeper.yml").write_text(re.sub(r"\{engine: restic,", place, text))
    config = load_config(state / "storekeeper.yml", environment={})
    other = type(keeper)(shop=keeper.shop, config=config, media=keeper.media)
    context, ours = other.context, keeper.context
    other.context = lambda: _with_shop(context(), ours().shop)
    return Restic(keeper=other)


def _with_shop(context: Any, shop: Any) -> Any:
    return dataclasses.replace(context, shop=shop)


def test_full_disk_leaves_the_repository_whole(
    make_restic: Callable[..., Restic], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up under restic fails the backup in plain words; with room again all goes on."""
    restic = make_restic()
    folder = restic.keeper.config.backups.path
    keep = tmp_path / "kept"
    folder.rename(keep)
    folder.mkdir()
    # What the look before the run says: somebody else fills the disk right after it.
    monkeypatch.setattr("actions.backup_media.require_free_bytes", lambda *one, **more: None)

    def work() -> None:
        mount_small_disk(folder, size_bytes=24 << 20)
        shutil.copytree(keep, folder, dirs_exist_ok=True)
        restic.keeper.write("first.bin", os.urandom(2_000_000))
        restic.keeper.run(BackupMedia())
        filler = folder / "filler"
        with filler.open("wb") as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(bytes(65536))
                file.flush()
        restic.keeper.write("second.bin", os.urandom(3_000_000))
        with pytest.raises(NotEnoughSpace, match="full"):
            restic.keeper.run(BackupMedia())
        _, outcome = restic.keeper.run(PruneBackups())
        assert outcome.changed == 0
        filler.unlink()
        require_whole(restic)
        restic.keeper.run(BackupMedia())
        require_whole(restic)
        found = find_backups(folder, kind=MEDIA)
        assert [one.verified for one in found] == [True, True]

    process = get_context("fork").Process(target=work)
    process.start()
    process.join()
    assert process.exitcode == 0
