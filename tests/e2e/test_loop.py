"""Measure, warn, act, resolved: the loop closes by itself, and only what has expired is gone."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from storekeeper.stack.observe import Observation
from tests.grafana.queries import MAY_BE_EMPTY, dashboards, panel_queries

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("loop")]


def state_of(alert: str, resource: str) -> Callable[[Observation], str]:
    """Give a function that tells the state of an alert, empty when it is silent."""

    def state(seen: Observation) -> str:
        found = {one.state for one in seen.alerts if (one.name, one.resource) == (alert, resource)}
        return "firing" if "firing" in found else "".join(found)

    return state


def storekeeper(*words: str | Path) -> str:
    """Run the command and give what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "storekeeper", *map(str, words)], capture_output=True, text=True, timeout=120
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def rows(shop: Any) -> dict[str, list[str]]:
    """Give the files that the payment code rows name, by whether they have expired a week ago."""
    code = (
        "import datetime, json\n"
        "from django.utils import timezone\n"
        "from app.models import OrderQRCode\n"
        "border = timezone.now() - datetime.timedelta(days=7)\n"
        "every = OrderQRCode._base_manager.exclude(qr_code_image='')\n"
        "names = lambda some: sorted(some.values_list('qr_code_image', flat=True))\n"
        "old, live = every.filter(expires_at__lt=border), every.filter(expires_at__gte=border)\n"
        "print(json.dumps({'old': names(old), 'live': names(live)}))\n"
    )
    answer: dict[str, list[str]] = json.loads(
        shop.manage("shell", "--command", code).strip().splitlines()[-1]
    )
    return answer


def test_full_media_is_cleaned(running_loop: Any) -> None:
    """Expired codes push media over 80 %; the alert fires, a run removes them, the alert resolves."""
    loop = running_loop
    media = loop.shop.project / "media"
    loop.wait_until("media is measured", lambda seen: any(u.resource == "media" for u in seen.usage))
    before = rows(loop.shop)
    others = sorted(p for p in media.rglob("*") if p.is_file() and "qr_codes" not in p.parts)
    loop.shop.add_expired_codes(loop.media_limit)
    assert len(rows(loop.shop)["old"]) > len(before["old"])

    warning = state_of("StorageUsageWarning", "media")
    loop.wait_until("StorageUsageWarning fires", lambda seen: warning(seen) == "firing")
    cleaned = loop.wait_until(
        "a cleanup has run",
        lambda seen: [
            run
            for run in seen.runs
            if run["state"] == "done"
            and "cleanup_expired_qr_codes" in str(run["steps"])
            and run["freed_bytes"]
        ],
    )
    loop.wait_until("StorageUsageWarning is resolved", lambda seen: warning(seen) == "")

    after = rows(loop.shop)
    assert [] == after["old"]
    assert before["live"] == after["live"]
    assert [] == [name for name in after["live"] if not (media / name).is_file()]
    assert others == sorted(p for p in media.rglob("*") if p.is_file() and "qr_codes" not in p.parts)
    listed = json.loads(storekeeper("runs", "--json", "--config.file", loop.config_file))
    freed = {run["id"]: run["freed_bytes"] for run in listed}
    assert all(freed[run["id"]] == run["freed_bytes"] for run in cleaned.runs if run["state"] == "done")
    assert sum(freed.values()) > 0.4 * loop.media_limit


def test_missing_backup_is_made(running_loop: Any) -> None:
    """A shop without a backup gets one: BackupTooOld fires, a backup appears, the alert resolves."""
    loop = running_loop
    too_old = state_of("BackupTooOld", "database")
    loop.wait_until("BackupTooOld fires", lambda seen: too_old(seen) == "firing")
    backups = loop.shop.project / "backups"
    loop.wait_until(
        "a backup lies there",
        lambda seen: (
            list(backups.glob("db_backup_*.json.gz"))
            and any(run["state"] == "done" and "backup_database" in str(run["steps"]) for run in seen.runs)
        ),
    )
    loop.wait_until("BackupTooOld is resolved", lambda seen: too_old(seen) == "")
    # The media have had no backup either: theirs may be under way.
    loop.wait_until("all is written", lambda seen: not list(backups.glob(".*.partial")))


def test_every_panel_shows_the_running_shop(running_loop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Each query of each dashboard gives series from the running Prometheus, or may rightly be empty."""
    loop = running_loop
    loop.shop.add_expired_codes(loop.media_limit)
    loop.wait_until(
        "a cleanup has run and everything was scraped again",
        lambda seen: (
            {"cleanup_expired_qr_codes", "backup_database", "backup_media", "verify_backup"}
            <= {step["action"] for run in seen.runs if run["state"] == "done" for step in run["steps"]}
        ),
    )
    assert "verified" in storekeeper("drill", "--config.file", loop.config_file)
    url = f"{loop.loop.addresses.prometheus}/api/v1/query"
    queries = [
        (name, title, expression)
        for name, dashboard in dashboards().items()
        for title, expression in panel_queries(dashboard)
    ]

    def series() -> list[int]:
        answers = [requests.get(url, params={"query": query}, timeout=10).json() for _, _, query in queries]
        assert [] == [answer for answer in answers if answer["status"] != "success"]
        return [len(answer["data"]["result"]) for answer in answers]

    def empty(counts: list[int]) -> list[tuple[str, str]]:
        rows = zip(queries, counts, strict=True)
        return [(name, title) for (name, title, _), count in rows if not count and title not in MAY_BE_EMPTY]

    # A rate needs two scrapes, and the slow measurements a moment.
    missing: list[tuple[str, str]] = []

    def all_there(_: Observation) -> bool:
        missing[:] = empty(series())
        return not missing

    try:
        loop.wait_until("every panel has data", all_there)
    finally:
        assert [] == missing
    with capsys.disabled():
        print()
        for (name, title, _), count in zip(queries, series(), strict=True):
            print(f"  {count:3}  {name}: {title}")
