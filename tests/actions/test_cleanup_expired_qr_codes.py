"""The cleanup of QR codes on a real shop: what goes, what stays, and that a dry run tells the truth."""

import datetime as dt
import os
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from actions.cleanup_expired_qr_codes import CleanupExpiredQrCodes
from actions.cleanup_orphaned_media import CleanupOrphanedMedia
from storekeeper.errors import ConfigurationError, OverBudget, ShopError, StorekeeperError

ACTION = CleanupExpiredQrCodes()
BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"])

ROWS = """
from app.models import OrderQRCode
result = {str(row.pk): row.qr_code_image.name for row in OrderQRCode.objects.order_by("pk")}
"""


def rows(keeper: Any) -> dict[str, str]:
    """Give key → name of the file, of every row."""
    return keeper.shop.evaluate(ROWS)


@BOTH
def test_removes_expired_codes_with_their_rows_and_old_tracking_codes(
    database: str, make_keeper: Callable[..., Any]
) -> None:
    """Codes that expired ten days ago go with their rows, tracking images of that age too; the rest stays."""
    keeper = make_keeper(database, orders=20, options=("--expired-share=0",))
    files_before, rows_before = keeper.files(), rows(keeper)
    keeper.shop.manage("add_expired_qr_codes", "--count=5", "--file-bytes=2KB")
    added = keeper.files() - files_before
    plan, outcome = keeper.run(ACTION)
    assert added == {f"qr_codes/{name}" for name in _names(plan)}
    assert files_before == keeper.files()
    assert rows_before == rows(keeper)
    assert len(added) == 10
    assert outcome.freed_bytes == plan.size_bytes == 10 * 2000
    assert outcome.changed == 15
    assert keeper.plan(ACTION).empty


def _names(plan: Any) -> list[str]:
    return [item["file"].removeprefix("qr_codes/") for item in plan.as_json()["items"] if item["file"]]


SET_CODES = """
import datetime
from django.utils import timezone
from app.models import OrderQRCode
codes = list(OrderQRCode.objects.order_by("pk"))
for code, (name, days) in zip(codes, {codes!r}):
    code.qr_code_image = name
    code.expires_at = timezone.now() - datetime.timedelta(days=days)
    code.save()
result = [str(code.pk) for code in codes]
"""


def set_codes(keeper: Any, *codes: tuple[str, float]) -> list[str]:
    """Give the first rows these (file, days since expiry), write the files, return the keys of all rows."""
    for name, days in codes:
        if name and not name.startswith(("/", "..")) and not (keeper.media / name).exists():
            keeper.write(name, days=days)
    return keeper.shop.evaluate(SET_CODES.format(codes=list(codes)))


@pytest.fixture
def keeper(make_keeper: Callable[..., Any]) -> Any:
    """A shop on SQLite whose codes are all still valid, its codes in files that no test looks at."""
    return make_keeper(orders=12, options=("--expired-share=0",))


def gone(keeper: Any, **options: Any) -> set[str]:
    """Run the action, check that the dry run had told exactly what went, and give the files that went."""
    before, rows_before = keeper.files(), rows(keeper)
    plan = keeper.plan(ACTION, **options)
    assert (before, rows_before) == (keeper.files(), rows(keeper))
    told = plan.as_json()
    _, outcome = keeper.run(ACTION, **options)
    went = before - keeper.files()
    assert {item["file"] for item in told["items"] if item["file"]} >= went
    assert {item["row"] for item in told["items"] if "row" in item} == rows_before.keys() - rows(
        keeper
    ).keys()
    assert outcome.details["files"] == told["files"]
    assert outcome.freed_bytes == told["bytes"]
    return went


def test_days_count_from_the_expiry_not_from_the_file(keeper: Any) -> None:
    """An old file of a code that has just expired stays; a new file of one that expired long ago goes."""
    set_codes(keeper, ("qr_codes/qr_A.png", 6.9), ("qr_codes/qr_B.png", 7.1))
    keeper.write("qr_codes/qr_A.png", days=100)
    keeper.write("qr_codes/qr_B.png", days=0)
    assert gone(keeper) == {"qr_codes/qr_B.png"}
    assert gone(keeper, days=6) == {"qr_codes/qr_A.png"}


def test_each_kind_has_its_own_keep(make_keeper: Callable[..., Any]) -> None:
    """Without --days the config decides for each kind."""
    keeper = make_keeper(
        orders=12,
        options=("--expired-share=0",),
        qr_codes="""
  payment: {model: app.OrderQRCode, file: qr_code_image, expires: expires_at, keep: 30d}
  tracking: {pattern: "qr_codes/tracking_qr_*.png", keep: 2d}
""",
    )
    set_codes(keeper, ("qr_codes/qr_A.png", 29), ("qr_codes/qr_B.png", 31))
    keeper.write("qr_codes/tracking_qr_A.png", days=3)
    keeper.write("qr_codes/tracking_qr_B.png", days=1)
    assert gone(keeper) == {"qr_codes/qr_B.png", "qr_codes/tracking_qr_A.png"}


def test_force_takes_unexpired_codes_by_the_age_of_the_file(keeper: Any) -> None:
    """With --force a valid code goes when its file is old enough; a young file and a missing one stay."""
    keys = set_codes(keeper, ("qr_codes/qr_A.png", -5), ("qr_codes/qr_B.png", -5), ("qr_codes/qr_C.png", -5))
    keeper.write("qr_codes/qr_A.png", days=8)
    keeper.write("qr_codes/qr_B.png", days=6)
    (keeper.media / "qr_codes/qr_C.png").unlink()
    for name in keeper.files():
        if name.startswith("qr_codes/qr_MD"):
            os.utime(keeper.media / name)
    assert gone(keeper) == set()
    assert gone(keeper, force=True) == {"qr_codes/qr_A.png"}
    assert set(keys) - rows(keeper).keys() == {keys[0]}


def test_a_row_whose_file_is_missing_goes(keeper: Any) -> None:
    """A missing file is success: the expired row goes alone."""
    keys = set_codes(keeper, ("qr_codes/qr_A.png", 9))
    (keeper.media / "qr_codes/qr_A.png").unlink()
    assert gone(keeper) == set()
    assert keys[0] not in rows(keeper)


def test_a_file_that_another_row_names_stays(keeper: Any) -> None:
    """Named by a valid code, by another model or behind a manager that hides rows, the file stays."""
    set_codes(
        keeper,
        ("qr_codes/qr_A.png", 9),
        ("qr_codes/qr_A.png", -1),
        ("qr_codes/qr_B.png", 9),
        ("qr_codes/qr_C.png", 9),
        ("qr_codes/qr_D.png", 9),
        ("qr_codes/qr_D.png", 9),
    )
    keeper.shop.evaluate(
        "from app.models import *\nfrom django.utils import timezone\n"
        "HeroSlide.objects.create(title='x', image='qr_codes/qr_B.png', starts_at=timezone.now())\n"
        "Review.everything.create(product=Product.objects.first(), rating=1, photo='qr_codes/qr_C.png',"
        " is_deleted=True)\nresult = 1"
    )
    assert gone(keeper) == {"qr_codes/qr_D.png"}


def test_any_text_keeps_a_file_and_the_plan_says_where_it_stands(make_keeper: Callable[..., Any]) -> None:
    """
    A note that links to an image keeps it, as does a table that no model knows; the rows of the codes go.

    The row that goes counts for nothing by its own field; a second run finds the files still named.
    """
    keeper = make_keeper(orders=12, options=("--expired-share=0",))
    set_codes(keeper, *((f"qr_codes/qr_{letter}.png", 9) for letter in "ABCD"))
    keeper.shop.evaluate(
        "from app.models import Order\nfrom django.db import connection\norder = Order.objects.first()\n"
        "order.note = 'paid: <a href=\"https://shop.example/media/qr_codes/qr%5FA.png\">code</a>'\norder.save()\n"
        "cursor = connection.cursor()\ncursor.execute('CREATE TABLE past_codes (image text)')\n"
        "cursor.execute(\"INSERT INTO past_codes VALUES ('qr_codes/qr_B.png'), ('qr_codes/qr_C.png')\")\n"
        "result = 1"
    )
    before = keeper.files()
    plan, outcome = keeper.run(ACTION)
    assert before - keeper.files() == {"qr_codes/qr_D.png"}
    assert outcome.details["rows"] == 4
    places = {"1 files stay, since the database names them elsewhere: default: app_order.note"}
    places.add("2 files stay, since the database names them elsewhere: default: past_codes.image")
    assert places <= set(plan.notes)
    assert all(place in outcome.summary for place in places)
    keeper.run(ACTION)
    assert before - keeper.files() == {"qr_codes/qr_D.png"}


def test_removes_nothing_while_a_database_cannot_be_asked(
    make_keeper: Callable[..., Any], tmp_path: Any
) -> None:
    """A second database that is away may name any image: no row and no file goes, and the run says so."""
    keeper = make_keeper(orders=12, options=("--expired-share=0",), copied=True)
    set_codes(keeper, ("qr_codes/qr_A.png", 9))
    settings = keeper.shop.project / "madamda" / "settings.py"
    away = tmp_path / "away.sqlite3"
    added = f"DATABASES['away'] = {{'ENGINE': 'django.db.backends.sqlite3', 'NAME': {str(away)!r}}}"
    settings.write_text(f"{settings.read_text()}\n{added}\n")
    before = keeper.files()
    with pytest.raises(StorekeeperError, match="away"):
        keeper.run(ACTION)
    assert keeper.files() == before


def test_orphans_go_only_after_a_day_of_rest(keeper: Any) -> None:
    """A file of the pattern that no row names goes when it is old and nothing happened to it for 24 hours."""
    keeper.write("qr_codes/qr_orphan_ខ្មែរ.png", days=30)
    assert gone(keeper) == set()
    keeper.now = lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(hours=25)
    keeper.write("qr_codes/qr_young.png", days=3)
    assert gone(keeper) == {"qr_codes/qr_orphan_ខ្មែរ.png"}
    keeper.run(CleanupOrphanedMedia(), restore="latest")
    assert "qr_codes/qr_orphan_ខ្មែរ.png" in keeper.files()


def test_orphans_are_ours_only_where_uploads_come_from(keeper: Any) -> None:
    """A pattern reaches no folder that no upload_to says, and nothing that is made of a live code."""
    keeper.now = lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(hours=25)
    kind = keeper.config.qr_codes["payment"].model_copy(update={"pattern": "**/qr_*.png"})
    keeper.config = keeper.config.model_copy(update={"qr_codes": {"payment": kind}})
    keeper.write("print/qr_sheet.png", days=30)
    live = next(name for name in keeper.files() if name.startswith("qr_codes/qr_"))
    keeper.write(live.replace(".png", "_small.png"), days=30)
    keeper.write("qr_codes/qr_lost.png", days=30)
    assert gone(keeper) == {"qr_codes/qr_lost.png"}


def test_leaves_orphans_alone_when_no_row_names_anything(make_keeper: Callable[..., Any]) -> None:
    """In a shop that has lost its rows every file looks orphaned; tracking codes go by age as ever."""
    keeper = make_keeper(orders=None)
    keeper.now = lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=2)
    keeper.write("qr_codes/qr_A.png", days=30)
    keeper.write("qr_codes/tracking_qr_A.png", days=30)
    assert gone(keeper) == {"qr_codes/tracking_qr_A.png"}


def test_names_that_lead_elsewhere_are_left_alone(keeper: Any, tmp_path: Any) -> None:
    """Rows that name absolute paths, climbing paths, links or folders stay, and so does what they name."""
    secret = tmp_path / "secret.png"
    secret.write_text("untouched")
    (keeper.media / "qr_codes" / "qr_link.png").symlink_to(secret)
    (keeper.media / "qr_codes" / "qr_folder.png").mkdir()
    (keeper.media / "way").symlink_to(tmp_path)
    codes = [
        str(secret),
        "../../secret.png",
        "qr_codes/qr_link.png",
        "qr_codes/qr_folder.png",
        "way/secret.png",
    ]
    keys = set_codes(keeper, *((name, 9) for name in codes))
    assert gone(keeper) == set()
    assert rows(keeper).keys() == set(keys)
    assert secret.exists()
    assert "left alone" in keeper.plan(ACTION).summary


def test_khmer_names_go_like_others(keeper: Any) -> None:
    """Names in any script are plain names."""
    set_codes(keeper, ("qr_codes/qr_កាហ្វេ ១២៣.png", 9))
    assert gone(keeper) == {"qr_codes/qr_កាហ្វេ ១២៣.png"}


@BOTH
def test_clear_keeps_the_row_and_empties_its_field(database: str, make_keeper: Callable[..., Any]) -> None:
    """With row: clear the row stays and names no file."""
    keeper = make_keeper(
        database,
        orders=12,
        options=("--expired-share=0",),
        qr_codes="""
  payment: {model: app.OrderQRCode, file: qr_code_image, expires: expires_at, row: clear}
""",
    )
    keys = set_codes(keeper, ("qr_codes/qr_A.png", 9))
    keeper.run(ACTION)
    assert rows(keeper)[keys[0]] == ""
    assert "qr_codes/qr_A.png" not in keeper.files()
    assert keeper.plan(ACTION).empty


def test_rows_that_would_take_others_along_are_left(make_keeper: Callable[..., Any]) -> None:
    """An order is never deleted for its image: its items would go with it. The note names the way out."""
    keeper = make_keeper(orders=12, copied=True)
    models = keeper.shop.project / "app" / "models.py"
    extra = (
        "\n\nclass Scan(models.Model):\n    code = models.ForeignKey(OrderQRCode, on_delete=models.CASCADE)\n"
    )
    models.write_text(models.read_text() + extra)
    keeper.shop.manage("makemigrations", "app", "--verbosity=0")
    keeper.shop.manage("migrate", "--verbosity=0")
    keys = set_codes(keeper, ("qr_codes/qr_A.png", 9), ("qr_codes/qr_B.png", 9))
    keeper.shop.evaluate(f"from app.models import Scan\nScan.objects.create(code_id={keys[0]})\nresult = 1")
    plan, _ = keeper.run(ACTION, days=7)
    assert keys[0] in rows(keeper)
    assert keys[1] not in rows(keeper)
    assert (keeper.media / "qr_codes/qr_A.png").exists()
    assert "row: clear" in plan.summary


def test_a_default_image_is_never_removed(make_keeper: Callable[..., Any]) -> None:
    """The image that the field gives to rows without one belongs to the shop, not to a row."""
    keeper = make_keeper(orders=12, options=("--expired-share=0",), copied=True)
    models = keeper.shop.project / "app" / "models.py"
    field = 'models.ImageField(upload_to="qr_codes/", blank=True)'
    models.write_text(models.read_text().replace(field, field[:-1] + ', default="qr_codes/qr_none.png")'))
    set_codes(keeper, ("qr_codes/qr_none.png", 9))
    assert gone(keeper) == set()


def test_stops_above_the_budget_unless_forced(make_keeper: Callable[..., Any]) -> None:
    """A run that would remove more than its share removes nothing, and the dry run says so."""
    keeper = make_keeper(
        orders=12, options=("--expired-share=0",), more="budget: {files: 0.01, bytes: 1, at_least: 1}"
    )
    set_codes(keeper, ("qr_codes/qr_A.png", 9), ("qr_codes/qr_B.png", 9))
    before, rows_before = keeper.files(), rows(keeper)
    with pytest.raises(OverBudget):
        keeper.run(ACTION)
    assert (before, rows_before) == (keeper.files(), rows(keeper))
    assert "it would stop" in keeper.plan(ACTION).summary
    keeper.run(ACTION, force=True)
    assert before - keeper.files() >= {"qr_codes/qr_A.png", "qr_codes/qr_B.png"}


def test_nothing_to_do_without_the_folders(keeper: Any) -> None:
    """A shop without qr_codes, or without media at all, has nothing to clean and says so."""
    shutil.rmtree(keeper.media / "qr_codes")
    assert gone(keeper) == set()
    shutil.rmtree(keeper.media)
    plan, outcome = keeper.run(ACTION)
    assert plan.empty
    assert "does not exist" in outcome.summary


def test_refuses_a_field_whose_files_lie_elsewhere(keeper: Any, tmp_path: Any) -> None:
    """The files of the field must lie in the area that the config names."""
    (tmp_path / "elsewhere").mkdir()
    area = keeper.config.areas["media"].model_copy(update={"path": tmp_path / "elsewhere"})
    keeper.config = keeper.config.model_copy(update={"areas": {"media": area}})
    with pytest.raises(ConfigurationError, match="do not lie below"):
        keeper.plan(ACTION)


def test_a_file_deleted_by_the_shop_itself_counts_as_freed(make_keeper: Callable[..., Any]) -> None:
    """A shop whose own signal deletes the file with the row is no error."""
    keeper = make_keeper(orders=12, options=("--expired-share=0",), copied=True)
    models = keeper.shop.project / "app" / "models.py"
    models.write_text(
        models.read_text()
        + "\nfrom django.db.models.signals import post_delete\n"
        + "def drop(instance, **rest):\n    instance.qr_code_image.delete(save=False)\n"
        + "post_delete.connect(drop, sender=OrderQRCode)\n"
    )
    set_codes(keeper, ("qr_codes/qr_A.png", 9))
    assert gone(keeper) == {"qr_codes/qr_A.png"}


def test_texts_in_place_of_moments_stop_the_cleanup(keeper: Any) -> None:
    """SQLite holds whatever it is given: a date as people write it sorts as no time does."""
    keeper.shop.evaluate(
        "from django.db import connection\n"
        "connection.cursor().execute(\"UPDATE app_orderqrcode SET expires_at = '01.12.2020 18:00'"
        ' WHERE id = (SELECT max(id) FROM app_orderqrcode)")\nresult = 1'
    )
    before = keeper.files(), len(rows(keeper))
    with pytest.raises(ShopError, match="no date as Django stores it"):
        keeper.run(ACTION, force=True)
    assert before == (keeper.files(), len(rows(keeper)))
