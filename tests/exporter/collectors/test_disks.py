"""Filesystems, against ``df``."""

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exporter.collectors.disks import DisksCollector
from exporter.measuring import Measuring
from storekeeper.config import Config
from storekeeper.measure.disks import DiskUsage, KnownDisks, disk_of, each_once, measure_disk, mountpoint_of


def test_figures_are_those_of_df(tmp_path: Path) -> None:
    """Size, inodes and the sum of used and available are df's, whatever else writes meanwhile."""
    disk = measure_disk(mountpoint_of(tmp_path))
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
    paths = [tmp_path / "a" / "b", tmp_path, tmp_path / "ក"]
    assert [mountpoint_of(tmp_path)] * 3 == [mountpoint_of(path) for path in paths]
    assert 1 == len(each_once(disk_of(path) for path in paths))


def test_link_leads_to_the_disk_it_points_to(tmp_path: Path) -> None:
    """A media folder that is a symbolic link lies where it points to."""
    (tmp_path / "media").symlink_to("/proc")
    assert Path("/proc") == mountpoint_of(tmp_path / "media")


def test_disk_that_hangs_hides_no_other(
    parse: Callable[[str], Config], measure: Callable[..., Measuring], tmp_path: Path
) -> None:
    """A network disk that is away is told as a problem; the local one is shown, and asked on."""
    go_on = threading.Event()
    asked = []
    config = parse(f"disks: [{tmp_path}, /away]")

    def look(path: Path) -> tuple[int, DiskUsage]:
        asked.append(path)
        if path == Path("/away"):
            go_on.wait(20)
        return disk_of(path)

    collector = DisksCollector(measure(config).sources, measure=look, patience_seconds=0.3)
    for _ in range(2):
        collected = collector.collect()
        [sample] = collected.families[0].samples
        assert str(mountpoint_of(tmp_path)) == sample.labels["mountpoint"]
        [problem] = collected.problems
        assert "the disk of /away: no answer within" in problem
    go_on.set()
    assert [1, 2] == sorted(asked.count(path) for path in (Path("/away"), tmp_path))


def test_broken_shop_keeps_no_disk_from_the_page(
    parse: Callable[[str], Config],
    measure: Callable[..., Measuring],
    values_of: Callable[[Measuring], dict[Any, float]],
) -> None:
    """The disks of project and areas are watched when no database address is known."""
    values = values_of(measure(parse("host: web1.example.org\ndatabases: {default: {django: default}}")))
    sizes = [dict(labels) for name, labels in values if name == "storekeeper_disk_size_bytes"]
    assert sizes
    assert {labels["host"] for labels in sizes} == {"web1.example.org"}
    assert 1 == values["storekeeper_collector_success", (("collector", "disks"),)]


def test_what_is_mounted_and_unmounted_is_noticed(tmp_path: Path) -> None:
    """A place that is remembered is looked up again when another filesystem lies there, or none any more."""
    disks = KnownDisks()
    folder = tmp_path / "media"
    photos = folder / "photos"
    missing_yet = disks(photos)[1].mountpoint
    photos.mkdir(parents=True)
    before = disks(photos)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)
    try:
        over = disks(photos)
        photos.mkdir()
        inside = disks(photos)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
    after = disks(photos)
    assert [disk_of(tmp_path)[0]] * 2 == [before[0], after[0]]
    assert [missing_yet, str(folder), str(folder), missing_yet] == [
        disk.mountpoint for _, disk in (before, over, inside, after)
    ]
    assert 1_048_576 == inside[1].size_bytes
