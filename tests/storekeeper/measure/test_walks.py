"""What one walk remembers, for how long, and over a restart."""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from storekeeper.config import Config
from storekeeper.measure.areas import area_walks
from storekeeper.measure.scanner import ScanRequest
from storekeeper.measure.scanner.scanning import FILES_WORTH_HELP
from storekeeper.measure.walks import AreaWalk

LATER = 3600.0
DAY = 86_400.0


class Clock:
    """The time, as far ahead as a test wants it."""

    def __init__(self, ahead_seconds: float = LATER) -> None:
        self.ahead_seconds = ahead_seconds

    def __call__(self) -> float:
        """Give seconds since 1970."""
        return time.time() + self.ahead_seconds


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A folder with one old file."""
    folder = tmp_path / "media"
    folder.mkdir()
    (folder / "film.mp4").write_bytes(b"x" * 100)
    os.utime(folder / "film.mp4", (1_000_000, 1_000_000))
    return folder


def walk_of(media: Path, *, clock: Clock, state_file: Path | None = None) -> AreaWalk:
    """Give a walk that reads everything once a day."""
    return AreaWalk(
        ScanRequest(root=media, names=True), full_every_seconds=DAY, state_file=state_file, clock=clock
    )


def grow(media: Path) -> None:
    """Let the old file grow in place, with its old time: its folder shows nothing of it."""
    with (media / "film.mp4").open("ab") as file:
        file.write(b"y" * 50)
    os.utime(media / "film.mp4", (1_000_000, 1_000_000))


def size(walk: AreaWalk) -> int:
    """Return the bytes that a walk finds."""
    usage = walk()
    assert usage is not None
    return usage.size_bytes


def test_growth_in_place_is_seen_when_the_next_full_walk_is_due(media: Path) -> None:
    """Until then the folder is not read again, since nothing shows in it."""
    clock = Clock()
    walk = walk_of(media, clock=clock)
    before = size(walk)
    grow(media)
    clock.ahead_seconds += DAY - 60
    at_rest = size(walk)
    clock.ahead_seconds += 120
    assert [100, 100, 150] == [before, at_rest, size(walk)]


def test_a_clock_that_is_set_back_puts_no_full_walk_off(media: Path) -> None:
    """A walk of the far future is not waited for."""
    clock = Clock(ahead_seconds=400 * DAY)
    walk = walk_of(media, clock=clock)
    walk()
    grow(media)
    clock.ahead_seconds = LATER
    assert 150 == size(walk)


def test_what_is_known_survives_a_restart(media: Path, tmp_path: Path) -> None:
    """After a restart no folder that rests is read, and the full walk is due when it was due before."""
    clock, state_file = Clock(), tmp_path / "state" / "media.tree"
    walk_of(media, clock=clock, state_file=state_file)()
    grow(media)
    usage = walk_of(media, clock=clock, state_file=state_file)()
    assert usage is not None
    assert (0, 1) == (usage.directories_read, usage.files)
    clock.ahead_seconds += DAY
    assert 150 == size(walk_of(media, clock=clock, state_file=state_file))
    assert 0o600 == state_file.stat().st_mode & 0o777


def test_a_state_that_cannot_be_written_stops_no_walk(media: Path, tmp_path: Path) -> None:
    """The figures come all the same; the next start walks through everything."""
    (tmp_path / "state").write_text("a file is in the way of the folder")
    walk = walk_of(media, clock=Clock(), state_file=tmp_path / "state" / "media.tree")
    assert [100, 100] == [size(walk), size(walk)]


def test_a_fresh_walk_is_shared(media: Path) -> None:
    """Who asks for it just after a walk gets that one; one who walks gets a new one."""
    walk = walk_of(media, clock=Clock())
    first = walk()
    assert first is walk.fresh()
    assert first is not walk()


def test_a_folder_that_goes_and_comes_back_is_walked_anew(media: Path) -> None:
    """Without its folder an area has no usage, and nothing that was known of it counts later."""
    walk = walk_of(media, clock=Clock())
    walk()
    media.rename(media.with_name("away"))
    assert walk() is None
    media.with_name("away").rename(media)
    grow(media)
    assert 150 == size(walk)


@pytest.fixture(scope="module")
def large_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many files that helpers are worth their start."""
    folder = tmp_path_factory.mktemp("large")
    for number in range(100):
        below = folder / f"{number}"
        below.mkdir()
        for name in range(FILES_WORTH_HELP // 80):
            os.close(os.open(below / f"{name}", os.O_CREAT | os.O_WRONLY, 0o600))
    return folder


@pytest.mark.parametrize(
    ("settings", "helped"),
    [
        ("{}", True),
        ("{helpers: false}", False),
        ("{entries_per_second: 10000000}", False),
        ("{share_of_time: 1}", False),
    ],
)
def test_a_large_folder_is_read_by_helpers_unless_told_otherwise(
    large_folder: Path, parse: Callable[[str], Config], settings: str, *, helped: bool
) -> None:
    """A limit on what a walk may take, or the word of the operator, keeps it in one process."""
    config = parse(
        f"areas: {{media: {{path: {large_folder}, limit: 1GB}}}}\nexporter: {{walk: {settings}}}\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
    usage = area_walks(config)["media"]()
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
    assert usage is not None
    # Processes that have ended; each had memory of its own.
    assert (FILES_WORTH_HELP // 80 * 100, helped) == (usage.files, after > before)
