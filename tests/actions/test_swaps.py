"""
Every action that deletes, moves or rewrites, while its files and folders are swapped for links outside.

Whatever the moment, nothing outside is touched (``tests/swapping.py`` looks) and no file that a row names is
lost. The swaps come right before chosen calls, or from a process beside. ``make thorough`` has many more.
"""

import datetime as dt
import gzip
import io
import itertools
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from actions.backups.manifest import write_manifest
from actions.cleanup_expired_qr_codes import CleanupExpiredQrCodes
from actions.cleanup_orphaned_media import CleanupOrphanedMedia
from actions.images.journal import ImageJournal
from actions.logs.member import Mark, MemberWriter
from actions.optimize_images import OptimizeImages
from actions.prune_backups import PruneBackups
from actions.rotate_logs import RotateLogs
from storekeeper import processes
from storekeeper.backups import Manifest
from storekeeper.config.model import Area
from storekeeper.errors import StorekeeperError
from storekeeper.shop import ShopDescription
from tests.swapping import Swaps, picture_of, swapping, swapping_at_calls

DAY = dt.timedelta(days=1)
EMPTY = gzip.compress(b"")


class KnownShop:
    """A shop that was asked once; it gives the same description again, without an interpreter."""

    def __init__(self, description: ShopDescription) -> None:
        self.description = description

    def describe(self) -> ShopDescription:
        """Give what the shop told."""
        return self.description


@pytest.fixture
def rounds(thorough: bool) -> int:
    """How often an action is run against the attack."""
    return 150 if thorough else 2


def until(rounds: int, changed: Sequence[int]) -> Iterator[int]:
    """Count so many rounds, and more until the action got its way once: the attack may win a few times."""
    for number in range(50 * rounds):
        if number >= rounds and any(changed):
            return
        yield number


def live_files(keeper: Any) -> set[str]:
    """Give the files that rows name and that are there."""
    names: list[str] = keeper.shop.evaluate(
        "from django.apps import apps\n"
        "from django.db.models import FileField\n"
        "names = {name for model in apps.get_models() for field in model._meta.concrete_fields\n"
        "         if isinstance(field, FileField)\n"
        "         for name in model._base_manager.values_list(field.name, flat=True) if name}\n"
        "result = sorted(names)\n"
    )
    return {name for name in names if (keeper.media / name).is_file()}


def attempt(keeper: Any, action: Any, *, context: Any = None, **options: Any) -> int:
    """Run an action that may refuse; give how much it changed."""
    with suppress(StorekeeperError, OSError):
        checked = action.Options(**options)
        context = context or keeper.context()
        return int(action.perform(context, checked, action.plan(context, checked)).changed)
    return 0


def copy_of(folder: Path, outside: Path, *, same_files: bool) -> Path:
    """Put the folder's files outside: copies, or the very same files under second names."""
    outside.mkdir()
    for path in folder.iterdir():
        if path.is_file() and same_files:
            os.link(path, outside / path.name)
        elif path.is_file():
            shutil.copy2(path, outside / path.name)
    return outside


def struck(folder: Path, *, outside: Path, seed: int, share: float) -> AbstractContextManager[Swaps]:
    """Swap the folder at such a share of our calls that name it; the same ones for the same seed."""
    random = Random(seed)
    return swapping_at_calls(
        folder, outside=outside, wanted=lambda: random.random() < share, lasts=lambda: random.random() < 0.5
    )


def struck_once(folder: Path, *, outside: Path, at: int) -> AbstractContextManager[Swaps]:
    """Swap the folder for the length of one call: the one of that number, from 1, that names it."""
    numbers = itertools.count(1)
    return swapping_at_calls(folder, outside=outside, wanted=lambda: next(numbers) == at)


def perform_struck(
    keeper: Any, action: Any, *, attack: AbstractContextManager[Swaps], outside: Path, **options: Any
) -> tuple[int, int]:
    """
    Plan in peace and perform while the folder is swapped; give how much was changed, and the swaps.

    When the plan is made, a link may be the user's own; afterwards it is not.
    """
    before = picture_of(outside)
    changed = 0
    checked = action.Options(**options)
    plan = action.plan(keeper.context(), checked)
    with suppress(StorekeeperError, OSError), attack as swaps:
        changed = action.perform(keeper.context(), checked, plan).changed
    assert before == picture_of(outside)
    return changed, swaps.count


def test_cleanup_of_qr_codes_removes_nothing_elsewhere(
    make_keeper: Callable[..., Any], tmp_path: Path, thorough: bool
) -> None:
    """Old tracking codes go, never those behind a link, though they are the very same files."""
    keeper = make_keeper(orders=10)
    keeper.run(CleanupExpiredQrCodes())
    live = live_files(keeper)
    for number in range(100):
        keeper.write(f"qr_codes/tracking_qr_{number}.png", b"old", days=30)
    folder = keeper.media / "qr_codes"
    outside = copy_of(folder, tmp_path / "outside", same_files=True)
    before = picture_of(outside)
    swaps = 0
    # The first step into the folder is there to remove what was planned.
    for at in range(1, 6) if thorough else (1,):
        attack = struck_once(folder, outside=outside, at=at)
        perform_struck(keeper, CleanupExpiredQrCodes(), attack=attack, outside=outside)
        attack = struck(folder, outside=outside, seed=at, share=0.5)
        with attack as done:
            attempt(keeper, CleanupExpiredQrCodes())
        swaps += done.count
        assert before == picture_of(outside)
        attempt(keeper, CleanupExpiredQrCodes())
        assert not list(folder.glob("tracking_qr_[0-9]*"))
        for path in outside.glob("tracking_qr_[0-9]*"):
            os.link(path, folder / path.name)
        before = picture_of(outside)
    assert swaps
    assert live == live_files(keeper)


def test_quarantine_takes_and_returns_nothing_elsewhere(
    make_keeper: Callable[..., Any], tmp_path: Path, thorough: bool
) -> None:
    """Orphans are moved and brought back while their folder is swapped; nothing moves outside."""
    keeper = make_keeper(orders=10)
    live = live_files(keeper)
    orphans = {keeper.write(f"products/orphan_{number}.jpg", b"orphan", days=30) for number in range(20)}
    folder, action = keeper.media / "products", CleanupOrphanedMedia()
    outside = copy_of(folder, tmp_path / "outside", same_files=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for at in range(1, 20) if thorough else (2,):
        start = dt.datetime.now(dt.UTC) + 3 * DAY + dt.timedelta(hours=at)
        keeper.now = lambda start=start: start
        attack = struck_once(folder, outside=outside, at=at)
        assert perform_struck(keeper, action, attack=attack, outside=outside)[1]
        attempt(keeper, action)
        assert not any(path.exists() for path in orphans)
        attack = struck_once(folder, outside=elsewhere, at=at)
        assert perform_struck(keeper, action, attack=attack, outside=elsewhere, restore="latest")[1]
        while attempt(keeper, action, restore="latest"):
            pass
        assert all(path.exists() for path in orphans)
    assert live == live_files(keeper)


def packed_archive(*, shop: str, archive: str) -> bytes:
    """Give an archive as storekeeper makes it."""
    stream = io.BytesIO()
    member = MemberWriter(stream, mark=Mark(shop=shop, archive=archive))
    member.write(b"packed")
    member.close()
    return stream.getvalue()


def test_log_rotation_reads_and_cuts_nothing_elsewhere(
    make_keeper: Callable[..., Any], tmp_path: Path, rounds: int
) -> None:
    """Logs are cut and archived, old archives go; what lies behind a link is neither cut nor archived."""
    keeper = make_keeper(orders=5)
    logs = tmp_path / "logs"
    folder = logs / "shop"
    folder.mkdir(parents=True)
    areas = {**keeper.config.areas, "logs": Area(path=logs)}
    keeper.config = keeper.config.model_copy(update={"areas": areas})

    ours = b"INFO 2020-01-01 00:00:00,000 ours\n" * 300

    def make_theirs(outside: Path) -> None:
        # Nobody may find this in an archive of ours.
        for path in outside.glob("*.log"):
            path.write_bytes(ours.replace(b"ours", b"theirs"))

    names = [f"log{number}{end}" for number in range(20) for end in (".log", "_2020_01.log.gz")]
    contents = {
        name: ours
        if name.endswith(".log")
        else packed_archive(shop=keeper.config.shop, archive=f"logs/shop/{name}")
        for name in names
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    changed: list[int] = []
    with swapping(folder, work=tmp_path, same_files=False, prepare=make_theirs) as attack:
        context = replace(
            keeper.context(),
            shop=cast("Any", KnownShop(keeper.context().shop.describe())),
            # The archives were last written a moment ago, and are past their time only later.
            now=lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=400),
        )
        for _ in until(5 * rounds, changed):
            changed.append(attempt(keeper, RotateLogs(patience_seconds=0), context=context, now=True))
            for name, content in contents.items():
                attack.write(name, content)
    assert any(changed) and attack.swaps > 10 * rounds
    archives = [path for path in logs.rglob("*.gz") if not path.is_symlink()]
    assert archives
    assert [] == [path.name for path in archives if b"theirs" in gzip.decompress(path.read_bytes() or EMPTY)]


def test_pruning_removes_no_backup_elsewhere(
    make_keeper: Callable[..., Any], tmp_path: Path, thorough: bool
) -> None:
    """Old backups go, never those that a link in their place leads to; the newest verified one stays."""
    keeper = make_keeper(orders=5)
    folder = keeper.config.backups.path
    now = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
    keeper.now = lambda: now
    for day in range(60):
        made = now - dt.timedelta(days=day, hours=1)
        path = folder / f"db_backup_{made:%Y%m%d_%H%M%S}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"[]")
        write_manifest(
            path,
            Manifest(
                file=path.name, created=made, database="default", format="json",
                sha256="4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
                size_bytes=2, verified=made,
            ),
        )  # fmt: skip
    newest = max(path.name for path in folder.glob("*.json") if "manifest" not in path.name)
    outside = copy_of(folder, tmp_path / "outside", same_files=True)
    results = []
    for seed in range(100 if thorough else 5):
        attack = struck(folder, outside=outside, seed=seed, share=0.3)
        results.append(perform_struck(keeper, PruneBackups(), attack=attack, outside=outside))
        for path in outside.iterdir():
            with suppress(FileExistsError):
                os.link(path, folder / path.name)
    assert any(changed for changed, _ in results) and sum(swaps for _, swaps in results) > 3
    assert (folder / newest).is_file()


def test_images_are_exchanged_nowhere_else(
    make_keeper: Callable[..., Any], tmp_path: Path, thorough: bool
) -> None:
    """While images are exchanged, and taken back, nothing is written elsewhere; each row has its file."""
    keeper = make_keeper(orders=5)
    live = live_files(keeper)
    folder = keeper.media / "products"
    outside = copy_of(folder, tmp_path / "outside", same_files=False)
    wish = {"over": "1B", "save_at_least": 0.01}
    images = attempt(keeper, OptimizeImages(), **wish)
    assert images == attempt(keeper, OptimizeImages(), undo="latest") > 1
    swaps = 0
    # Of each image the second step into the folder is there to write the new file.
    for at in range(1, 40) if thorough else (2,):
        attack = struck_once(folder, outside=outside, at=at)
        changed, count = perform_struck(keeper, OptimizeImages(), attack=attack, outside=outside, **wish)
        swaps += count
        # Settles what the attack has stopped half-way.
        assert images == changed + attempt(keeper, OptimizeImages(), **wish)
        attack = struck_once(folder, outside=outside, at=at)
        _, count = perform_struck(keeper, OptimizeImages(), attack=attack, outside=outside, undo="latest")
        swaps += count
        for run in ImageJournal(keeper.config).runs()[-2:]:
            attempt(keeper, OptimizeImages(), undo=run.run)
        assert live == live_files(keeper)
    assert swaps > 1


@pytest.mark.thorough
def test_videos_are_exchanged_nowhere_else(make_keeper: Callable[..., Any], tmp_path: Path) -> None:
    """While videos are encoded and exchanged nothing is written elsewhere; each row has its file."""
    keeper = make_keeper(orders=5)
    folder = keeper.media / "hero_slides"
    for path in folder.glob("*.mp4"):
        processes.run(
            ["ffmpeg", "-y", "-v", "error", "-f", "lavfi", "-i", "testsrc=duration=1:size=160x120:rate=5",
             "-c:v", "libx264", "-crf", "1", "-pix_fmt", "yuv420p", path],
            timeout_seconds=60,
        )  # fmt: skip
    live = live_files(keeper)
    outside = copy_of(folder, tmp_path / "outside", same_files=False)
    wish = {"over": "1B", "save_at_least": 0.01, "videos": True, "file_fields": True, "below": "hero_slides"}
    for at in range(1, 6):
        attack = struck_once(folder, outside=outside, at=at)
        assert perform_struck(keeper, OptimizeImages(), attack=attack, outside=outside, **wish)[1]
    assert attempt(keeper, OptimizeImages(), **wish)
    attack = struck_once(folder, outside=outside, at=1)
    assert perform_struck(keeper, OptimizeImages(), attack=attack, outside=outside, undo="latest")[1]
    assert len(live) == len(live_files(keeper))
