"""restore_backup of files: whole and as they were, into an empty folder, never out of it, never half."""

import datetime as dt
import gzip
import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from actions.action import Context, Outcome
from actions.backups.manifest import write_manifest
from actions.backups.media_archive import write_media_backup
from actions.backups.sum_lines import sum_line
from actions.restore_backup import RestoreBackup
from storekeeper.backups import Manifest, read_manifest
from storekeeper.config import parse_config
from storekeeper.errors import BackupRefused, NotEnoughSpace
from storekeeper.shop import Shop

ACTION = RestoreBackup()
MOMENT = dt.datetime(2026, 3, 1, 4, 0, tzinfo=dt.UTC)


class Machine:
    """An area of files with a backup of it, and a folder that it comes back to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = folder / "old" / "media"
        self.media = folder / "shop" / "media"
        self.media.parent.mkdir()
        self.context = self.context_of()

    def context_of(self) -> Context:
        text = f"shop: test\nproject: {self.folder}/shop\nareas: {{media: {{path: media}}}}\n"
        text += f"state: {self.folder}/state\n"
        config = parse_config(text, name="test", folder=self.folder, environment={})
        return Context(config=config, shop=Shop.of(config), now=lambda: MOMENT, report=lambda report: None)

    def write(self, name: str, content: bytes = b"image", *, mode: int = 0o640) -> None:
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)
        os.utime(path, ns=(0, 1_700_000_000_123_456_789))

    def backup(self) -> Path:
        path = self.folder / "backups" / "media_backup_20260301_040000.tar.gz"
        path.parent.mkdir(exist_ok=True)
        draft = Manifest(
            file=path.name, kind="media", area="media", created=MOMENT, format="tar", sha256="", size_bytes=0
        )
        write_media_backup(self.source, context=self.context, path=path, draft=draft, expected_files=1)
        return path

    def restore(self, path: Path, **options: Any) -> Outcome:
        checked = ACTION.Options(file=path, **options)
        return ACTION.perform(self.context, checked, ACTION.plan(self.context, checked))  # type: ignore[arg-type]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with three files, one of them of a name that is no UTF-8."""
    made = Machine(tmp_path)
    made.write("a.jpg", b"a" * 3_000_000)
    made.write("products/b.jpg", b"b", mode=0o604)
    made.write(os.fsdecode(b"products/\xff deep/c.jpg"), b"")
    (made.source / "products").chmod(0o2750)
    return made


def contents(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Return each file with its bytes, rights and time, each folder with its rights."""
    found = {}
    for above, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = Path(above, name)
            status = path.lstat()
            data = path.read_bytes() if name in names else b""
            found[os.path.relpath(path, folder)] = data, status.st_mode, status.st_mtime_ns
    return found


def archive(machine: Machine, *added: tuple[tarfile.TarInfo, bytes]) -> Path:
    """Return a backup whose manifest and sums agree with an archive of these members, whoever made it."""
    path = machine.folder / "backups" / "media_backup_20260301_050000.tar.gz"
    path.parent.mkdir(exist_ok=True)
    plain = io.BytesIO()
    lines = b""
    root = tarfile.TarInfo("media")
    root.type, root.mode = tarfile.DIRTYPE, 0o755
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(root)
        for info, data in added:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
            if info.isreg():
                lines += sum_line(info.name, hashlib.sha256(data).hexdigest())
    packed = gzip.compress(plain.getvalue())
    path.write_bytes(packed)
    sums = path.with_name(path.name + ".sha256.gz")
    sums.write_bytes(gzip.compress(lines))
    manifest = Manifest(
        file=path.name,
        kind="media",
        area="media",
        created=MOMENT,
        format="tar",
        sha256=hashlib.sha256(packed).hexdigest(),
        size_bytes=len(packed),
        content_sha256=hashlib.sha256(plain.getvalue()).hexdigest(),
        content_bytes=len(plain.getvalue()),
        files=sum(info.isreg() for info, _ in added),
        folders=1 + sum(info.isdir() for info, _ in added),
        sums_file=sums.name,
        verified=MOMENT,
    )
    write_manifest(path, manifest)
    return path


@pytest.mark.parametrize("there", [False, True], ids=["missing", "empty"])
def test_files_come_back_as_they_were(machine: Machine, there: bool) -> None:
    """Names, bytes, rights and times of files and folders are those of the backup; nothing else is left."""
    if there:
        machine.media.mkdir()
    outcome = machine.restore(machine.backup())
    assert contents(machine.media) == contents(machine.source)
    assert machine.media.stat().st_mode == machine.source.stat().st_mode
    assert outcome.changed == 3
    assert [path.name for path in machine.media.parent.iterdir()] == ["media"]


def test_a_folder_with_files_is_refused_and_named(machine: Machine) -> None:
    """Without replace nothing is written beside it, and the message says where what lies."""
    machine.media.mkdir()
    (machine.media / "mine.txt").write_text("mine")
    path = machine.backup()
    with pytest.raises(BackupRefused, match=r"shop/media\) holds 1 files in mine.txt"):
        machine.restore(path)
    assert contents(machine.media).keys() == {"mine.txt"}
    assert [path.name for path in machine.media.parent.iterdir()] == ["media"]


def test_replace_sets_aside_what_is_there(machine: Machine) -> None:
    """The old folder is kept under the name that is told, the new one has the backup's files alone."""
    machine.media.mkdir()
    (machine.media / "mine.txt").write_text("mine")
    outcome = machine.restore(machine.backup(), replace=True)
    aside = machine.media.with_name("media.replaced_20260301_040000")
    assert (aside / "mine.txt").read_text() == "mine"
    assert str(aside) in outcome.summary
    assert contents(machine.media) == contents(machine.source)


def test_a_folder_that_may_not_be_renamed_is_filled_from_inside(machine: Machine) -> None:
    """Where folders of storekeeper lie in it, they stay, and the entries are set aside one by one."""
    quarantined = machine.media / ".storekeeper-quarantine" / "file"
    quarantined.parent.mkdir(parents=True)
    quarantined.write_text("quarantined")
    (machine.media / "mine.txt").write_text("mine")
    machine.restore(machine.backup(), replace=True)
    assert quarantined.read_text() == "quarantined"
    assert (machine.media / ".storekeeper-replaced_20260301_040000" / "mine.txt").read_text() == "mine"
    found = {name: told for name, told in contents(machine.media).items() if not name.startswith(".")}
    assert found == contents(machine.source)


def test_what_a_killed_run_had_begun_to_publish_inside_is_finished(machine: Machine) -> None:
    """A file that has its place already is no stranger there, and the rest follows."""
    (machine.media / ".storekeeper-quarantine").mkdir(parents=True)
    path = machine.backup()
    manifest = read_manifest(path)
    assert manifest is not None
    whole = machine.media / f".storekeeper-restored-{manifest.sha256[:12]}"
    os.rename(machine.source, whole)
    (whole / "a.jpg").rename(machine.media / "a.jpg")
    machine.restore(path)
    assert {name for name in contents(machine.media) if not name.startswith(".")} == {
        "a.jpg",
        "products",
        "products/b.jpg",
        os.fsdecode(b"products/\xff deep"),
        os.fsdecode(b"products/\xff deep/c.jpg"),
    }


def test_a_link_to_the_folder_is_kept(machine: Machine) -> None:
    """The area may be a link of the operator's: what it leads to is filled, and it stays a link."""
    real = machine.folder / "disk" / "uploads"
    real.mkdir(parents=True)
    machine.media.symlink_to(real)
    machine.restore(machine.backup())
    assert machine.media.is_symlink()
    assert contents(real) == contents(machine.source)


def _info(name: str, *, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    "member",
    [
        _info("media/../../evil"),
        _info("../evil"),
        _info("media/./evil"),
        _info("media//tmp/evil"),
        _info("media/missing/evil"),
        _info("media/evil", kind=tarfile.SYMTYPE, link="/etc"),
        _info("media/evil", kind=tarfile.LNKTYPE, link="media/good"),
        _info("media/evil", kind=tarfile.CHRTYPE),
        _info("media/evil", kind=tarfile.FIFOTYPE),
        _info("media/good"),
    ],
    ids=["climbs", "outside", "dot", "absolute", "no folder", "link", "hard link", "device", "pipe", "twice"],
)
def test_members_that_lead_elsewhere_are_refused_and_named(machine: Machine, member: tarfile.TarInfo) -> None:
    """Even where manifest and sums agree with it, nothing of such an archive appears anywhere."""
    before = contents(machine.folder)
    path = archive(machine, (_info("media/good"), b"good"), (member, b""))
    with pytest.raises(BackupRefused, match=member.name.rpartition("/")[2]):
        machine.restore(path)
    after = {name for name in contents(machine.folder) if not name.startswith("backups")}
    assert after == set(before) - {"backups"}


def test_a_file_with_another_sum_is_refused(machine: Machine) -> None:
    """The list of sums beside the archive decides about each file, and a cut one is no list."""
    path = archive(machine, (_info("media/good"), b"good"))
    sums = path.with_name(path.name + ".sha256.gz")
    for lines in (sum_line("media/good", "0" * 64), b"", sum_line("media/good", "0" * 64) * 2):
        sums.write_bytes(gzip.compress(lines))
        with pytest.raises(BackupRefused, match="another sum"):
            machine.restore(path)
    sums.write_bytes(gzip.compress(sum_line("media/good", hashlib.sha256(b"good").hexdigest()) * 2))
    with pytest.raises(BackupRefused, match="does not hold what was written"):
        machine.restore(path)
    assert not machine.media.exists()


@pytest.mark.parametrize("how", ["cut", "flipped"])
def test_a_damaged_archive_is_refused(machine: Machine, how: str) -> None:
    """A byte less, or one bit that is another, and no file is written."""
    path = machine.backup()
    data = bytearray(path.read_bytes())
    if how == "cut":
        del data[-1:]
    else:
        data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BackupRefused, match=r"has \d+ bytes|another checksum"):
        machine.restore(path)
    assert not machine.media.exists()


def test_files_that_come_meanwhile_are_not_replaced(machine: Machine) -> None:
    """A folder that was empty when it was looked at, and has files at the end, keeps them."""
    path = machine.backup()
    options = ACTION.Options(file=path)
    plan = ACTION.plan(machine.context, options)  # type: ignore[arg-type]
    machine.media.mkdir()
    (machine.media / "mine.txt").write_text("mine")
    with pytest.raises(BackupRefused, match=r"meanwhile: mine\.txt"):
        ACTION.perform(machine.context, options, plan)  # type: ignore[arg-type]
    assert contents(machine.media).keys() == {"mine.txt"}


def test_room_is_asked_for_before_anything_is_written(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk without room for the bytes, or for as many files, gets nothing."""
    path = machine.backup()

    class Few:
        f_files, f_favail = 1000, 2

    with monkeypatch.context() as patch:
        patch.setattr("storekeeper.files.space.free_bytes", lambda path: 10**12)
        patch.setattr(os, "statvfs", lambda path: Few())
        with pytest.raises(NotEnoughSpace, match="takes 2 more"):
            machine.restore(path)
    monkeypatch.setattr("storekeeper.files.space.free_bytes", lambda path: 1000)
    with pytest.raises(NotEnoughSpace, match=r"1.0 KB are free"):
        machine.restore(path)
    assert not machine.media.exists()


_RESTORE = """
import sys
from pathlib import Path
from tests.actions.backups.test_restore_media import Machine
folder = Path(sys.argv[1])
machine = Machine.__new__(Machine)
machine.folder = folder
machine.context = machine.context_of()
print("begins", flush=True)
machine.restore(folder / "backups" / "media_backup_20260301_040000.tar.gz")
"""


@contextmanager
def _restoring(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    root = Path(__file__).resolve().parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", _RESTORE, folder], cwd=root, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        yield process


def test_a_killed_restore_leaves_nothing_half_and_goes_on_the_next_time(
    machine: Machine, thorough: bool
) -> None:
    """Whenever it is killed, the folder is missing or whole, and the next run brings all files."""
    for number in range(200):
        machine.write(f"many/{number}.jpg", b"x" * 50_000)
    path = machine.backup()
    expected = contents(machine.source)
    for round_number in range(40 if thorough else 4):
        with _restoring(machine.folder) as process:
            time.sleep(0.02 + round_number * 0.03)
            process.send_signal(signal.SIGKILL)
        assert not machine.media.exists() or contents(machine.media) == expected
        if machine.media.exists():
            break
    if not machine.media.exists():
        machine.restore(path)
    assert contents(machine.media) == expected
    assert [one.name for one in machine.media.parent.iterdir()] == ["media"]
