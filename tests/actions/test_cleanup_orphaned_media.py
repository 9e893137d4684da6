"""The cleanup of orphaned media on a real shop: what moves, what never does, and the way back."""

import datetime as dt
import os
import resource
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actions.cleanup_orphaned_media import CleanupOrphanedMedia
from actions.media.quarantine import Quarantine
from storekeeper.config.model import Area
from storekeeper.errors import ConfigurationError, OverBudget, ShopError, StorekeeperError

ACTION = CleanupOrphanedMedia()


@pytest.fixture
def keeper(make_keeper: Callable[..., Any]) -> Any:
    """A filled shop whose clock stands two days ahead, so that no file counts as new."""
    keeper = make_keeper(orders=12, more="references: [app.Note.text, app.Product.attributes]")
    keeper.now = lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=2)
    return keeper


_READER = """
DATABASES["reader"] = {**DATABASES["default"], "NAME": %r}
DATABASE_ROUTERS = ["madamda.reading.Router"]
"""
_READING = """
class Router:
    def db_for_read(self, model, **hints):
        return "reader" if model._meta.model_name == "heroslide" else "default"

    def db_for_write(self, model, **hints):
        return "default"

    def allow_migrate(self, db, app_label, **hints):
        return db == "default"
"""


def moved(plan: Any) -> set[str]:
    """Give the names of the files that are to go into quarantine."""
    return {file.name for file in plan.moves}


def test_a_filled_shop_has_no_orphans(keeper: Any) -> None:
    """Every file of the sample shop has its row, also behind managers that hide rows and in child tables."""
    assert moved(keeper.plan(ACTION)) == set()


def test_moves_orphans_and_brings_them_back(keeper: Any) -> None:
    """An orphan, Khmer names too, leaves the tree; latest brings it back with its content and time."""
    before = keeper.files()
    path = keeper.write("products/រូបភាព ចាស់.jpg", b"old", days=3)
    status = path.stat()
    plan, outcome = keeper.run(ACTION)
    assert moved(plan) == {"products/រូបភាព ចាស់.jpg"}
    assert keeper.files() == before
    assert outcome.freed_bytes == 0
    assert outcome.details["moved_bytes"] == 3
    keeper.run(ACTION, restore="latest")
    assert keeper.files() == before | {"products/រូបភាព ចាស់.jpg"}
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (b"old", status.st_mtime_ns)


def test_a_dry_run_changes_nothing(keeper: Any) -> None:
    """The plan leaves tree and state folder as they were."""
    keeper.write("products/orphan.jpg", days=3)
    before = keeper.files(), sorted(os.listdir(keeper.config.state))
    assert moved(keeper.plan(ACTION)) == {"products/orphan.jpg"}
    assert before == (keeper.files(), sorted(os.listdir(keeper.config.state)))


def test_a_fresh_file_is_no_orphan(make_keeper: Callable[..., Any]) -> None:
    """A file copied in just now with an old time of change stays: its ctime is new."""
    keeper = make_keeper(orders=12)
    keeper.write("products/copied.jpg", days=300)
    assert moved(keeper.plan(ACTION)) == set()


def test_restore_replaces_nothing(keeper: Any) -> None:
    """Where a new file has the old name, the old one stays in quarantine."""
    path = keeper.write("products/a.jpg", b"old", days=3)
    keeper.run(ACTION)
    path.write_bytes(b"new")
    _, outcome = keeper.run(ACTION, restore="latest")
    assert (path.read_bytes(), outcome.details["returned"], outcome.details["left"]) == (b"new", 0, 1)
    path.unlink()
    keeper.run(ACTION, restore="latest")
    assert path.read_bytes() == b"old"


def test_purges_after_the_days_of_grace(keeper: Any) -> None:
    """What has waited long enough goes for good and its bytes count as freed."""
    keeper.write("products/a.jpg", b"12345", days=3)
    keeper.run(ACTION)
    later = dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=33)
    keeper.now = lambda: later
    plan, outcome = keeper.run(ACTION)
    assert [[file.name for file in group.files] for group in plan.purges] == [["products/a.jpg"]]
    assert outcome.freed_bytes == 5
    assert keeper.plan(ACTION, keep_days=0).empty


def test_purges_only_what_it_has_set_aside_itself(keeper: Any) -> None:
    """A file that someone put into the quarantine, or changed there, stays; so do runs without a list."""
    for name in ("a", "b"):
        keeper.write(f"products/{name}.jpg", b"12345", days=3)
    keeper.run(ACTION)
    (run,) = Quarantine(keeper.config, area="media").runs()
    (run.folder / "products" / "theirs.jpg").write_bytes(b"x")
    (run.folder / "products" / "b.jpg").write_bytes(b"changed")
    other = run.folder.parent / "20200101T000000000000Z" / "products"
    other.mkdir(parents=True)
    (other / "old.jpg").write_bytes(b"x")
    later = dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=33)
    keeper.now = lambda: later
    plan, outcome = keeper.run(ACTION)
    assert [["products/a.jpg"]] == [[file.name for file in group.files] for group in plan.purges]
    assert 5 == outcome.freed_bytes
    assert {"theirs.jpg", "b.jpg"} == set(os.listdir(run.folder / "products"))
    assert (other / "old.jpg").exists()
    assert "2 files in" in plan.summary
    assert "1 files in" in plan.summary


def test_what_is_made_of_a_file_that_is_back_comes_back(keeper: Any) -> None:
    """A thumbnail in quarantine returns with the row of its original, and is never purged then."""
    keeper.write("products/cup.jpg", days=3)
    keeper.write("products/cup_small.jpg", days=3)
    keeper.run(ACTION)
    keeper.shop.evaluate(
        "from app.models import Product\nproduct = Product.objects.first()\n"
        "product.image = 'products/cup.jpg'\nproduct.save()\nresult = 1"
    )
    later = dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=33)
    keeper.now = lambda: later
    keeper.run(ACTION)
    assert {"products/cup.jpg", "products/cup_small.jpg"} <= keeper.files()


def test_no_shop_gets_the_files_of_another(make_keeper: Callable[..., Any]) -> None:
    """Two shops that share a state folder have each a quarantine of their own: one is beside its media."""
    first, second = make_keeper(orders=12), make_keeper(orders=12)
    second.config = second.config.model_copy(update={"state": first.config.state})
    later = dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=2)
    first.now = second.now = lambda: later
    first.write("products/a.jpg", b"of the first", days=3)
    first.run(ACTION)
    with pytest.raises(StorekeeperError, match="the quarantine is empty") as caught:
        second.plan(ACTION, restore="latest")
    assert str(first.media.resolve()) in caught.value.hint
    second.write("products/b.jpg", b"of the second", days=3)
    plan, outcome = second.run(ACTION)
    assert (outcome.details["moved"], str(first.media.resolve()) in plan.summary) == (1, True)
    for keeper, name, content in ((first, "a", b"of the first"), (second, "b", b"of the second")):
        keeper.run(ACTION, restore="latest")
        assert content == (keeper.media / f"products/{name}.jpg").read_bytes()
        assert not (keeper.media / f"products/{'ab'.replace(name, '')}.jpg").exists()


def test_quarantine_that_cannot_be_marked_lies_elsewhere(make_keeper: Callable[..., Any]) -> None:
    """A disk that takes no byte more leaves no half a mark, so that the place can be had later."""
    keeper = make_keeper(orders=12)
    quarantine = Quarantine(keeper.config, area="media")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with quarantine.open() as elsewhere:
            assert keeper.media.parent.resolve() in elsewhere.root.parents
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with quarantine.open() as tree:
        assert keeper.config.state.resolve() in tree.root.parents


def test_media_that_moved_take_their_quarantine_along(make_keeper: Callable[..., Any]) -> None:
    """When the note that tells whose a quarantine is was removed, as its text says, it is the new place's."""
    keeper = make_keeper(orders=12)
    later = dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=2)
    keeper.now = lambda: later
    keeper.write("products/a.jpg", b"old", days=3)
    keeper.run(ACTION)
    moved = keeper.media.rename(keeper.media.with_name("moved"))
    keeper.config = keeper.config.model_copy(update={"areas": {"media": Area(path=moved)}})
    with pytest.raises(StorekeeperError, match="the quarantine is empty") as caught:
        keeper.plan(ACTION, restore="latest")
    Path(caught.value.hint.rpartition("remove ")[2]).unlink()
    keeper.run(ACTION, restore="latest")
    assert b"old" == (moved / "products/a.jpg").read_bytes()


@pytest.mark.parametrize("days", [3, 33])
def test_a_file_that_a_row_names_again_comes_back(keeper: Any, days: int) -> None:
    """A row that is back, as after a restore, gets its file back at the next run, also when it purges."""
    path = keeper.write("products/a.jpg", days=3)
    other = keeper.write("products/b.jpg", b"old", days=3)
    keeper.run(ACTION)
    keeper.shop.evaluate(
        "from app.models import HeroSlide\nfrom django.utils import timezone\n"
        "for name in 'ab':\n"
        "    HeroSlide.objects.create(title='x', image=f'products/{name}.jpg', starts_at=timezone.now())\n"
        "result = 1"
    )
    other.write_bytes(b"new")
    later = dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=days)
    keeper.now = lambda: later
    _, outcome = keeper.run(ACTION)
    assert path.exists()
    assert (outcome.changed, other.read_bytes()) == (1, b"new")
    # What a row names is never purged; its name is taken, so it waits.
    assert keeper.plan(ACTION).empty
    other.unlink()
    keeper.run(ACTION, restore="latest")
    assert b"old" == other.read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        "media/products/a b%20c.jpg",
        '<img src="/media/products/a%20b%2520c.jpg?w=3">',
        "https://cdn.example.com/x/products/a%20b%2520c.jpg#top",
        "see 'products/a b%20c.jpg'",
    ],
)
def test_declared_texts_keep_files(keeper: Any, text: str) -> None:
    """A field that the config declares keeps what it names in any form of the name."""
    keeper.write("products/a b%20c.jpg", days=3)
    keeper.write("products/other.jpg", days=3)
    keeper.shop.evaluate(
        "from app.models import Product\nproduct = Product.objects.first()\n"
        f"product.attributes = {{'gallery': [{{'src': {text!r}}}]}}\nproduct.save()\nresult = 1"
    )
    assert moved(keeper.plan(ACTION)) == {"products/other.jpg"}


def test_stops_when_no_row_names_a_file(make_keeper: Callable[..., Any]) -> None:
    """An empty database makes every file look orphaned: then nothing moves."""
    keeper = make_keeper(orders=None)
    keeper.now = lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=2)
    keeper.write("products/a.jpg", days=3)
    with pytest.raises(ShopError, match="no row of the shop names a file"):
        keeper.plan(ACTION)


def test_rows_are_asked_for_where_the_shop_reads_them(make_keeper: Callable[..., Any]) -> None:
    """A database that is only read, and that the router lets nobody migrate, keeps the files it names."""
    keeper = make_keeper(orders=5, copied=True)
    keeper.now = lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=2)
    project = keeper.config.project
    shutil.copy(keeper.shop.data / "db.sqlite3", keeper.shop.data / "reader.sqlite3")
    settings = project / "madamda" / "settings.py"
    settings.write_text(
        settings.read_text("utf-8") + _READER % str(keeper.shop.data / "reader.sqlite3"), "utf-8"
    )
    (project / "madamda" / "reading.py").write_text(_READING, "utf-8")
    with closing(sqlite3.connect(keeper.shop.data / "db.sqlite3")) as connection, connection:
        connection.execute("DELETE FROM app_heroslide")
    assert moved(keeper.plan(ACTION)) == set()


def test_a_row_in_other_letters_keeps_its_file(keeper: Any) -> None:
    """Some disks ignore case: a row that writes a name otherwise than the folder does still names it."""
    keeper.shop.evaluate(
        "from app.models import HeroSlide\n"
        "slide = HeroSlide._base_manager.exclude(image='').first()\n"
        "result = HeroSlide._base_manager.filter(pk=slide.pk).update(image=slide.image.name.upper())\n"
    )
    assert moved(keeper.plan(ACTION)) == set()


def test_stops_when_a_question_fails(keeper: Any) -> None:
    """A table that cannot be asked stops the run: half an answer would cost files."""
    keeper.write("products/a.jpg", days=3)
    keeper.shop.evaluate(
        "from django.db import connection\n"
        "connection.cursor().execute('ALTER TABLE app_review RENAME TO gone')\nresult = 1"
    )
    with pytest.raises(Exception, match="app_review"):
        keeper.plan(ACTION)


def test_stops_above_the_budget_unless_forced(make_keeper: Callable[..., Any]) -> None:
    """A run that would move more than its share stops before it moves anything."""
    keeper = make_keeper(orders=12, more="budget: {files: 0.05, bytes: 1, at_least: 1}")
    keeper.now = lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=2)
    for number in range(5):
        keeper.write(f"products/nobody_{number}.jpg", days=3)
    before = keeper.files()
    with pytest.raises(OverBudget):
        keeper.run(ACTION)
    assert keeper.files() == before
    _, outcome = keeper.run(ACTION, force=True)
    assert outcome.details["moved"] == 5


def test_leaves_ignored_files_links_and_qr_codes(make_keeper: Callable[..., Any]) -> None:
    """Thumbnails of the config's ignore, files of qr_codes and links are none of this action."""
    keeper = make_keeper(orders=12)
    area = keeper.config.areas["media"].model_copy(update={"ignore": ("CACHE",)})
    keeper.config = keeper.config.model_copy(update={"areas": {"media": area}})
    keeper.now = lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=2)
    keeper.write("CACHE/x/y.jpg", days=3)
    keeper.write("qr_codes/tracking_qr_X.png", days=3)
    os.symlink("/etc/passwd", keeper.media / "products" / "link.jpg")
    assert moved(keeper.plan(ACTION)) == set()


def test_refuses_an_area_that_holds_the_database(make_keeper: Callable[..., Any]) -> None:
    """Uploads beside the database file: every other file there would be an orphan."""
    keeper = make_keeper(orders=12, copied=True)
    settings = keeper.shop.project / "madamda" / "settings.py"
    settings.write_text(settings.read_text().replace('DATA_DIR / "media"', "DATA_DIR"))
    area = keeper.config.areas["media"].model_copy(update={"path": keeper.shop.project})
    keeper.config = keeper.config.model_copy(update={"areas": {"media": area}})
    with pytest.raises(ConfigurationError, match="holds the shop's"):
        keeper.plan(ACTION)
