"""Only the thread that walks gives way at the disk."""

import threading

import psutil

from storekeeper.measure.scanner.priority import yield_disk


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
