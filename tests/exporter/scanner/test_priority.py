"""Only the thread that walks gives way at the disk, and with it its helpers."""

import threading
from pathlib import Path

import psutil

from exporter.scanner import ScanRequest
from exporter.scanner.frames import Assignment
from exporter.scanner.priority import yield_disk
from exporter.scanner.worker import NICE
from exporter.scanner.workers import Helper


def class_of(thread: int) -> int:
    """Give the class of a thread's priority at the disk."""
    return int(psutil.Process(thread).ionice().ioclass)


def test_only_the_calling_thread_gives_way() -> None:
    """The thread reads when nobody else does; scrapes are answered by others, which stay as they were."""
    before = class_of(threading.get_native_id())
    found: list[int] = []

    def walk() -> None:
        yield_disk()
        found.append(class_of(threading.get_native_id()))

    walker = threading.Thread(target=walk)
    walker.start()
    walker.join()
    assert [psutil.IOPRIO_CLASS_IDLE] == found
    assert before == class_of(threading.get_native_id())


def test_a_helper_gives_way_as_the_thread_that_started_it(tmp_path: Path) -> None:
    """It has the thread's priority at the disk, and a low one for the processor."""
    found: list[tuple[int, int]] = []

    def walk() -> None:
        yield_disk()
        helper = Helper(Assignment(request=ScanRequest(root=tmp_path), started=0))
        # Its first word: it is ready.
        helper.answer()
        (process,) = psutil.Process().children()
        found.append((int(process.ionice().ioclass), process.nice()))
        helper.end()

    walker = threading.Thread(target=walk)
    walker.start()
    walker.join()
    assert [(psutil.IOPRIO_CLASS_IDLE, max(NICE, psutil.Process().nice()))] == found
