"""Filesystems, against ``df``."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exporter.collectors.disks import measure_disk, mountpoints_of
from exporter.measuring import Measuring
from storekeeper.config import Config


def test_figures_are_those_of_df(tmp_path: Path) -> None:
    """Size, inodes and the sum of used and available are df's, whatever else writes meanwhile."""
    [mountpoint] = mountpoints_of([tmp_path])
    disk = measure_disk(mountpoint)
    output = subprocess.run(
        ["df", "--block-size=1", "--output=target,size,used,avail,itotal", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    target, size, used, available, inodes = output.splitlines()[1].split()
    assert (target, int(size), int(inodes)) == (disk.mountpoint, disk.size_bytes, disk.files)
    # Reserved blocks are in neither: what is left out stays the same while others write.
    assert int(size) - int(used) - int(available) == (
        disk.size_bytes - disk.used_bytes - disk.available_bytes
    )
    assert abs(int(used) - disk.used_bytes) < 500_000_000


def test_path_that_is_not_there_counts_with_its_folder(tmp_path: Path) -> None:
    """A backup folder that is made later lies on the disk of its parent; each disk is given once."""
    assert mountpoints_of([tmp_path]) == mountpoints_of([tmp_path / "a" / "b", tmp_path, tmp_path / "ក"])


def test_link_leads_to_the_disk_it_points_to(tmp_path: Path) -> None:
    """A media folder that is a symbolic link lies where it points to."""
    (tmp_path / "media").symlink_to("/proc")
    assert (Path("/proc"),) == mountpoints_of([tmp_path / "media"])


def test_broken_shop_keeps_no_disk_from_the_page(
    parse: Callable[[str], Config],
    measure: Callable[..., Measuring],
    values_of: Callable[[Measuring], dict[Any, float]],
) -> None:
    """The disks of project and areas are watched when no database address is known."""
    values = values_of(measure(parse("databases: {default: {django: default}}")))
    assert any(name == "storekeeper_disk_size_bytes" for name, _ in values)
    assert 1 == values["storekeeper_collector_success", (("collector", "disks"),)]
