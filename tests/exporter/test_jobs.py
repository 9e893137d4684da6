"""Work beside the scrapes."""

import threading

from exporter.jobs import Job, Latest


def test_result_is_kept_with_its_time() -> None:
    """What was measured is shown with the moment at which it was complete."""
    job = Job("numbers", lambda: 7, interval_seconds=60, clock=lambda: 1000.0)
    assert Latest(attempts=0) == job.latest
    latest = job.run_once()
    assert (7, 1000.0, "", 1) == (latest.value, latest.measured_at, latest.problem, latest.attempts)


def test_failure_keeps_the_last_result_and_its_age() -> None:
    """A later failure is told beside the old result; the next success ends it."""
    answers = iter([lambda: 1, lambda: 1 // 0, lambda: 3])
    moments = iter([10.0, 30.0])
    job = Job("numbers", lambda: next(answers)(), interval_seconds=60, clock=lambda: next(moments))
    job.run_once()
    failed = job.run_once()
    assert (1, 10.0) == (failed.value, failed.measured_at)
    assert "division" in failed.problem
    again = job.run_once()
    assert (3, 30.0, "", 3) == (again.value, again.measured_at, again.problem, again.attempts)


def test_first_measurement_starts_at_once_and_others_follow() -> None:
    """A started job does not wait for its interval first, and goes on after a failure."""
    reached = threading.Event()
    runs = []

    def work() -> None:
        runs.append(1)
        if len(runs) == 3:
            reached.set()
        raise ValueError("again")

    job = Job("numbers", work, interval_seconds=0.01)
    job.start()
    assert job.wait_for_attempt(timeout_seconds=10)
    assert reached.wait(10)
    job.stop()


def test_hanging_job_is_not_started_twice() -> None:
    """While an attempt hangs no second one begins, and readers do not wait for it."""
    started, go_on = [], threading.Event()

    def work() -> None:
        started.append(1)
        go_on.wait(10)

    job = Job("numbers", work, interval_seconds=0.001)
    job.start()
    assert not job.wait_for_attempt(timeout_seconds=0.2)
    assert (0, [1]) == (job.latest.attempts, started)
    job.stop()
    go_on.set()


def test_a_job_that_follows_another_begins_after_it() -> None:
    """Its second attempt waits for the second attempt of the job that it follows."""
    order: list[str] = []
    enough = threading.Event()

    def follow() -> None:
        order.append("follower")
        if order.count("follower") == 3:
            enough.set()

    leader = Job("leader", lambda: order.append("leader"), interval_seconds=0.3)
    follower = Job("follower", follow, interval_seconds=0.2, after=[leader])
    leader.start()
    leader.wait_for_attempt(timeout_seconds=10)
    follower.start()
    assert enough.wait(20)
    leader.stop()
    follower.stop()
    assert ["leader", "follower"] * 3 == order[:6]


def test_a_job_that_follows_a_hanging_one_does_not_hang() -> None:
    """It goes on when it has waited as long again as its pause."""
    release, twice = threading.Event(), threading.Event()
    attempts: list[int] = []

    def follow() -> None:
        attempts.append(1)
        if len(attempts) == 2:
            twice.set()

    leader = Job("leader", lambda: release.wait(60), interval_seconds=60)
    follower = Job("follower", follow, interval_seconds=0.1, after=[leader])
    leader.start()
    follower.start()
    assert twice.wait(20)
    follower.stop()
    release.set()
    leader.stop()


def test_a_job_prepares_its_own_thread_once() -> None:
    """Whatever was asked to be done first is done in the thread of the work."""
    threads: list[str] = []
    job = Job(
        "walk",
        lambda: threads.append("work in " + threading.current_thread().name),
        interval_seconds=60,
        prepare=lambda: threads.append("prepared " + threading.current_thread().name),
    )
    job.start()
    assert job.wait_for_attempt(timeout_seconds=10)
    job.stop()
    assert ["prepared walk", "work in walk"] == threads
