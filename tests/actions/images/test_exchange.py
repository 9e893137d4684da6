"""The exchange of images in a real shop: files, rows and the way back."""

import datetime as dt
import io
import os
import sqlite3
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from actions.cleanup_orphaned_media import CleanupOrphanedMedia
from actions.images.exchange import ImageExchange
from actions.optimize_images import OptimizeImages, wish_of
from storekeeper.errors import ConfigurationError, NotEnoughSpace, StorekeeperError
from storekeeper.files import Tree

ACTION = OptimizeImages()
REFERENCES = "references: [app.Note.text, app.Product.attributes, app.Product.description]"
HERE = {"below": "optimize", "over": "1KB"}


@pytest.fixture
def keeper(make_keeper: Callable[..., Any]) -> Any:
    return make_keeper(orders=12, more=REFERENCES)


@pytest.fixture
def slides(keeper: Any, make_slides: Callable[..., Any]) -> Any:
    return make_slides(keeper)


def left(plan: Any) -> dict[str, str]:
    return {item.file.name: item.why for item in plan.left}


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_all_rows_of_a_shared_file_get_the_new_one(
    make_keeper: Callable[..., Any], make_slides: Callable[..., Any], pictures: Any, database: str
) -> None:
    """Two slides, a hidden review and a product that is a child's parent row; the original stays as it is."""
    keeper = make_keeper(database, orders=12, more=REFERENCES)
    slides = make_slides(keeper)
    content = pictures.photo()
    path = slides.add("រូបភាព ១.jpg", content, rows=2)
    keeper.shop.evaluate(
        "from app.models import Review, Product, DigitalProduct\n"
        "review = Review.everything.first()\n"
        "Review.everything.filter(pk=review.pk).update(photo='optimize/រូបភាព ១.jpg', is_deleted=True)\n"
        "child = DigitalProduct.objects.first() or Product.objects.first()\n"
        "Product.objects.filter(pk=child.pk).update(image='optimize/រូបភាព ១.jpg')\nresult = 1"
    )
    before = path.stat()
    plan, outcome = keeper.run(ACTION, **HERE)
    new = plan.images[0].name
    assert (outcome.changed, outcome.details["rows"], outcome.freed_bytes) == (1, 4, 0)
    assert slides.names() == [new, new]
    assert new.startswith("optimize/រូបភាព ១-") and new.endswith(".webp")
    assert Image.open(keeper.media / new).format == "WEBP"
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (content, before.st_mtime_ns)
    # From now on the grace of the orphans counts.
    assert path.stat().st_ctime_ns > before.st_ctime_ns
    assert (keeper.media / new).stat().st_mode == path.stat().st_mode
    assert slides.broken() == []
    assert keeper.plan(ACTION, **HERE).empty


def test_a_dry_run_tells_what_the_run_does(keeper: Any, slides: Any, pictures: Any) -> None:
    """The plan changes nothing, and its files, names and sizes are those of the run."""
    slides.add("a.jpg", pictures.photo())
    slides.add("b.png", pictures.photo("PNG"))
    before = keeper.files(), slides.names(), sorted(os.listdir(keeper.config.state))
    told = keeper.plan(ACTION, **HERE)
    assert before == (keeper.files(), slides.names(), sorted(os.listdir(keeper.config.state)))
    keeper.run(ACTION, **HERE)
    assert keeper.files() - before[0] == {item["new_file"] for item in told.as_json()["items"]}
    assert {(keeper.media / image.name).stat().st_size for image in told.images} == {
        image.size_bytes for image in told.images
    }
    assert len(told.rows()) == 3


def test_same_format_gets_a_new_name_too(keeper: Any, slides: Any, pictures: Any) -> None:
    """A JPEG packed again is a new JPEG beside the old one, and is not packed a second time."""
    slides.add("a.jpg", pictures.photo())
    keeper.run(ACTION, to="same", quality=50, **HERE)
    (name,) = slides.names()
    assert (name != "optimize/a.jpg", Image.open(keeper.media / name).format) == (True, "JPEG")
    assert keeper.plan(ACTION, to="same", quality=10, **HERE).empty


def test_leaves_what_saves_too_little(keeper: Any, slides: Any, pictures: Any) -> None:
    """The share is a promise: below it nothing changes."""
    slides.add("a.jpg", pictures.photo())
    plan = keeper.plan(ACTION, save_at_least=0.99, **HERE)
    assert left(plan) == {"optimize/a.jpg": "the new form saves less than 99%"}


def test_leaves_orphans_links_and_small_files(keeper: Any, slides: Any, pictures: Any) -> None:
    """What no row names, links, and files up to the size are not even told; videos are."""
    keeper.write("optimize/orphan.jpg", pictures.photo())
    keeper.write("optimize/film.mp4", bytes(5000))
    os.symlink("/etc/passwd", keeper.media / "optimize" / "link.jpg")
    slides.add("small.jpg", pictures.photo(size=(8, 8)))
    plan = keeper.plan(ACTION, **HERE)
    assert (plan.empty, left(plan), [video.name for video in plan.videos]) == (
        True,
        {},
        ["optimize/film.mp4"],
    )


def test_leaves_broken_images_and_says_so(keeper: Any, slides: Any, pictures: Any) -> None:
    """A broken image is told with the reason; the others change."""
    slides.add("broken.jpg", pictures.photo()[:4000])
    slides.add("whole.jpg", pictures.photo())
    plan, outcome = keeper.run(ACTION, **HERE)
    assert left(plan)["optimize/broken.jpg"].startswith("broken")
    assert outcome.changed == 1


def test_leaves_what_a_text_names(keeper: Any, slides: Any, pictures: Any) -> None:
    """A description that links to the image keeps it as it is."""
    slides.add("a.jpg", pictures.photo())
    keeper.shop.evaluate(
        "from app.models import Product\nProduct.objects.filter(pk=Product.objects.first().pk)"
        ".update(description='<img src=\"/media/optimize/a.jpg\">')\nresult = 1"
    )
    assert left(keeper.plan(ACTION, **HERE)) == {"optimize/a.jpg": "app.Product.description names it"}


def test_leaves_other_spellings_and_plain_file_fields(keeper: Any, slides: Any, pictures: Any) -> None:
    """A row that names the file in another way cannot be changed safely; a download may be goods."""
    slides.add("a.jpg", pictures.photo())
    slides.add("b.jpg", pictures.photo())
    keeper.shop.evaluate(
        "from app.models import HeroSlide, Product\n"
        "first = HeroSlide.objects.get(image='optimize/a.jpg')\n"
        "HeroSlide.objects.filter(pk=first.pk).update(image='./optimize/a.jpg')\n"
        "HeroSlide.objects.filter(image='optimize/b.jpg').update(video='optimize/b.jpg')\nresult = 1"
    )
    plan = keeper.plan(ACTION, **HERE)
    assert "spells its name differently" in left(plan)["optimize/a.jpg"]
    assert "a field for files of any kind" in left(plan)["optimize/b.jpg"]
    _, outcome = keeper.run(ACTION, file_fields=True, **HERE)
    assert (outcome.changed, outcome.details["rows"]) == (1, 2)


def test_a_long_name_is_cut_to_the_field(keeper: Any, slides: Any, pictures: Any) -> None:
    """The new value has no more characters than the field takes."""
    name = "x" * (100 - len("optimize/.jpg")) + ".jpg"
    slides.add(name, pictures.photo())
    keeper.run(ACTION, **HERE)
    (value,) = slides.names()
    assert (len(value), value.endswith(".webp")) == (100, True)


def test_a_row_changed_meanwhile_keeps_its_value(keeper: Any, slides: Any, pictures: Any) -> None:
    """Between plan and run a slide got another image: neither slide changes, the next run does the rest."""
    slides.add("a.jpg", pictures.photo())
    plan = keeper.plan(ACTION, **HERE)
    before = keeper.files()
    keeper.shop.evaluate(
        "from app.models import HeroSlide\n"
        "HeroSlide.objects.filter(image='optimize/a.jpg').update(image='optimize/other.jpg')\nresult = 1"
    )
    outcome = ACTION.perform(keeper.context(), ACTION.Options(**HERE), plan)
    assert (outcome.changed, outcome.details["left"]) == (0, {"optimize/a.jpg": "its rows changed meanwhile"})
    assert (slides.names(), keeper.files()) == (["optimize/other.jpg"], before)


def test_a_text_that_came_meanwhile_keeps_the_image(keeper: Any, slides: Any, pictures: Any) -> None:
    """Between plan and run a description began to link to the image: it stays."""
    slides.add("a.jpg", pictures.photo())
    plan = keeper.plan(ACTION, **HERE)
    keeper.shop.evaluate(
        "from app.models import Product\n"
        "Product.objects.update(description='see /media/optimize/a.jpg')\nresult = 1"
    )
    outcome = ACTION.perform(keeper.context(), ACTION.Options(**HERE), plan)
    assert outcome.details["left"] == {"optimize/a.jpg": "app.Product.description names it"}
    assert slides.names() == ["optimize/a.jpg"]


def test_one_row_that_cannot_change_keeps_all(keeper: Any, slides: Any, pictures: Any) -> None:
    """The rows of one file change together: where the database refuses one, no row changes, no file stays."""
    slides.add("a.jpg", pictures.photo(), rows=2)
    before = keeper.files()
    with sqlite3.connect(keeper.shop.data / "db.sqlite3") as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE UPDATE OF image ON app_heroslide"
            " WHEN OLD.id = (SELECT max(id) FROM app_heroslide) BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    _, outcome = keeper.run(ACTION, **HERE)
    assert (outcome.changed, slides.names(), keeper.files()) == (0, ["optimize/a.jpg"] * 2, before)


def test_a_file_changed_meanwhile_stays(keeper: Any, slides: Any, pictures: Any) -> None:
    """A new upload under the same name after the plan is left alone."""
    path = slides.add("a.jpg", pictures.photo())
    plan = keeper.plan(ACTION, **HERE)
    path.write_bytes(pictures.photo(size=(400, 300)))
    outcome = ACTION.perform(keeper.context(), ACTION.Options(**HERE), plan)
    assert (outcome.changed, slides.names()) == (0, ["optimize/a.jpg"])


def test_undo_restores_every_row_and_file(keeper: Any, slides: Any, pictures: Any) -> None:
    """After undo, rows and files are what they were, byte for byte; a second undo finds nothing."""
    slides.add("a.jpg", pictures.photo(), rows=2)
    slides.add("b.gif", pictures.animation())
    before = {name: (keeper.media / name).read_bytes() for name in keeper.files()}
    names = slides.names()
    keeper.run(ACTION, **HERE)
    assert slides.names() != names
    _, outcome = keeper.run(ACTION, undo="latest")
    assert (outcome.changed, slides.names()) == (outcome.details["images"], names)
    assert before == {name: (keeper.media / name).read_bytes() for name in keeper.files()}
    with pytest.raises(StorekeeperError, match="no run"):
        keeper.plan(ACTION, undo="latest")


def test_undo_brings_originals_back_from_quarantine(keeper: Any, slides: Any, pictures: Any) -> None:
    """The orphan job leaves the original for a day, then sets it aside; undo brings it back from there."""
    path = slides.add("a.jpg", pictures.photo())
    content = path.read_bytes()
    keeper.run(ACTION, **HERE)
    keeper.run(CleanupOrphanedMedia())
    assert path.exists()
    keeper.now = lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=2)
    keeper.run(CleanupOrphanedMedia())
    assert not path.exists()
    keeper.run(ACTION, undo="latest")
    assert (slides.names(), path.read_bytes()) == (["optimize/a.jpg"], content)


def test_undo_leaves_what_somebody_changed(keeper: Any, slides: Any, pictures: Any) -> None:
    """A slide with another image keeps that; without the original nothing is taken back."""
    slides.add("a.jpg", pictures.photo(), rows=2)
    slides.add("b.jpg", pictures.photo(size=(300, 200)))
    keeper.run(ACTION, **HERE)
    keeper.shop.evaluate(
        "from app.models import HeroSlide\nslides = HeroSlide.objects.filter(image__startswith='optimize/')\n"
        "slides.filter(pk=slides.order_by('pk')[0].pk).update(image='optimize/mine.jpg')\nresult = 1"
    )
    (keeper.media / "optimize/b.jpg").unlink()
    kept = slides.names()[2]
    _, outcome = keeper.run(ACTION, undo="latest")
    assert slides.names() == ["optimize/mine.jpg", "optimize/a.jpg", kept]
    assert (outcome.details["left"], (keeper.media / kept).exists()) == (1, True)


def test_undo_wants_the_very_original(keeper: Any, slides: Any, pictures: Any) -> None:
    """Another file that got the original's name meanwhile is not what the rows meant."""
    path = slides.add("a.jpg", pictures.photo())
    keeper.run(ACTION, **HERE)
    names = slides.names()
    path.write_bytes(b"another")
    plan, outcome = keeper.run(ACTION, undo="latest")
    assert [why for _, why in plan.left] == ["another file has the name of its original"]
    assert (outcome.changed, slides.names(), path.read_bytes()) == (0, names, b"another")


def test_undo_keeps_a_new_file_that_a_text_names(keeper: Any, slides: Any, pictures: Any) -> None:
    """The rows go back; the new file stays while a description links to it."""
    slides.add("a.jpg", pictures.photo())
    keeper.run(ACTION, **HERE)
    (new,) = slides.names()
    keeper.shop.evaluate(
        "from app.models import Product\n"
        f"Product.objects.update(description={f'see /media/{new}'!r})\nresult = 1"
    )
    _, outcome = keeper.run(ACTION, undo="latest")
    assert (slides.names(), (keeper.media / new).exists()) == (["optimize/a.jpg"], True)
    assert outcome.details["kept"] == 1


def test_a_full_disk_changes_no_row(keeper: Any, slides: Any, pictures: Any) -> None:
    """A media folder that runs full in the middle: no row changes, no half file stays."""
    slides.add("a.jpg", pictures.photo())
    slides.add("b.jpg", pictures.photo(size=(640, 480)))
    folder = keeper.media / "optimize"
    content = {path.name: path.read_bytes() for path in folder.iterdir()}
    room = sum(map(len, content.values())) // 1024 + 40
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}k", "tmpfs", keeper.media], check=True)
    try:
        folder.mkdir()
        for name, data in content.items():
            (folder / name).write_bytes(data)
        with pytest.raises(NotEnoughSpace, match="needs"):
            keeper.run(ACTION, over="1KB")
        plan = keeper.plan(ACTION, over="1KB")
        # Room for the first of the two: the second is cut short by the full disk.
        first_blocks = -(-plan.images[0].size_bytes // 4096)
        (folder / "filler").write_bytes(bytes((os.statvfs(folder).f_bavail - first_blocks) * 4096))
        exchange = ImageExchange(
            keeper.context(), plan=plan, wish=wish_of(ACTION.Options(over="1KB")), margin_bytes=-(10**9)
        )
        with Tree(keeper.media) as tree, pytest.raises(NotEnoughSpace, match="cannot be written"):
            exchange.run(tree)
        assert sorted(os.listdir(folder)) == ["a.jpg", "b.jpg", "filler"]
        assert slides.names() == ["optimize/a.jpg", "optimize/b.jpg"]
    finally:
        subprocess.run(["umount", keeper.media], check=True)


def test_an_unknown_area_is_a_configuration_error(keeper: Any) -> None:
    """The message names the areas there are."""
    with pytest.raises(ConfigurationError, match="media"):
        keeper.plan(ACTION, area="medai")


def test_turned_images_swap_only_where_no_row_keeps_sizes(keeper: Any, slides: Any, pictures: Any) -> None:
    """A photo taken with the camera on its side stands upright in WebP."""
    slides.add("a.jpg", pictures.photo(exif=pictures.exif(6)))
    keeper.run(ACTION, **HERE)
    (name,) = slides.names()
    assert Image.open(io.BytesIO((keeper.media / name).read_bytes())).size == (240, 320)
