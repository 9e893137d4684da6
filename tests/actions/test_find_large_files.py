"""The listing of large files: the biggest first, of all areas, and nothing is changed."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.action import Context
from actions.find_large_files import FindLargeFiles
from actions.runner import now_here
from storekeeper.config import parse_config
from storekeeper.shop import Shop

ACTION: Any = FindLargeFiles()


@pytest.fixture
def find(tmp_path: Path) -> Callable[..., Any]:
    """A function that finds the large files of two areas, media and the logs in it."""

    def call(**options: Any) -> Any:
        areas = "{media: {path: media}, logs: {path: media/logs}}"
        text = f"shop: test\nproject: {tmp_path}\nstate: state\nareas: {areas}"
        config = parse_config(text, name="test", folder=tmp_path, environment={})
        context = Context(config=config, shop=Shop.of(config), now=now_here, report=lambda _: None)
        checked = ACTION.Options(**options)
        plan = ACTION.plan(context, checked)
        assert plan.as_json() == ACTION.perform(context, checked, plan).details
        return plan

    return call


def write(path: Path, *, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)


def names(plan: Any) -> list[str]:
    return [one.file.name for one in plan.files]


def test_lists_files_over_the_size_biggest_first(tmp_path: Path, find: Callable[..., Any]) -> None:
    """A file of exactly the size is not over it; the names are any."""
    sizes = {"a.mp4": 10_000_001, "ស្លាយ/b.png": 30_000_000, "c.png": 10_000_000, "d.bin": 20_000_000}
    for name, size in sizes.items():
        write(tmp_path / "media" / name, size=size)
    plan = find()
    assert ["ស្លាយ/b.png", "d.bin", "a.mp4"] == names(plan)
    assert ("media", "d.bin", "20.0 MB") == plan.rows()[2][:3]
    assert "3 files over 10.0 MB, 60.0 MB together; logs: there is no folder" in plan.summary
    assert plan.empty


def test_most_bounds_the_list_and_the_rest_is_counted(tmp_path: Path, find: Callable[..., Any]) -> None:
    """Of twenty files the three biggest are listed, and the summary speaks of all."""
    for number in range(20):
        write(tmp_path / "media" / f"{number}.bin", size=100 + number)
    plan = find(over="99", most=3)
    assert ["19.bin", "18.bin", "17.bin"] == names(plan)
    assert 20 == plan.count
    assert "the 3 largest are listed" in plan.summary


def test_a_file_is_listed_once_and_links_are_not_followed(tmp_path: Path, find: Callable[..., Any]) -> None:
    """A second name, an area inside another one and a link to a large file add nothing."""
    write(tmp_path / "outside.bin", size=5000)
    write(tmp_path / "media" / "logs" / "a.log", size=5000)
    os.link(tmp_path / "media" / "logs" / "a.log", tmp_path / "media" / "again.log")
    (tmp_path / "media" / "link.bin").symlink_to(tmp_path / "outside.bin")
    assert 1 == len(names(find(over="1KB")))


def test_nothing_large_is_told_plainly(tmp_path: Path, find: Callable[..., Any]) -> None:
    """An empty shop has no large files."""
    (tmp_path / "media" / "logs").mkdir(parents=True)
    assert "0 files over 10.0 MB, 0 B together" == find().summary
