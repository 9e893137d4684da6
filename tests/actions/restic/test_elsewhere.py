"""Repositories away from this machine, real ones: over SFTP, in a bucket, and as copies of the one here."""

import dataclasses
import datetime as dt
import os
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from actions.backup_media import BackupMedia
from actions.backups.manifest import require_manifest
from actions.backups.restic.repository import copies_of, repository_of
from actions.backups.restic.restore import restore_snapshot
from actions.backups.restic.snapshots import find_snapshot, list_snapshots
from actions.copy_backups_offsite import CopyBackupsOffsite
from actions.offsite.afterwards import with_copies
from actions.prune_backups import PruneBackups
from actions.verify_backup import VerifyBackup
from storekeeper.backups import MEDIA, find_backups
from storekeeper.errors import OffsiteFailed
from tests.actions.offsite.conftest import SSHServer, s3_endpoint, ssh_server
from tests.actions.restic.conftest import Restic, contents

__all__ = ["s3_endpoint", "ssh_server"]
BUCKET = "media-repository"
_DAY = dt.timedelta(days=1)


@pytest.fixture(params=["sftp", "s3"])
def elsewhere(
    request: pytest.FixtureRequest,
    make_restic: Callable[..., Restic],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Restic:
    """A shop whose repository is to be made on a server; its keys come with the config."""
    keep = "keep: {daily: 1, weekly: 0, monthly: 0}"
    if request.param == "s3":
        endpoint = request.getfixturevalue("s3_endpoint")
        requests.put(f"{endpoint}/{BUCKET}", timeout=30).raise_for_status()
        keys = "AWS_ACCESS_KEY_ID: test, AWS_SECRET_ACCESS_KEY: secret-key-of-test"
        place = f"s3:{endpoint}/{BUCKET}/{tmp_path.name}"
        return make_restic(f"repository: '{place}', environment: {{{keys}}}, {keep}", quick=False)
    server: SSHServer = request.getfixturevalue("ssh_server")
    # ssh takes the home of the user from the system, whatever HOME says.
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    home = shlex.quote(str(server.home / ".ssh"))
    options = f"-o UserKnownHostsFile={home}/known_hosts -o IdentityFile={home}/id_ed25519"
    program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} {options} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    server.folder.mkdir(exist_ok=True)
    place = server.url.replace(str(server.folder), f"/{server.folder}/{tmp_path.name}")
    return make_restic(f"repository: '{place}', {keep}", quick=False)


def test_repository_on_a_server_is_made_filled_verified_pruned_and_restored(
    elsewhere: Restic, tmp_path: Path
) -> None:
    """What is done with a repository here is done with one elsewhere; no key is in a record or a report."""
    keeper = elsewhere.keeper
    keeper.run(BackupMedia())
    keeper.write("products/new.bin", os.urandom(3000))
    keeper.now = lambda real=keeper.now: real().replace(microsecond=0) + _DAY
    _, outcome = keeper.run(BackupMedia())
    keeper.run(VerifyBackup())
    keeper.run(PruneBackups())
    (left,) = list_snapshots(repository_of(keeper.config))
    manifest = require_manifest(outcome.created[0])
    assert (left.id, left.shop, left.area) == (manifest.snapshot_id, "test", "media")
    restore_snapshot(repository_of(keeper.config), left.id, target=tmp_path / "back")
    assert contents(tmp_path / "back") == contents(keeper.media)
    for path in keeper.config.backups.path.glob("media_backup_*"):
        assert b"secret-key" not in path.read_bytes()
    assert "secret-key" not in f"{outcome} {keeper.reports}"


def test_snapshots_are_copied_to_another_repository(
    make_restic: Callable[..., Restic], tmp_path: Path
) -> None:
    """A copy has the same password and the same files, and is found by the id of its original."""
    restic = make_restic(f"copies: [{tmp_path}/copy]")
    context = restic.keeper.context()
    _, outcome = restic.keeper.run(BackupMedia())
    told = with_copies(context, outcome, locks=restic.keeper.config.state / "locks")
    assert f"{tmp_path}/copy has 1 new and 0 old copies" in told.summary
    manifest = require_manifest(outcome.created[0])
    assert manifest.copies == (f"{tmp_path}/copy",)
    (copy,) = copies_of(restic.keeper.config)
    found = find_snapshot(copy, manifest.snapshot_id)
    assert found.id != manifest.snapshot_id
    restore_snapshot(copy, found.id, target=tmp_path / "back")
    assert contents(tmp_path / "back") == contents(restic.keeper.media)
    _, again = restic.keeper.run(CopyBackupsOffsite())
    assert "has 0 new and 1 old copies" in again.summary


def test_copy_that_fails_is_told_and_undoes_no_backup(
    make_restic: Callable[..., Restic], tmp_path: Path
) -> None:
    """Where the other repository cannot be made the backup stays, and the daily copy fails for all to see."""
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "letter.txt").write_text("mine")
    restic = make_restic(f"copies: [{tmp_path}/taken]")
    _, outcome = restic.keeper.run(BackupMedia())
    told = with_copies(restic.keeper.context(), outcome, locks=restic.keeper.config.state / "locks")
    assert f"NOT copied to {tmp_path}/taken" in told.summary
    assert find_backups(restic.keeper.config.backups.path, kind=MEDIA)[0].verified
    with pytest.raises(OffsiteFailed, match="is not empty and no restic repository"):
        restic.keeper.run(CopyBackupsOffsite())


def test_record_goes_to_the_places_of_copies(make_restic: Callable[..., Restic], tmp_path: Path) -> None:
    """The record and its sums lie off-site as every backup does, and say where the snapshot is."""
    (tmp_path / "place").mkdir()
    restic = make_restic(f"copies: [{tmp_path}/copy]")
    backups = restic.keeper.config.backups.model_copy(update={"offsite": (f"file://{tmp_path}/place",)})
    restic.keeper.config = restic.keeper.config.model_copy(update={"backups": backups})
    context = dataclasses.replace(restic.keeper.context(), config=restic.keeper.config)
    _, outcome = restic.keeper.run(BackupMedia())
    with_copies(context, outcome, locks=restic.keeper.config.state / "locks")
    there = require_manifest(tmp_path / "place" / outcome.created[0].name)
    assert (there.repository, there.copies) == ("media.restic", (f"{tmp_path}/copy",))
    assert (tmp_path / "place" / there.sums_file).is_file()
