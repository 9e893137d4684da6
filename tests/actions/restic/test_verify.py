"""verify_backup with restic: restic's own check, a few files each day, and what its findings undo."""

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from actions.backup_media import BackupMedia
from actions.backups.manifest import require_manifest
from actions.backups.restic.check import part_of_day
from actions.verify_backup import VerifyBackup
from storekeeper.backups import MEDIA, Backup, find_backups
from storekeeper.errors import AlreadyRunning, BackupRefused, StorekeeperError
from tests.actions.restic.conftest import Restic


def records(restic: Restic) -> list[Backup]:
    return find_backups(restic.keeper.config.backups.path, kind=MEDIA)


def largest_pack(restic: Restic) -> Path:
    return max((restic.path / "data").rglob("*"), key=lambda path: path.stat().st_size * path.is_file())


def flip(path: Path) -> None:
    """Change one bit of a file."""
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_verified_snapshot_stays_so(restic: Restic) -> None:
    """Restic's check passes and the sample is as it was: nothing changes."""
    restic.keeper.run(BackupMedia())
    _, outcome = restic.keeper.run(VerifyBackup())
    assert outcome.summary == "1 verified before are as they were"
    assert records(restic)[0].verified
    assert any("restic checks" in report.note for report in restic.keeper.reports)


def test_flipped_bit_in_a_pack_undoes_every_snapshot_of_the_repository(
    make_restic: Callable[..., Restic],
) -> None:
    """A pack that is read that day and is damaged makes each record fail; none counts any more."""
    restic = make_restic("check: 1d")
    restic.keeper.write("large.bin", os.urandom(300_000))
    restic.keeper.run(BackupMedia())
    restic.keeper.run(BackupMedia())
    flip(largest_pack(restic))
    with pytest.raises(BackupRefused, match="did not pass"):
        restic.keeper.run(VerifyBackup())
    assert [one.verified for one in records(restic)] == [False, False]
    assert "restic check found damage" in records(restic)[1].problem


def test_check_that_passes_again_gives_them_back(make_restic: Callable[..., Restic]) -> None:
    """What a check has said of all snapshots is taken back by the next one that passes."""
    restic = make_restic("check: 1d")
    restic.keeper.write("large.bin", os.urandom(300_000))
    restic.keeper.run(BackupMedia())
    restic.keeper.run(BackupMedia())
    pack = largest_pack(restic)
    flip(pack)
    with pytest.raises(BackupRefused):
        restic.keeper.run(VerifyBackup())
    flip(pack)
    restic.keeper.run(VerifyBackup())
    assert [one.verified for one in records(restic)] == [True, True]


def test_snapshot_that_is_gone_fails_and_stays_so(restic: Restic) -> None:
    """A record whose snapshot somebody has removed counts no more; the others do."""
    restic.keeper.run(BackupMedia())
    restic.keeper.write("new.bin")
    restic.keeper.run(BackupMedia())
    restic("forget", restic.ids()[0])
    with pytest.raises(BackupRefused, match="is not in the repository"):
        restic.keeper.run(VerifyBackup())
    assert [one.verified for one in records(restic)] == [True, False]


def test_sample_with_other_bytes_undoes_the_snapshot(restic: Restic) -> None:
    """A restored file whose sum is another than the list beside the record says makes it fail."""
    restic.keeper.run(BackupMedia())
    restic.keeper.write("only.bin", b"one")
    (record, *_), keep = records(restic), restic.keeper
    for name in ("b.bin", "c.bin"):
        keep.write(name, name.encode())
    _, outcome = keep.run(BackupMedia())
    (newest,) = outcome.created
    sums = newest.with_name(require_manifest(newest).sums_file)
    another = record.path.with_name(record.manifest.sums_file)
    assert sums != another
    rewrite(sums)
    with pytest.raises(BackupRefused, match="has another sum"):
        keep.run(VerifyBackup())
    assert [one.verified for one in records(restic)] == [False, True]


def rewrite(sums: Path) -> None:
    """Give each file in a list of sums another one."""
    import gzip

    lines = gzip.decompress(sums.read_bytes()).splitlines()
    changed = b"".join(b"0" * 64 + line[64:] + b"\n" for line in lines)
    sums.write_bytes(gzip.compress(changed))


def test_named_snapshot_is_read_from_end_to_end(restic: Restic) -> None:
    """A record that is named is compared file by file, also one without sums of its own."""
    _, outcome = restic.keeper.run(BackupMedia())
    _, verified = restic.keeper.run(VerifyBackup(), file=outcome.created[0])
    assert verified.summary == f"verified {outcome.created[0].name}"
    assert "with the sums of the shop's own" in require_manifest(outcome.created[0]).verified_by


def test_snapshot_of_a_killed_run_is_verified_by_the_files_that_are_as_they_were(restic: Restic) -> None:
    """Its record has no sums: those of the shop's unchanged files are compared, and a wrong one is seen."""
    restic.keeper.now = lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(seconds=5)
    restic.keeper.run(BackupMedia())
    for path in restic.keeper.config.backups.path.glob("media_backup_*"):
        path.unlink()
    _, outcome = restic.keeper.run(VerifyBackup())
    assert "had no record, and have one now" in outcome.summary
    restic.keeper.run(VerifyBackup())
    (record,) = records(restic)
    assert record.verified
    assert " 0 with the sums" not in record.manifest.verified_by


def test_repository_in_use_is_no_verdict(restic: Restic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another restic holds the repository nothing is noted; the error says who."""
    restic.keeper.run(BackupMedia())
    monkeypatch.setattr("actions.backups.restic.repository._PATIENCE_SECONDS", 0.0)
    with restic.held(), pytest.raises(AlreadyRunning, match="in use"):
        restic.keeper.run(VerifyBackup())
    assert records(restic)[0].verified


def test_missing_repository_is_no_verdict_on_its_data(restic: Restic) -> None:
    """A disk that is not mounted makes the records fail for now; when it is back they count again."""
    restic.keeper.run(BackupMedia())
    away = restic.path.with_name("away")
    restic.path.rename(away)
    assert "cannot be read" in records(restic)[0].problem
    with pytest.raises(StorekeeperError):
        restic.keeper.run(VerifyBackup())
    away.rename(restic.path)
    restic.keeper.run(VerifyBackup())
    assert records(restic)[0].verified


def test_all_parts_are_read_in_turn() -> None:
    """Within so many days each part has its day."""
    parts = {part_of_day(day, parts=30) for day in range(739_000, 739_030)}
    assert parts == {f"{number}/30" for number in range(1, 31)}


# Restic looks half a minute long for a pack that is gone.
@pytest.mark.parametrize("harm", ["flip", pytest.param("remove", marks=pytest.mark.thorough)])
def test_damaged_pack_is_found_by_reading_one_snapshot(restic: Restic, harm: str) -> None:
    """A snapshot that is named is read whole: what restic cannot give is damage, not a trial that failed."""
    restic.keeper.write("large.bin", os.urandom(300_000))
    _, outcome = restic.keeper.run(BackupMedia())
    pack = largest_pack(restic)
    flip(pack) if harm == "flip" else pack.unlink()
    with pytest.raises(BackupRefused, match="1 of 1 backups did not pass"):
        restic.keeper.run(VerifyBackup(), file=outcome.created[0])
    assert not records(restic)[0].verified


def test_killed_restic_is_no_verdict(restic: Restic, with_restic: Callable[[str], None]) -> None:
    """A restic that ends in the middle of a file proves nothing: the error says so, and nothing is noted."""
    restic.keeper.write("large.bin", os.urandom(3_000_000))
    _, outcome = restic.keeper.run(BackupMedia())
    with_restic("""[ "$1" = dump ] || exec $real "$@"
                   $real "$@" | head -c 1000000
                   kill -9 $$""")
    with pytest.raises(BackupRefused, match="was killed by signal 9"):
        restic.keeper.run(VerifyBackup(), file=outcome.created[0])
    assert records(restic)[0].verified
