"""The exporter's pages, by real requests."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from exporter.collectors import Collected
from exporter.measuring import Measuring
from exporter.scrape import Scraper
from exporter.server import make_app
from storekeeper.config import Config
from storekeeper.errors import ShopError
from storekeeper.shop import ShopDescription
from storekeeper.web.listen import parse_listen_address
from storekeeper.web.serve import WebServer

Serve = Callable[..., str]


class Gate:
    """A collector that waits until it is let go."""

    name = "gate"
    waits = True
    jobs = ()

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.entered = threading.Event()

    def collect(self) -> Collected:
        """Wait."""
        self.entered.set()
        self.go_on.wait(20)
        return Collected()


def no_shop() -> ShopDescription:
    """Be a shop that is broken."""
    raise ShopError("the shop is broken")


@pytest.fixture
def measuring(parse: Callable[[str], Config]) -> Measuring:
    """Measurements that have not begun."""
    return Measuring(parse("areas: {media: {path: media}}"), describe=no_shop)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve measurements and give the address; all servers are stopped at the end."""
    servers = []

    def start(measuring: Measuring, **options: object) -> str:
        app = make_app(lambda: measuring, **options)  # type: ignore[arg-type]
        server = WebServer(app, listen=[parse_listen_address("127.0.0.1:0")])
        servers.append(server)
        server.start()
        return f"http://127.0.0.1:{server.port}"

    yield start
    for server in servers:
        server.stop()


def test_landing_page_links_to_the_others(serve: Serve, measuring: Measuring) -> None:
    """A person who opens the address finds name, version and every page; nothing comes from elsewhere."""
    address = serve(measuring, telemetry_path="/m")
    page = requests.get(address + "/", timeout=10)
    assert "storekeeper exporter" in page.text
    assert "madamda" in page.text
    assert "http" not in page.text
    for path in ("/m", "/-/healthy", "/-/ready"):
        assert f'href="{path}"' in page.text
        assert requests.get(address + path, timeout=10).status_code in (200, 503)
    assert 404 == requests.get(address + "/metrics", timeout=10).status_code


def test_ready_comes_after_the_first_measurement(serve: Serve, measuring: Measuring) -> None:
    """Healthy at once; ready once everything was tried, also with a broken shop."""
    address = serve(measuring)
    assert 200 == requests.get(address + "/-/healthy", timeout=10).status_code
    waiting = requests.get(address + "/-/ready", timeout=10)
    assert (503, True) == (waiting.status_code, "scan of media" in waiting.text)
    measuring.run_once()
    assert 200 == requests.get(address + "/-/ready", timeout=10).status_code


def test_page_is_compressed_for_who_asks(serve: Serve, measuring: Measuring) -> None:
    """gzip is used only when the reader takes it; both hold the figures of this process, too."""
    measuring.run_once()
    address = serve(measuring)
    plain = requests.get(address + "/metrics", headers={"Accept-Encoding": "identity"}, timeout=10)
    assert "Content-Encoding" not in plain.headers
    raw = requests.get(address + "/metrics", headers={"Accept-Encoding": "gzip"}, stream=True, timeout=10)
    assert "gzip" == raw.headers["Content-Encoding"]
    unpacked = gzip.decompress(raw.raw.read()).decode()
    for page in (plain.text, unpacked):
        assert "process_resident_memory_bytes" in page
        assert "python_info{" in page
    assert "text/plain; version=0.0.4; charset=utf-8" == plain.headers["Content-Type"]


def test_only_asked_collectors_are_shown(serve: Serve, measuring: Measuring) -> None:
    """``collect[]`` narrows the page; a name that does not exist is a mistake, told with those that do."""
    address = serve(measuring)
    page = requests.get(address + "/metrics?collect[]=build&collect[]=backups", timeout=10).text
    assert "storekeeper_build_info{" in page
    assert "storekeeper_disk" not in page
    wrong = requests.get(address + "/metrics?collect[]=disk", timeout=10)
    assert (400, True) == (wrong.status_code, "disks" in wrong.text)


def test_scrapes_beyond_the_limit_are_refused_at_once(serve: Serve, measuring: Measuring) -> None:
    """While all places are taken another scrape gets 503, and the health page still answers."""
    gate = Gate()
    measuring.scraper = Scraper([gate])
    address = serve(measuring, max_scrapes=3)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(requests.get, address + "/metrics", timeout=30) for _ in range(3)]
        gate.entered.wait(10)
        refused = 200
        while refused == 200 and not all(future.done() for future in waiting):
            time.sleep(0.02)
            refused = requests.get(
                address + "/metrics", timeout=30, headers={"X-Prometheus-Scrape-Timeout-Seconds": "0.02"}
            ).status_code
        assert 503 == refused
        assert 200 == requests.get(address + "/-/healthy", timeout=10).status_code
        gate.go_on.set()
        assert [200] * 3 == [future.result().status_code for future in waiting]
    assert 200 == requests.get(address + "/metrics", timeout=10).status_code


def test_scrape_answers_while_a_walk_runs(serve: Serve, measuring: Measuring) -> None:
    """A walk that does not end leaves the page as quick as ever; its area has no size yet."""
    gate = Gate()
    measuring.sources.scans["media"]._work = lambda: gate.collect() and None
    measuring.start()
    gate.entered.wait(10)
    address = serve(measuring)
    begun = time.monotonic()
    page = requests.get(address + "/metrics", timeout=10).text
    assert time.monotonic() - begun < 5
    assert "storekeeper_disk_size_bytes{" in page
    assert "storekeeper_area_size_bytes{" not in page
    assert 'storekeeper_collector_success{collector="areas"}' not in page
    assert 503 == requests.get(address + "/-/ready", timeout=10).status_code
    gate.go_on.set()
    measuring.stop()


def test_prometheus_timeout_is_kept(serve: Serve, measuring: Measuring) -> None:
    """A collector that hangs costs no more than Prometheus waits."""
    gate = Gate()
    measuring.scraper = Scraper([gate, *measuring.scraper.collectors])
    address = serve(measuring)
    begun = time.monotonic()
    page = requests.get(
        address + "/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": "1"}, timeout=10
    ).text
    assert time.monotonic() - begun < 5
    gate.go_on.set()
    assert 'storekeeper_collector_success{collector="gate",shop="madamda"} 0.0' in page
    assert 'storekeeper_collector_success{collector="build",shop="madamda"} 1.0' in page


def test_landing_page_tells_how_each_measurement_went(
    parse: Callable[[str], Config], serve: Serve, view: Callable[..., Any]
) -> None:
    """Measured, failed and not yet measured stand there in words; names stay text; a phone can show it."""
    broken = "no settings module <script>alert(1)</script>\u202e\x1b[31m"

    def no_such_shop() -> ShopDescription:
        raise ShopError(broken)

    measuring = Measuring(parse("areas: {media: {path: media}}"), describe=no_such_shop)
    address = serve(measuring)
    assert "being measured" in requests.get(address, timeout=10).text
    measuring.run_once()
    window = view(phone=True, dark=True)
    page = window.open(address)
    text = page.locator("main").inner_text()
    assert "measured" in text and "s ago, in 0." in text.replace("\u00a0", " ")
    assert "failed" in text
    assert "<script>alert(1)</script>\\u202e\\x1b[31m" in text
    window.check(page, "exporter-phone-dark")
    page.emulate_media(color_scheme="light")
    window.check(page, "exporter-phone-light")
