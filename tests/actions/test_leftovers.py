"""What runs leave behind is told, and what is of no use any more goes."""

import datetime as dt
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actions.leftovers import find_leftovers, prune_state

NOW = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
LONG_AGO = (NOW - dt.timedelta(days=200)).timestamp()


def aged(path: Path, content: str = "x", *, moment: float = LONG_AGO) -> Path:
    """Write a file that was last changed long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (moment, moment))
    return path


def run_map(keeper: Any, name: str, *events: str, new: str) -> Path:
    """Write the map of a run of optimize_images that has ended with these events for one image."""
    exchange = {"new": new, "old": f"{new}.png"}
    identity = {"size_bytes": 1, "modified_ns": 1}
    lines = [{"event": "run", "area": "media", "root": str(keeper.media.resolve())}] + [
        {"event": event, **exchange, "old_identity": identity, "new_identity": identity, "rows": []}
        for event in events
    ]
    text = "\n".join(map(json.dumps, lines))
    return aged(keeper.config.state / "optimize_images" / f"{name}.jsonl", text)


def test_leftovers_are_told_by_place(make_keeper: Callable[..., Any]) -> None:
    """Trash, quarantine, partial backups and journals are counted; what may be at work is not."""
    keeper = make_keeper(orders=5)
    state = keeper.config.state
    aged(keeper.media / ".storekeeper-trash" / "1-2-3", "abc")
    aged(keeper.media / ".storekeeper-trash" / "4-5-6", "now", moment=NOW.timestamp())
    aged(state / "quarantine" / "media" / "20260401T000000000000Z" / "products" / "a.png", "ab")
    aged(keeper.config.backups.path / ".db_backup_20260101_000000.json.partial")
    aged(state / "cleanup_expired_qr_codes.journal")
    found = {one.kind: one for one in find_leftovers(keeper.config, now=NOW)}
    assert {
        "trash": (1, 3, True),
        "quarantine": (1, 2, False),
        "partial backup": (1, 1, True),
        "unfinished removal": (1, 1, True),
    } == {kind: (one.files, one.size_bytes, one.stray) for kind, one in found.items()}
    assert LONG_AGO == found["trash"].oldest


def test_only_maps_of_no_use_go(make_keeper: Callable[..., Any]) -> None:
    """A map stays while it is young, while its run is open, and while a file that it made is there."""
    keeper = make_keeper(orders=5)
    keeper.write("there.webp")
    gone = run_map(keeper, "20250101T000000000000Z", "making", "made", "changed", new="gone.webp")
    undone = run_map(keeper, "20250102T000000000000Z", "making", "made", "undone", new="there.webp")
    kept = [
        run_map(keeper, "20250103T000000000000Z", "making", "made", "changed", new="there.webp"),
        run_map(keeper, "20250104T000000000000Z", "making", "made", new="open.webp"),
        run_map(keeper, "20250105T000000000000Z", "making", "made", "changed", new="young.webp"),
    ]
    os.utime(kept[2], (NOW.timestamp(), NOW.timestamp()))
    mark = aged(keeper.config.state / "progress" / "20250101-000000-aaaa.0")
    young = aged(keeper.config.state / "progress" / "20260503-000000-aaaa.0", moment=NOW.timestamp())
    assert 3 == prune_state(keeper.config, now=NOW)
    assert [False, False, False] == [path.exists() for path in (gone, undone, mark)]
    assert [True] * 4 == [path.exists() for path in (*kept, young)]
    assert 0 == prune_state(keeper.config, now=NOW)
