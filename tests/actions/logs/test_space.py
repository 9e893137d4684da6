"""Log rotation on a disk with little or no room: it makes room piece by piece, or changes nothing."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.logs.folder import LogFolder
from actions.rotate_logs import RotateLogs
from storekeeper.errors import NotEnoughSpace

LINES = [f"line {number:06d} {os.urandom(30).hex()}" for number in range(10_000)]
WRITTEN = "".join(f"2025-11-30 10:00:00 {line}\n" for line in LINES).encode()


def little_room(folder: LogFolder, archive: str) -> int:
    """Answer that 100 KB fit beside what the archive holds."""
    return 100_000


def no_room(folder: LogFolder, archive: str) -> int:
    """Answer that less than a block fits."""
    return 1000


def test_a_log_in_use_is_cut_in_pieces_that_fit(make_logs: Callable[..., Any]) -> None:
    """With room for a tenth of the log only, ten pieces go one after the other into one archive."""
    keeper = make_logs()
    path = keeper.write("django.log", *LINES)
    packed = []
    with path.open("ab"):
        keeper.run(RotateLogs(room=little_room, stage=packed.append))
    assert len(WRITTEN) // 98_304 + 1 == packed.count("cut")
    assert path.stat().st_size < 64 + 4096
    assert WRITTEN == keeper.everything("django")


def test_without_room_for_a_block_nothing_changes(make_logs: Callable[..., Any]) -> None:
    """The error says how much is needed, and the log is as it was."""
    keeper = make_logs()
    path = keeper.write("django.log", *LINES)
    with pytest.raises(NotEnoughSpace, match=r"django\.log: its archive may need"):
        keeper.run(RotateLogs(room=no_room))
    assert WRITTEN == path.read_bytes()
    assert ["django.log"] == keeper.names()


def test_a_log_without_room_does_not_hold_up_a_small_one(make_logs: Callable[..., Any]) -> None:
    """The small log is archived, old archives go, and then the error of the large one is raised."""
    keeper = make_logs({"big.log": "RotatingFileHandler"})
    keeper.write("big.log.1", *LINES)
    keeper.write("small.log", "one")
    keeper.make_archive("small_2025_01.log.gz", day="2025-02-01")
    with pytest.raises(NotEnoughSpace, match=r"archived 1 logs .* and removed 1 old archives .* 1 failed"):
        keeper.run(RotateLogs(room=little_room, patience_seconds=0))
    assert ["big.log.1.rotating", "small.log", "small_2025_11.log.gz"] == keeper.names()
    assert WRITTEN == (keeper.folder / "big.log.1.rotating").read_bytes()


def test_a_disk_that_fills_up_meanwhile_costs_no_line(
    tmp_path: Path, make_logs: Callable[..., Any], on_small_disk: Callable[..., None]
) -> None:
    """The promised room is not there (a real disk of one megabyte): the log stays, no rest is left."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def rotate() -> None:
        keeper = make_logs(folder=disk)
        path = keeper.write("django.log", *LINES[:9500])
        written = path.read_bytes()
        with pytest.raises(NotEnoughSpace, match="may need"):
            keeper.run(RotateLogs(room=lambda folder, archive: 1 << 30))
        assert written == path.read_bytes()
        assert ["django.log"] == keeper.names()

    on_small_disk(disk, size_bytes=1 << 20, then=rotate)


def test_a_disk_that_is_too_full_is_noticed_before_anything_is_written(
    tmp_path: Path, make_logs: Callable[..., Any], on_small_disk: Callable[..., None]
) -> None:
    """The look at the disk itself says that the archive does not fit."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def rotate() -> None:
        keeper = make_logs(folder=disk)
        path = keeper.write("django.log", *LINES[:9500])
        stages: list[str] = []
        with pytest.raises(NotEnoughSpace):
            keeper.run(RotateLogs(stage=stages.append))
        assert [] == stages
        assert LINES[9499] in path.read_text()

    on_small_disk(disk, size_bytes=1 << 20, then=rotate)
