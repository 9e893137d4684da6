"""Fields and databases of other shops: sizes kept in rows, suffixes, defaults, two databases, areas above."""

import os
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from actions.optimize_images import OptimizeImages

ACTION = OptimizeImages()
HERE = {"below": "optimize", "over": "1KB"}
FIELD = 'image = models.ImageField(upload_to="hero_slides/")'


@pytest.fixture
def make_changed(make_keeper: Callable[..., Any]) -> Callable[..., Any]:
    """A factory of shops whose slides have another image field."""

    def make(field: str) -> Any:
        keeper = make_keeper(orders=2, copied=True)
        models = keeper.shop.project / "app" / "models.py"
        text = models.read_text()
        assert FIELD in text
        models.write_text(text.replace(FIELD, f"image = models.ImageField({field})"))
        return keeper

    return make


def left(plan: Any) -> dict[str, str]:
    return {item.file.name: item.why for item in plan.left}


def test_a_turned_image_stays_where_a_row_keeps_its_sizes(
    make_changed: Callable[..., Any], make_slides: Callable[..., Any], pictures: Any
) -> None:
    """Width and height would swap in the row: such an image stays, one that stands upright changes."""
    keeper = make_changed('upload_to="hero_slides/", width_field="position"')
    slides = make_slides(keeper)
    slides.add("turned.jpg", pictures.photo(exif=pictures.exif(6)))
    slides.add("upright.jpg", pictures.photo(exif=pictures.exif(3)))
    plan, outcome = keeper.run(ACTION, **HERE)
    assert left(plan) == {"optimize/turned.jpg": "it is turned, and a row keeps its width and height"}
    assert outcome.changed == 1
    widths = keeper.shop.evaluate(
        "from app.models import HeroSlide\n"
        "result = list(HeroSlide.objects.filter(image__startswith='optimize/')"
        ".values_list('position', flat=True))"
    )
    assert widths == [320, 320]


def test_a_field_that_takes_only_jpg_keeps_its_images(
    make_changed: Callable[..., Any], make_slides: Callable[..., Any], pictures: Any
) -> None:
    """A WebP would make every later change in the admin fail; the same format is still possible."""
    keeper = make_changed(
        'upload_to="hero_slides/", validators=[__import__("django.core.validators", fromlist=["x"])'
        '.FileExtensionValidator(["jpg", "png"])]'
    )
    slides = make_slides(keeper)
    slides.add("a.jpg", pictures.photo())
    assert left(keeper.plan(ACTION, **HERE)) == {"optimize/a.jpg": "app.HeroSlide.image does not take .webp"}
    _, outcome = keeper.run(ACTION, to="same", quality=50, **HERE)
    assert outcome.changed == 1


def test_the_default_of_a_field_stays(
    make_changed: Callable[..., Any], make_slides: Callable[..., Any], pictures: Any
) -> None:
    """New rows will name it again."""
    keeper = make_changed('upload_to="hero_slides/", default="optimize/a.jpg"')
    make_slides(keeper).add("a.jpg", pictures.photo())
    assert left(keeper.plan(ACTION, **HERE)) == {"optimize/a.jpg": "it is the default of app.HeroSlide.image"}


def test_rows_of_two_databases_change_together(
    make_keeper: Callable[..., Any], make_slides: Callable[..., Any], pictures: Any
) -> None:
    """A file that both databases name: when one refuses, neither row changes; then both do."""
    keeper = make_keeper(orders=2, copied=True)
    settings = keeper.shop.project / "madamda" / "settings.py"
    settings.write_text(
        settings.read_text()
        + 'DATABASES["archive"] = {**DATABASES["default"], "NAME": DATA_DIR / "archive.sqlite3"}\n'
    )
    keeper.shop.manage("migrate", "--database=archive", "--verbosity=0")
    slides = make_slides(keeper)
    slides.add("a.jpg", pictures.photo())
    keeper.shop.evaluate(
        "from app.models import HeroSlide\nfrom django.utils import timezone\n"
        "HeroSlide.objects.using('archive').create(image='optimize/a.jpg', starts_at=timezone.now())\n"
        "result = 1"
    )
    before = keeper.files()
    for alias in ("db", "archive"):
        file = keeper.shop.data / f"{alias}.sqlite3"
        with sqlite3.connect(file) as connection:
            connection.execute(
                "CREATE TRIGGER refuse BEFORE UPDATE OF image ON app_heroslide"
                " BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        _, outcome = keeper.run(ACTION, **HERE)
        assert (outcome.changed, values(keeper), keeper.files()) == (0, ["optimize/a.jpg"] * 2, before)
        with sqlite3.connect(file) as connection:
            connection.execute("DROP TRIGGER refuse")
    plan, outcome = keeper.run(ACTION, **HERE)
    assert (outcome.changed, values(keeper)) == (1, [plan.images[0].name] * 2)


def values(keeper: Any) -> list[str]:
    """Give what the slides of both databases name below ``optimize``."""
    found: list[str] = keeper.shop.evaluate(
        "from app.models import HeroSlide\n"
        "result = [name for alias in ('default', 'archive')\n"
        "          for name in HeroSlide.objects.using(alias).filter(image__startswith='optimize/')"
        ".values_list('image', flat=True)]"
    )
    return found


def test_an_area_above_the_media_folder(
    make_keeper: Callable[..., Any], make_slides: Callable[..., Any], pictures: Any
) -> None:
    """Names below the area begin with the media folder, values in rows do not."""
    keeper = make_keeper(orders=2)
    slides = make_slides(keeper)
    slides.add("a.jpg", pictures.photo())
    area = keeper.config.areas["media"].model_copy(update={"path": keeper.shop.data})
    keeper.config = keeper.config.model_copy(update={"areas": {"media": area}})
    plan, _ = keeper.run(ACTION, below="media/optimize", over="1KB")
    assert [f"media/{name}" for name in slides.names()] == [image.name for image in plan.images]
    assert slides.broken() == []
    keeper.run(ACTION, undo="latest")
    assert slides.names() == ["optimize/a.jpg"]


def test_readers_of_the_old_file_can_read_the_new_one(
    make_keeper: Callable[..., Any], make_slides: Callable[..., Any], pictures: Any
) -> None:
    """Owner, group and mode are those of the original."""
    keeper = make_keeper(orders=2)
    slides = make_slides(keeper)
    path = slides.add("a.jpg", pictures.photo())
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 33, 33)
    keeper.run(ACTION, **HERE)
    (name,) = slides.names()
    old, new = path.stat(), (keeper.media / name).stat()
    assert (new.st_mode, new.st_uid, new.st_gid) == (old.st_mode, old.st_uid, old.st_gid)
