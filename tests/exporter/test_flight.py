"""Questions in threads of their own, and the threads that wait for the next one."""

import sys
import threading
import time
from functools import partial

import pytest

from exporter.flight import Flights, Threads

WORKS = 5000
ASKERS = 8


def until() -> float:
    """Give a moment far enough away for any question here."""
    return time.monotonic() + 30


def test_questions_one_after_the_other_share_a_thread() -> None:
    """No scrape pays for new threads when those of the scrape before are free."""
    flights: Flights[int] = Flights()
    idents = set()
    for _ in range(5):
        idents.add(flights.ask("who", threading.get_ident).wait(until=until()))
        # The thread is free a moment after its answer.
        time.sleep(0.05)
    assert 1 == len(idents)


def test_question_that_hangs_keeps_its_thread_to_itself() -> None:
    """Others are answered meanwhile, in another thread; the same question is not asked twice."""
    go_on = threading.Event()
    flights: Flights[object] = Flights()
    hanging = flights.ask("hanging", lambda: go_on.wait(30))
    assert "answer" == flights.ask("other", lambda: "answer").wait(until=until())
    assert hanging is flights.ask("hanging", lambda: "never asked")
    with pytest.raises(TimeoutError):
        hanging.wait(until=time.monotonic())
    go_on.set()
    assert hanging.wait(until=until())


def test_error_reaches_whoever_waits_and_the_thread_goes_on() -> None:
    """A question that fails costs nobody else an answer."""
    flights: Flights[int] = Flights()
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            flights.ask("wrong", lambda: 1 // 0).wait(until=until())
        assert 1 == flights.ask("right", lambda: 1).wait(until=until())


def ask_for(threads: Threads, done: list[int], numbers: range) -> None:
    """Have each number put into ``done``."""
    for number in numbers:
        threads.run(partial(done.append, number))


def test_no_work_is_lost_while_threads_end() -> None:
    """Threads that end at once, and work that comes in that very moment: all of it is done."""
    threads = Threads(idle_seconds=0)
    done: list[int] = []
    usual = sys.getswitchinterval()
    # Threads take turns after almost every step.
    sys.setswitchinterval(1e-6)
    try:
        askers = [
            threading.Thread(target=ask_for, args=(threads, done, range(first, WORKS, ASKERS)))
            for first in range(ASKERS)
        ]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        for _ in range(1000):
            if len(done) == WORKS:
                break
            time.sleep(0.01)
    finally:
        sys.setswitchinterval(usual)
    assert list(range(WORKS)) == sorted(done)


def test_idle_threads_end() -> None:
    """After a busy moment the threads go."""
    threads = Threads(idle_seconds=0.05)
    gate = threading.Barrier(9)
    before = threading.active_count()

    def meet() -> None:
        gate.wait(10)

    for _ in range(8):
        threads.run(meet)
    gate.wait(10)
    for _ in range(1000):
        if threading.active_count() <= before:
            break
        time.sleep(0.01)
    assert threading.active_count() <= before
