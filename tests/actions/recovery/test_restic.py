"""Files that restic keeps come back as those of an archive do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.backup_media import BackupMedia
from actions.drill import Drill, DrillNotPassed
from actions.recover import Recover
from actions.restore_backup import RestoreBackup
from storekeeper.config.media import Media
from storekeeper.errors import StorekeeperError
from tests.actions.recovery.conftest import files_in


@pytest.fixture
def snapshot(backed_up: Callable[..., Any], tmp_path: Path) -> Any:
    """A shop whose files are in a repository of restic, and in no archive."""
    kept = backed_up()
    for path in kept.config.backups.path.glob("media_*"):
        path.unlink()
    password = tmp_path / "password"
    password.write_text("a password")
    media = Media(engine="restic", repository=str(tmp_path / "repository"), password_file=password)
    backups = kept.config.backups.model_copy(update={"media": media})
    kept.config = kept.config.model_copy(update={"backups": backups})
    kept.run(BackupMedia())
    return kept


def test_a_snapshot_is_rehearsed_and_comes_back(
    snapshot: Any, lose: Callable[..., Any], tmp_path: Path
) -> None:
    """A drill restores it, and so does a recovery, with every byte."""
    assert snapshot.run(Drill())[1].details["verdict"] == "verified"
    lost = lose(snapshot)
    lost.run(Recover(), from_=str(lost.copies))
    assert lost.differences() == {}
    assert (lost.keeper.media.stat().st_mode & 0o777) == 0o755


def test_a_flipped_bit_in_a_pack_is_refused(snapshot: Any, tmp_path: Path) -> None:
    """Nothing half restored has a final name, and a drill fails."""
    before = files_in(snapshot.media)
    pack = max((tmp_path / "repository" / "data").rglob("*"), key=lambda path: path.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[len(data) // 3] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(data)
    record = next(snapshot.config.backups.path.glob("media_*.restic"))
    with pytest.raises(StorekeeperError):
        snapshot.run(RestoreBackup(), file=record, replace=True)
    assert files_in(snapshot.media) == before
    with pytest.raises(DrillNotPassed) as caught:
        snapshot.run(Drill())
    assert caught.value.record["verdict"] != "verified"
