"""
Every action that deletes, moves or rewrites, while a process swaps its files and folders for links outside.

Whatever the moment, nothing outside is touched (``tests/swapping.py`` looks) and no file that a row names is
lost. ``make thorough`` goes on for thousands of swaps.
"""

import datetime as dt
import gzip
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from actions.backups.manifest import write_manifest
from actions.cleanup_expired_qr_codes import CleanupExpiredQrCodes
from actions.cleanup_orphaned_media import CleanupOrphanedMedia
from actions.optimize_images import OptimizeImages
from actions.prune_backups import PruneBackups
from actions.rotate_logs import RotateLogs
from storekeeper.backups import Manifest
from storekeeper.config.model import Area
from storekeeper.errors import StorekeeperError
from storekeeper.shop import ShopDescription
from tests.swapping import FILES, swapping

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


def test_cleanup_of_qr_codes_removes_nothing_elsewhere(
    make_keeper: Callable[..., Any], tmp_path: Path, rounds: int
) -> None:
    """Old tracking codes go, never those behind a link, though they are the very same files."""
    keeper = make_keeper(orders=10)
    keeper.run(CleanupExpiredQrCodes())
    live = live_files(keeper)
    for number in range(100):
        keeper.write(f"qr_codes/tracking_qr_{number}.png", b"old", days=30)
    removed: list[int] = []
    with swapping(keeper.media / "qr_codes", work=tmp_path, same_files=True) as attack:
        for _ in until(rounds, removed):
            removed.append(attempt(keeper, CleanupExpiredQrCodes()))
            attack.give_back("tracking_qr_")
    assert any(removed) and attack.swaps > 10 * rounds
    assert live == live_files(keeper)


def test_quarantine_takes_and_returns_nothing_elsewhere(
    make_keeper: Callable[..., Any], tmp_path: Path, rounds: int
) -> None:
    """Orphans are moved, brought back and purged while their folder flickers; nothing outside moves."""
    keeper = make_keeper(orders=10)
    live = live_files(keeper)
    for number in range(100):
        keeper.write(f"products/orphan_{number}.jpg", b"orphan", days=30)
    moved: list[int] = []
    hours = itertools.count()
    with swapping(keeper.media / "products", work=tmp_path, same_files=True) as attack:
        for round_number in until(rounds, moved):
            start = dt.datetime.now(dt.UTC) + 3 * DAY + dt.timedelta(hours=next(hours))
            keeper.now = lambda start=start: start
            moved.append(attempt(keeper, CleanupOrphanedMedia()))
            if round_number % 2 == 0:
                attempt(keeper, CleanupOrphanedMedia(), restore="latest")
            else:
                attempt(keeper, CleanupOrphanedMedia(), keep_days=0)
                attack.give_back("orphan_")
    assert any(moved) and attack.swaps > 10 * rounds
    assert live == live_files(keeper)


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
    for name in names:
        (folder / name).write_bytes(ours if name.endswith(".log") else b"")
    changed: list[int] = []
    with swapping(folder, work=tmp_path, same_files=False, prepare=make_theirs) as attack:
        context = replace(keeper.context(), shop=cast("Any", KnownShop(keeper.context().shop.describe())))
        for _ in until(5 * rounds, changed):
            changed.append(attempt(keeper, RotateLogs(patience_seconds=0), context=context, now=True))
            for name in names:
                attack.write(name, ours if name.endswith(".log") else b"")
    assert any(changed) and attack.swaps > 10 * rounds
    archives = [path for path in logs.rglob("*.gz") if not path.is_symlink()]
    assert archives
    assert [] == [path.name for path in archives if b"theirs" in gzip.decompress(path.read_bytes() or EMPTY)]


def test_pruning_removes_no_backup_elsewhere(
    make_keeper: Callable[..., Any], tmp_path: Path, rounds: int
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
    removed: list[int] = []
    with swapping(folder, work=tmp_path, same_files=True, kinds=FILES) as attack:
        context = replace(keeper.context(), shop=cast("Any", KnownShop(keeper.context().shop.describe())))
        for _ in until(10 * rounds, removed):
            removed.append(attempt(keeper, PruneBackups(), context=context))
            attack.give_back("db_backup_")
    assert any(removed) and attack.swaps > 10 * rounds
    assert (folder / newest).is_file()


def test_images_are_exchanged_nowhere_else(
    make_keeper: Callable[..., Any], tmp_path: Path, thorough: bool
) -> None:
    """While images are exchanged their folder flickers: nothing is written outside, each row has its file."""
    keeper = make_keeper(orders=5)
    live = live_files(keeper)
    with swapping(keeper.media / "products", work=tmp_path, same_files=False) as attack:
        changed = attempt(keeper, OptimizeImages(), over="1B", save_at_least=0.01)
        for _ in range(40 if thorough else 0):
            attempt(keeper, OptimizeImages(), undo="latest")
            changed += attempt(keeper, OptimizeImages(), over="1B", save_at_least=0.01)
    # Settles what the attack has stopped half-way.
    changed += attempt(keeper, OptimizeImages(), over="1B", save_at_least=0.01)
    assert changed and attack.swaps > 10
    assert len(live) == len(live_files(keeper))
