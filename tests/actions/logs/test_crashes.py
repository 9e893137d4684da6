"""A rotation that is killed at any stage: the next run makes it whole, with every line there once."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.logs.folder import LogFolder
from actions.logs.journal import has_been_cut, read_journal
from storekeeper.errors import StorekeeperError

LINES = [f"line {number:06d}" for number in range(2000)]
WRITTEN = "".join(f"2025-11-30 10:00:00 {line}\n" for line in LINES).encode()
STAGES = ("packed", "noted", "cut", "published")


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("in_use", [True, False], ids=["in use", "closed"])
def test_killed_while_cutting_in_place(stage: str, in_use: bool, make_logs: Callable[..., Any]) -> None:
    """Killed at each stage of a collapse or of emptying, no line is missing or doubled afterwards."""
    keeper = make_logs()
    path = keeper.write("django.log", *LINES)
    with path.open("ab", buffering=0) as writer:
        if not in_use:
            writer.close()
        keeper.killed_at(stage)
        keeper.run(now=True)
        if in_use:
            writer.write(b"2025-11-30 10:00:00 late\n")
    expected = WRITTEN + (b"2025-11-30 10:00:00 late\n" if in_use else b"")
    assert expected == keeper.everything("django")
    assert ["django.log", "django_2025_11.log.gz"] == keeper.names()


@pytest.mark.parametrize("stage", ("aside", *STAGES))
@pytest.mark.parametrize(
    ("name", "handler"), [("orders.log", "WatchedFileHandler"), ("orders.log.1", "RotatingFileHandler")]
)
def test_killed_while_archiving_a_renamed_file(
    stage: str, name: str, handler: str, make_logs: Callable[..., Any]
) -> None:
    """The same for files that are renamed first, as where no file can be cut at its front (tmpfs)."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        keeper = make_logs({"orders.log": handler}, folder=Path(folder))
        keeper.write(name, *LINES)
        keeper.killed_at(stage)
        keeper.run(now=True)
        assert ["orders.log"] * (name == "orders.log") + ["orders_2025_11.log.gz"] == keeper.names()
        assert WRITTEN.decode() == keeper.unpack("orders_2025_11.log.gz")


@pytest.mark.parametrize("stage", STAGES)
def test_killed_while_adding_to_an_archive(stage: str, make_logs: Callable[..., Any]) -> None:
    """An archive that exists keeps what it holds, whenever the run that adds to it is killed."""
    keeper = make_logs()
    keeper.write("django.log", "first")
    keeper.run()
    keeper.write("django.log", *LINES)
    keeper.killed_at(stage, now=True)
    keeper.run(now=True)
    assert b"2025-11-30 10:00:00 first\n" + WRITTEN == keeper.everything("django")


def test_killed_beside_writers(make_logs: Callable[..., Any], start_writers: Callable[..., Any]) -> None:
    """Killed at every stage in turn while four processes write, the lines are all there, each once."""
    keeper = make_logs()
    path = keeper.folder / "django.log"
    writers = start_writers(path, count=4000, pause=0.001)
    for stage in STAGES:
        while path.stat().st_size < 20_000:
            pass
        keeper.killed_at(stage, now=True)
    assert writers.running()
    writers.leave()
    keeper.run(now=True)
    assert (0, 0) == writers.lost_and_doubled(keeper.everything("django"))


def test_lines_that_came_between_the_kill_and_the_next_run_are_kept(make_logs: Callable[..., Any]) -> None:
    """The log goes on after a kill right after the cut; the next run still knows that it was cut."""
    keeper = make_logs()
    path = keeper.write("django.log", *LINES)
    with path.open("ab", buffering=0) as writer:
        keeper.killed_at("cut")
        writer.write(WRITTEN)
        outcome = keeper.run(now=True)
    assert "was finished" in outcome.summary
    assert WRITTEN + WRITTEN == keeper.everything("django")


def test_a_log_that_repeats_itself_is_never_lost(make_logs: Callable[..., Any]) -> None:
    """Where nobody can tell whether the cut has happened, the archive is kept: rather twice than never."""
    keeper = make_logs()
    path = keeper.folder / "django.log"
    path.write_bytes(b"tick ok\n" * 4096)
    with path.open("ab", buffering=0) as writer:
        keeper.killed_at("cut", now=True)
        writer.write(b"tick ok\n" * 4096)
        keeper.run(now=True)
    assert keeper.everything("django").count(b"tick ok") >= 2 * 4096


def test_an_emptied_log_without_times_that_is_written_the_same_again_is_never_lost(
    make_logs: Callable[..., Any],
) -> None:
    """Killed right after emptying; then the program writes the same bytes as before, and some more."""
    keeper = make_logs()
    path = keeper.folder / "django.log"
    path.write_bytes(b"started\n" * 20)
    keeper.killed_at("cut", now=True)
    assert 0 == path.stat().st_size
    with path.open("ab") as writer:
        writer.write(b"started\n" * 20 + b"done\n")
    keeper.run(now=True)
    assert 40 <= keeper.everything("django").count(b"started\n")


def test_a_log_without_times_that_was_not_cut_is_archived_once(make_logs: Callable[..., Any]) -> None:
    """Killed before the cut, and nothing written since: the file's last write tells."""
    keeper = make_logs()
    path = keeper.folder / "django.log"
    path.write_bytes(b"started\n" * 20)
    keeper.killed_at("noted", now=True)
    keeper.run(now=True)
    assert 20 == keeper.everything("django").count(b"started\n")


def test_a_partial_archive_that_is_not_whole_is_refused(make_logs: Callable[..., Any]) -> None:
    """After the cut the partial archive is the only copy: a damaged one is left to a person."""
    keeper = make_logs()
    keeper.write("django.log", *LINES)
    keeper.killed_at("cut")
    partial = keeper.folder / ".storekeeper-django_2025_11.log.gz.partial"
    partial.write_bytes(partial.read_bytes()[:-10])
    with pytest.raises(StorekeeperError, match="not whole"):
        keeper.run(now=True)
    assert partial.exists()


def test_a_log_that_somebody_else_rotated_after_the_kill_keeps_its_archive(
    make_logs: Callable[..., Any],
) -> None:
    """When the noted file is gone, the partial archive may be the only copy, so it becomes the archive."""
    keeper = make_logs()
    path = keeper.write("django.log", *LINES)
    keeper.killed_at("noted")
    path.unlink()
    keeper.run()
    assert WRITTEN == keeper.everything("django")


def test_a_journal_that_cannot_be_read_is_dropped(make_logs: Callable[..., Any]) -> None:
    """A journal comes whole or not at all; a strange file of that name stops nothing."""
    keeper = make_logs()
    keeper.write("django.log", "one")
    (keeper.folder / ".django.log.rotation").write_text("{}")
    keeper.run()
    assert ["django.log", "django_2025_11.log.gz"] == keeper.names()


def test_a_file_that_only_looks_like_the_beginning_counts_as_cut(make_logs: Callable[..., Any]) -> None:
    """One changed byte in what was archived is enough to know that the log is not as it was."""
    keeper = make_logs()
    path = keeper.write("django.log", *LINES)
    with LogFolder(keeper.folder) as folder:
        keeper.killed_at("noted")
        journal = read_journal(folder, "django.log")
        assert journal is not None
        assert not has_been_cut(folder, "django.log", journal=journal)
        with path.open("r+b") as file:
            file.seek(30_000)
            file.write(b"X")
        assert has_been_cut(folder, "django.log", journal=journal)
