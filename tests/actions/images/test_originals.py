"""The originals of exchanged images are storekeeper's: counted apart, never as orphans."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.cleanup_orphaned_media import CleanupOrphanedMedia
from actions.optimize_images import OptimizeImages
from exporter.file_counts import FilesUsage
from exporter.measuring import Measuring
from storekeeper.replaced_images import FOLDER, replaced_images
from storekeeper.shop import Shop

ACTION = OptimizeImages()
HERE = {"over": "1KB"}


@pytest.fixture
def keeper(make_keeper: Callable[..., Any]) -> Any:
    """A shop of its own."""
    return make_keeper("sqlite", orders=3, copied=True)


@pytest.fixture
def measure(keeper: Any) -> Callable[[], FilesUsage]:
    """Measure as the exporter does, again and again with one memory."""
    measuring = Measuring(keeper.config, describe=Shop.of(keeper.config).describe)
    measuring.shop.job.run_once()

    def once() -> FilesUsage:
        measuring.sources.scans["media"].run_once()
        latest = measuring.sources.files.run_once()
        assert ("", True) == (latest.problem, latest.value is not None)
        assert latest.value is not None
        return latest.value

    return once


def test_originals_are_no_orphans_until_they_are_gone(
    keeper: Any, make_slides: Any, pictures: Any, measure: Callable[[], FilesUsage]
) -> None:
    """They are counted while they are kept, not in quarantine, and not after the way back."""
    slides = make_slides(keeper)
    path = slides.add("រូប.jpg", pictures.photo())
    size = path.stat().st_size
    keeper.write("optimize/nobody.jpg", b"an orphan", days=3)
    before = measure()
    _, outcome = keeper.run(ACTION, **HERE)
    changed = outcome.details["images"]
    kept = measure()
    assert before.orphans == kept.orphans
    assert (0, changed) == (before.replaced["media"].files, kept.replaced["media"].files)
    assert kept.replaced["media"].size_bytes == outcome.details["old_bytes"] >= size
    keeper.now = lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=2)
    keeper.run(CleanupOrphanedMedia())
    assert 0 == measure().replaced["media"].files
    keeper.run(ACTION, undo="latest")
    after = measure()
    assert 0 == after.replaced["media"].files
    assert slides.names() == ["optimize/រូប.jpg"]


def test_a_map_that_cannot_be_read_hides_no_orphan(keeper: Any, tmp_path: Path) -> None:
    """A line that a crash cut short is passed over; what lies in another area is not told of this one."""
    folder = keeper.config.state / FOLDER
    folder.mkdir(parents=True)
    root = str(keeper.media)
    (folder / "one.jsonl").write_text(
        f'{{"event": "run", "area": "media", "root": "{root}"}}\n'
        '{"event": "making", "old": "a.jpg", "new": "a.webp"}\n{"event": "changed", "new": "a.webp"}\n'
        '{"event": "making", "old": "b.jpg", "new": "b.webp"}\n{"event": "chan'
    )
    (folder / "two.jsonl").write_text(
        '{"event": "run", "area": "other", "root": "/srv/other"}\n'
        '{"event": "making", "old": "c.jpg", "new": "c.webp"}\n{"event": "changed", "new": "c.webp"}\n'
    )
    assert {"a.jpg"} == replaced_images(keeper.config.state, root=keeper.media)
    assert frozenset() == replaced_images(tmp_path / "nowhere", root=keeper.media)
    (folder / "three.jsonl").mkdir()
    assert frozenset() == replaced_images(keeper.config.state, root=keeper.media)
