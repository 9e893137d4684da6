"""The wrapper around the collectors."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client.core import GaugeMetricFamily

from exporter.collectors import Collected
from exporter.scrape import Scraper, deadline_seconds


class Simple:
    """A collector that does what it is told."""

    waits = True
    jobs = ()

    def __init__(self, name: str, collect: Callable[[], Collected]) -> None:
        self.name = name
        self.collect = collect


def gauge(name: str, value: float = 1) -> Collected:
    """Give one family."""
    return Collected(families=(GaugeMetricFamily(name, "A number.", value=value),))


def page(scraper: Scraper, **options: Any) -> dict[tuple[str, ...], float]:
    """Give name and label values → value of one scrape."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in scraper.scrape(**{"timeout_seconds": 5.0, **options})
        for sample in family.samples
    }


def fail() -> Collected:
    """Be a collector that fails."""
    raise OSError("the disk has gone")


def test_failing_collector_hides_no_other() -> None:
    """One collector's exception costs its own families only, and is told."""
    values = page(Scraper([Simple("bad", fail), Simple("good", lambda: gauge("number"))]))
    assert 1 == values["number",]
    assert (0, 1) == (
        values["storekeeper_collector_success", "bad"],
        values["storekeeper_collector_success", "good"],
    )
    assert ("storekeeper_collector_last_success_timestamp_seconds", "bad") not in values


def test_half_finished_family_is_never_shown() -> None:
    """A collector that fails in the middle shows nothing at all."""

    def half() -> Collected:
        def families() -> Iterator[GaugeMetricFamily]:
            yield GaugeMetricFamily("number", "A number.", value=1)
            raise ValueError("in the middle")

        return Collected(families=tuple(families()))

    assert ("number",) not in page(Scraper([Simple("half", half)]))


def test_collector_with_problems_shows_what_it_has_and_counts_as_failed() -> None:
    """One database of three that is down: the others are shown, success is 0."""
    collected = Collected(families=gauge("number").families, problems=("one is down",))
    values = page(Scraper([Simple("some", lambda: collected)]))
    assert (1, 0) == (values["number",], values["storekeeper_collector_success", "some"])


def test_hanging_collector_holds_up_nobody_and_is_started_once() -> None:
    """The others are served in time at every scrape; the hanging one recovers when it comes back."""
    go_on = threading.Event()
    started = []

    def hang() -> Collected:
        started.append(1)
        go_on.wait(30)
        return gauge("slow")

    scraper = Scraper([Simple("hanging", hang), Simple("good", lambda: gauge("number"))])
    for _ in range(3):
        begun = time.monotonic()
        values = page(scraper, timeout_seconds=0.1)
        assert time.monotonic() - begun < 5
        assert (1, 0) == (values["number",], values["storekeeper_collector_success", "hanging"])
    assert [1] == started
    go_on.set()
    # The run that hung ends by itself; its families are of the past, so a new one is started.
    for _ in range(200):
        values = page(scraper)
        if ("slow",) in values:
            break
    assert 1 == values["storekeeper_collector_success", "hanging"]


def test_scrapes_at_the_same_time_share_one_run() -> None:
    """Two Prometheus servers that scrape together cost one measurement."""
    go_on = threading.Event()
    started = []

    def slow() -> Collected:
        started.append(1)
        go_on.wait(10)
        return gauge("number")

    scraper = Scraper([Simple("slow", slow)])
    pages: list[dict[tuple[str, ...], float]] = []
    threads = [threading.Thread(target=lambda: pages.append(page(scraper))) for _ in range(5)]
    for thread in threads:
        thread.start()
    while sum(thread.is_alive() for thread in threads) < 5 or not started:
        time.sleep(0.01)
    time.sleep(0.1)
    go_on.set()
    for thread in threads:
        thread.join()
    assert [1] == started
    assert [1] * 5 == [values["number",] for values in pages]


def test_age_is_that_of_the_data_not_of_the_scrape() -> None:
    """Last success is when a background result was complete; it stays when later attempts fail."""
    answers = iter(
        [
            Collected(measured_at=100.0),
            Collected(measured_at=100.0, problems=("failed since",)),
            Collected(measured_at=300.0),
        ]
    )
    scraper = Scraper([Simple("slow", lambda: next(answers))], clock=lambda: 999.0)
    name = ("storekeeper_collector_last_success_timestamp_seconds", "slow")
    assert [100.0, 100.0, 300.0] == [page(scraper)[name] for _ in range(3)]


def test_first_measurement_under_way_is_neither_success_nor_failure() -> None:
    """Before there is a result the collector has no success series, so no alert can fire."""
    values = page(Scraper([Simple("slow", lambda: Collected(pending=True))]))
    assert {("storekeeper_collector_duration_seconds", "slow")} == set(values)


def test_only_the_asked_collectors_run() -> None:
    """``collect[]`` leaves the others alone, also in the series about collectors."""
    scraper = Scraper([Simple("bad", fail), Simple("good", lambda: gauge("number"))])
    assert {"good"} == {
        labels[0] for name, *labels in page(scraper, only={"good"}) if name.startswith("storekeeper_c")
    }


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, 9.5), ("10", 9.5), ("3", 2.5), ("0.6", 0.3), ("x", 9.5), ("-1", 9.5), ("nan", 9.5), ("inf", 9.5)],
)
def test_deadline_comes_from_prometheus_less_a_margin(header: str | None, seconds: float) -> None:
    """Prometheus says how long it waits; nonsense means its default of ten seconds."""
    assert seconds == deadline_seconds(header)
