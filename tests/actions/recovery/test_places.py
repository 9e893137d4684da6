"""A lost shop comes back from each sort of place, encrypted, and from a machine that has no config."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage
import pytest

from actions.backup_database import BackupDatabase
from actions.backup_media import BackupMedia
from actions.copy_backups_offsite import CopyBackupsOffsite
from actions.drill import Drill
from actions.recover import Recover
from storekeeper.config.encryption import Encryption
from storekeeper.encryption.streams import WrongIdentity
from tests.actions.offsite.conftest import place_url, s3_endpoint, ssh_server
from tests.actions.recovery.conftest import files_in, rows_in

__all__ = ["place_url", "s3_endpoint", "ssh_server"]


def identity_file(path: Path) -> tuple[str, str]:
    """Write an identity; return its file and its recipient."""
    identity = pyrage.x25519.Identity.generate()
    path.write_text(f"{identity}\n")
    return str(path), str(identity.to_public())


def test_an_encrypted_shop_comes_back_from_a_place(
    backed_up: Callable[..., Any],
    lose: Callable[..., Any],
    place_url: str,
    tmp_path: Path,
) -> None:
    """Only with the right identity; with a wrong one nothing appears. A drill from a folder is verified."""
    identity, recipient = identity_file(tmp_path / "identity")
    wrong, _ = identity_file(tmp_path / "wrong")
    kept = backed_up()
    encrypt = Encryption(recipients=(recipient,))
    backups = kept.config.backups.model_copy(update={"offsite": (place_url,), "encrypt": encrypt})
    kept.config = kept.config.model_copy(update={"backups": backups})
    kept.run(CopyBackupsOffsite())
    if place_url.startswith("file:"):
        record = kept.run(Drill(), identity=identity)[1].details["record"]
        assert (record["offsite"], record["verdict"]) == (True, "verified")
    lost = lose(kept)
    shutil.rmtree(lost.copies)
    with pytest.raises(WrongIdentity):
        lost.run(Recover(), from_=place_url, identity=wrong)
    assert lost.is_empty()
    lost.run(Recover(), from_=place_url, identity=identity)
    assert lost.differences() == {}
    assert not (kept.config.state / "recovery" / "fetched").exists()


def test_a_machine_without_a_config_gets_that_of_the_backups(
    make_keeper: Callable[..., Any], tmp_path: Path
) -> None:
    """Code from git, a folder of copies, one command: the config is written beside manage.py, all is back."""
    kept = make_keeper(orders=2, copied=True)
    kept.run(BackupDatabase(), verify=True)
    kept.run(BackupMedia())
    before = rows_in(kept.shop), files_in(kept.media)
    copies = tmp_path / "copies"
    shutil.move(kept.config.backups.path, copies)
    shutil.rmtree(kept.media)
    for path in kept.shop.data.glob("db.sqlite3*"):
        path.unlink()
    (kept.config.state / "storekeeper.yml").unlink()
    command = [sys.executable, "-m", "storekeeper", "recover", f"--from={copies}"]
    looked = subprocess.run([*command, "--dry-run"], cwd=kept.shop.project, capture_output=True, text=True)
    assert "would bring back 2 backups" in looked.stdout, looked.stderr
    assert not (kept.shop.project / "storekeeper.yml").exists()
    done = subprocess.run(command, cwd=kept.shop.project, capture_output=True, text=True)
    assert " is back: " in done.stdout, done.stderr
    assert (rows_in(kept.shop), files_in(kept.media)) == before
    assert f"project: {kept.shop.project}" in (kept.shop.project / "storekeeper.yml").read_text()
    again = subprocess.run(command, cwd=kept.shop.project, capture_output=True, text=True)
    assert (again.returncode, "nothing was restored" in again.stderr) == (1, True)
