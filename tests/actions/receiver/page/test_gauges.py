"""The fill levels: read beside the requests, kept for a while, and never an obstacle."""

import datetime as dt
import threading

from actions.receiver.page.gauges import Gauge, GaugeKeeper, level_of

START = dt.datetime(2026, 11, 22, 3, 0, tzinfo=dt.UTC)


class Clock:
    """A clock that a test sets."""

    moment = START

    def __call__(self) -> dt.datetime:
        return self.moment


def test_levels_begin_above_the_thresholds() -> None:
    """Exactly 80 % is fine, as for the alerts; each level has its word."""
    assert ["fine", "warning", "critical", "emergency"] == [
        level_of(ratio) for ratio in (0.80, 0.81, 0.901, 0.951)
    ]


def test_slow_folder_does_not_hold_a_page_up() -> None:
    """While a reading goes on, the one before is given with its time, and no second one is begun."""
    go_on, readings = threading.Event(), []

    def read() -> tuple[Gauge, ...]:
        readings.append(1)
        go_on.wait(30)
        return (Gauge(name="media"),)

    keeper = GaugeKeeper(read, now=Clock(), wait_seconds=0.05)
    assert (None, ()) == (keeper.latest().read_at, keeper.latest().gauges)
    assert [1] == readings
    go_on.set()
    for thread in threading.enumerate():
        if thread.name == "gauges":
            thread.join(30)
    assert START == keeper.latest().read_at
    assert [1] == readings


def test_levels_are_read_again_when_they_are_old_or_a_run_ended() -> None:
    """A reading holds for half a minute, unless something was changed since, or the clock was set back."""
    clock, readings = Clock(), []

    def read() -> tuple[Gauge, ...]:
        readings.append(1)
        return ()

    keeper = GaugeKeeper(read, now=clock, wait_seconds=30)
    for seconds, changed, count in ((0, None, 1), (29, None, 1), (31, None, 2), (32, 31.5, 3), (0, None, 4)):
        clock.moment = START + dt.timedelta(seconds=seconds)
        keeper.latest(changed=None if changed is None else START + dt.timedelta(seconds=changed))
        assert count == len(readings)


def test_worst_stands_first_and_a_failure_keeps_what_was_read() -> None:
    """Order is by level, then by share; a reading that breaks leaves the one before in its place."""
    clock = Clock()
    found = [
        Gauge(name="a", ratio=0.2),
        Gauge(name="b", ratio=0.5),
        Gauge(name="c", ratio=0.96, level="emergency"),
    ]

    def read() -> tuple[Gauge, ...]:
        if not found:
            raise RuntimeError("broken")
        return tuple(found)

    keeper = GaugeKeeper(read, now=clock, wait_seconds=30)
    assert ["c", "b", "a"] == [gauge.name for gauge in keeper.latest().gauges]
    found.clear()
    clock.moment += dt.timedelta(minutes=5)
    assert (3, START) == (len(keeper.latest().gauges), keeper.latest().read_at)
