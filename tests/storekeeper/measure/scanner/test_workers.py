"""The helper processes of a long walk."""

import os
import threading
from pathlib import Path

import psutil
import pytest

from storekeeper.measure.scanner import ScanCancelled, ScanRequest, scan
from storekeeper.measure.scanner.frames import Assignment
from storekeeper.measure.scanner.priority import yield_disk
from storekeeper.measure.scanner.reading import DirectoryReader
from storekeeper.measure.scanner.scanning import fingerprint
from storekeeper.measure.scanner.table import TreeState
from storekeeper.measure.scanner.worker import NICE
from storekeeper.measure.scanner.workers import HelpedWalk, Helper


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Three hundred directories with a few files each."""
    for number in range(300):
        folder = tmp_path / f"{number % 10}" / f"{number}"
        folder.mkdir(parents=True)
        for name in ("a", "b", "c"):
            (folder / name).write_bytes(name.encode() * number)
    return tmp_path


def helpers() -> list[psutil.Process]:
    """Give the helper processes that run for us."""
    return [
        child
        for child in psutil.Process().children()
        if "storekeeper.measure.scanner.worker" in child.cmdline()
    ]


def walked(tree: Path, *, when_two_run: list[psutil.Process] | None = None) -> TreeState:
    """Walk a tree with two helpers; those are killed half-way when a list is given, which then names them."""
    request = ScanRequest(root=tree)
    assignment = Assignment(request=request, started=0)
    with DirectoryReader(request, started=0) as reader:
        state = TreeState(fingerprint=fingerprint(request), device=reader.device)
        root = reader.read("")
        assert root is not None
        state.append(root, parent=-1)

        def check() -> None:
            if when_two_run is not None and not when_two_run and len(state) > 20:
                when_two_run.extend(helpers())
                for helper in when_two_run:
                    helper.kill()

        with HelpedWalk(assignment, number=2, reader=reader, check=check) as walk:
            walk.finish(state, waiting=[(name, 0) for name in root.subdirectories])
    return state


def test_nothing_is_lost_when_helpers_die(tree: Path) -> None:
    """Killed in the middle of the walk, the helpers cost time and no file."""
    killed: list[psutil.Process] = []
    state = walked(tree, when_two_run=killed)
    expected = (2, 900, 311, 311)
    assert expected == (len(killed), sum(state.columns["files"]), len(state), len(set(state.paths)))


def test_no_helper_is_left_behind(tree: Path) -> None:
    """After the walk, the helpers are gone."""
    walked(tree)
    assert helpers() == []


def test_a_stopped_walk_ends_its_helpers(tree: Path) -> None:
    """When the caller's check raises, the helpers end with the walk."""

    def check() -> None:
        raise ScanCancelled("stop")

    request = ScanRequest(root=tree)
    with DirectoryReader(request, started=0) as reader, pytest.raises(ScanCancelled):  # noqa: SIM117
        with HelpedWalk(Assignment(request=request, started=0), number=1, reader=reader, check=check) as walk:
            walk.finish(TreeState(fingerprint="", device=reader.device), waiting=[("", -1)])
    assert helpers() == []


def test_descriptors_do_not_pile_up(tree: Path) -> None:
    """A scan leaves no descriptor open."""
    before = len(os.listdir("/proc/self/fd"))
    scan(ScanRequest(root=tree))
    assert before == len(os.listdir("/proc/self/fd"))


def test_a_helper_gives_way_as_the_thread_that_started_it(tmp_path: Path) -> None:
    """It has the thread's priority at the disk, and a low one for the processor."""
    found: list[tuple[int, int]] = []

    def walk() -> None:
        yield_disk()
        helper = Helper(Assignment(request=ScanRequest(root=tmp_path), started=0))
        # Its first word: it is ready.
        helper.answer()
        (process,) = helpers()
        found.append((int(process.ionice().ioclass), process.nice()))
        helper.end()

    walker = threading.Thread(target=walk)
    walker.start()
    walker.join()
    assert [(psutil.IOPRIO_CLASS_IDLE, max(NICE, psutil.Process().nice()))] == found
