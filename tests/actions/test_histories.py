"""
Random histories of a shop at work beside the cleanups: whatever happens when, no live file is removed.

A writer in the shop's own Django uploads (file first, row later, as Django does), places orders, lets codes
expire, renames files, shares one between rows and removes rows, while the cleanups run one after the other.
"""

import datetime as dt
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from actions.cleanup_expired_qr_codes import CleanupExpiredQrCodes
from actions.cleanup_orphaned_media import CleanupOrphanedMedia
from storekeeper.errors import StorekeeperError

WRITER = """
import datetime, os, random, sys, time
import django
django.setup()
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone
from app.models import Order, OrderQRCode, Product

stop, seed = sys.argv[1:]
random = random.Random(int(seed))
media = settings.MEDIA_ROOT
orders = list(Order.objects.order_by("pk"))
taken = set(OrderQRCode._base_manager.values_list("order_id", flat=True))
day = datetime.timedelta(days=1)
number = 0

def moment():
    # Expired long ago, just now, or still good.
    return timezone.now() + random.choice([-30 * day, -8 * day, -6 * day, datetime.timedelta(0), day])

def age(name):
    # An old file that gets a row: only the row tells that it is needed.
    then = time.time() - random.choice([0, 3, 30]) * 86400
    os.utime(default_storage.path(name), (then, then))

def upload():
    global number
    number += 1
    content = ContentFile(b"x" * random.randint(1, 99))
    name = default_storage.save(f"qr_codes/qr_history_{number}.png", content)
    age(name)
    time.sleep(random.random() / 100)
    free = [order for order in orders if order.pk not in taken]
    if free:
        order = random.choice(free)
        taken.add(order.pk)
        OrderQRCode.objects.create(order=order, qr_code_image=name, expires_at=moment())

def some_code():
    return OrderQRCode._base_manager.exclude(qr_code_image="").order_by("?").first()

def live_code():
    # Nobody begins to use an image that expired so long ago that it may be going this very moment.
    border = timezone.now() - 6 * day
    codes = OrderQRCode._base_manager.exclude(qr_code_image="").filter(expires_at__gt=border)
    return codes.order_by("?").first()

def change_expiry():
    code = some_code()
    OrderQRCode._base_manager.filter(pk=code.pk).update(expires_at=moment())

def rename():
    global number
    code = some_code()
    number += 1
    new = f"qr_codes/qr_renamed_{number}.png"
    with transaction.atomic():
        row = OrderQRCode._base_manager.select_for_update().get(pk=code.pk)
        os.link(default_storage.path(row.qr_code_image.name), default_storage.path(new))
        OrderQRCode._base_manager.filter(pk=row.pk).update(qr_code_image=new)

def share():
    one, other = some_code(), live_code()
    OrderQRCode._base_manager.filter(pk=one.pk).update(qr_code_image=other.qr_code_image.name)

def name_elsewhere():
    code = live_code()
    product = Product.objects.order_by("?").first()
    Product._base_manager.filter(pk=product.pk).update(image=code.qr_code_image.name)

def remove_row():
    code = some_code()
    taken.discard(code.order_id)
    OrderQRCode._base_manager.filter(pk=code.pk).delete()

print("ready", flush=True)
events = [upload] * 5 + [change_expiry, rename, share, name_elsewhere, remove_row]
count = 0
while not os.path.exists(stop):
    try:
        random.choice(events)()
        count += 1
    except (AttributeError, FileNotFoundError, FileExistsError, OrderQRCode.DoesNotExist):
        pass
    except django.db.OperationalError:
        time.sleep(0.05)
    time.sleep(random.random() / 200)
print(count, flush=True)
"""

# What must be there: files of rows that have not expired, and of every other model.
LIVE = """
import datetime
from django.apps import apps
from django.db.models import FileField
from django.utils import timezone
border = timezone.now() - datetime.timedelta(days=7)
names = set()
for model in apps.get_models():
    for field in model._meta.concrete_fields:
        if isinstance(field, FileField):
            rows = model._base_manager.all()
            if model.__name__ == "OrderQRCode":
                rows = rows.filter(expires_at__gte=border)
            names.update(rows.values_list(field.name, flat=True))
result = sorted(name for name in names if name)
"""


@contextmanager
def writing(shop: Any, *, stop: Path, seed: int) -> Iterator[list[int]]:
    """Let the writer work during the block; gives how much it did, when it has ended."""
    counts: list[int] = []
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(stop), str(seed)],
        cwd=shop.project, env=shop.environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert "ready\n" == process.stdout.readline()
    try:
        yield counts
    finally:
        stop.touch()
        counts.append(int(process.stdout.read()))
        assert 0 == process.wait(timeout=60)
        process.stdout.close()


def missing(keeper: Any) -> set[str]:
    """Give the live files that are not there."""
    return {name for name in keeper.shop.evaluate(LIVE) if not (keeper.media / name).is_file()}


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_no_live_file_goes_whatever_happens_beside(
    make_keeper: Callable[..., Any], tmp_path: Path, database: str, thorough: bool
) -> None:
    """Both cleanups run beside a busy writer; afterwards each live row has its file, and work was done."""
    keeper = make_keeper(database, orders=40)
    already = missing(keeper)
    changed = 0
    for seed in range(40 if thorough else 1):
        with writing(keeper.shop, stop=tmp_path / f"stop{seed}", seed=seed) as counts:
            for _ in range(5 if thorough else 1):
                for action in (CleanupExpiredQrCodes(), CleanupOrphanedMedia()):
                    with suppress(StorekeeperError):
                        changed += keeper.run(action)[1].changed
        assert counts[0] > 20
        assert set() == missing(keeper) - already
    assert changed


def test_clock_that_goes_back_removes_nothing_young(make_keeper: Callable[..., Any]) -> None:
    """With a clock in the past, files from its future have no age: nothing of them goes."""
    keeper = make_keeper(orders=10)
    keeper.run(CleanupExpiredQrCodes())
    keeper.write("qr_codes/tracking_qr_new.png")
    keeper.write("products/orphan.jpg")
    before = keeper.files()
    keeper.now = lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=-4000)
    for action in (CleanupExpiredQrCodes(), CleanupOrphanedMedia()):
        keeper.run(action)
    assert before == keeper.files()


def test_clock_that_jumps_ahead_takes_no_file_that_a_row_of_another_model_names(
    make_keeper: Callable[..., Any],
) -> None:
    """Years ahead every code has expired and every file is old; what products and slides name stays."""
    keeper = make_keeper(orders=10)
    codes = {name for name in keeper.files() if name.startswith("qr_codes/")}
    others = keeper.files() - codes
    keeper.now = lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=4000)
    for action in (CleanupExpiredQrCodes(), CleanupOrphanedMedia()):
        keeper.run(action)
    assert codes and others
    named = set(keeper.shop.evaluate(LIVE))
    assert others & named == keeper.files() & others & named
