"""Let the shop's own code answer on restored data, without effects: its system checks and one page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .no_writes import EffectRefused
from .scratch import enter_all

_SHOWN = 600


def rehearse(
    *,
    databases: dict[str, str],
    servers: dict[str, Any],
    migrations: dict[str, list[str]],
    media_root: str | None,
    page: str | None,
    status: int,
) -> Iterator[Any]:
    """
    Lead Django to the scratch databases, by alias, and yield how its checks and its page went.

    ``servers`` has libpq's keywords for those that are not beside the live one, ``migrations`` those that the
    rows of each have seen.

    Yields ``{"check": ..., "page": ...}``, each ``{"passed": ..., "told": str}``; ``passed`` is None where
    the shop's code wanted to do more than to answer, and ``page`` where none is asked for. Every other
    database is made unreachable, uploads lie in ``media_root``, no cache is shared, and nothing but rows is
    written.
    Raises ValueError before any query for a name that is no scratch database's.
    """
    enter_all(databases, servers=servers)
    with _with_scratch_settings(media_root):
        _migrate(migrations)
        checked = _check()
        yield {"check": checked, "page": _visit(page, status=status) if page else None}


@contextmanager
def _with_scratch_settings(media_root: str | None) -> Iterator[None]:
    import logging

    from django.conf import settings
    from django.test.utils import override_settings

    changes: dict[str, Any] = {
        "ALLOWED_HOSTS": ["*"],
        "SECURE_SSL_REDIRECT": False,
        "CACHES": {
            alias: {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": f"drill-{alias}"}
            for alias in settings.CACHES
        },
    }
    if media_root is not None:
        changes["MEDIA_ROOT"] = media_root
    plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
    if hasattr(settings, "STORAGES"):
        # Collected files are made again, not restored: a page is not to fail for want of them.
        changes["STORAGES"] = {**settings.STORAGES, "staticfiles": {"BACKEND": plain}}
    else:
        changes["STATICFILES_STORAGE"] = plain

    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with override_settings(**changes):
            yield
    finally:
        logging.disable(disabled)


def _migrate(seen: dict[str, list[str]]) -> None:
    """Bring the restored tables to the shop's code, where that is newer than the backup."""
    from django.core.management import call_command
    from django.db import connections
    from django.db.migrations.executor import MigrationExecutor
    from django.db.migrations.recorder import MigrationRecorder

    for alias, names in seen.items():
        recorder = MigrationRecorder(connections[alias])
        # Rows that were restored as rows do not say which migrations made their tables.
        for app, _, name in (one.partition(".") for one in names):
            if (app, name) not in recorder.applied_migrations():
                recorder.record_applied(app, name)
        executor = MigrationExecutor(connections[alias])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", database=alias, interactive=False, verbosity=0)


def _check() -> dict[str, Any]:
    import io

    from django.core.management import call_command

    output = io.StringIO()
    try:
        call_command("check", stdout=output, stderr=output)
    except Exception as error:  # noqa: BLE001 - whatever the shop's code raises is the answer
        return {"passed": False, "told": f"manage.py check: {_short(error)}"}
    return {"passed": True, "told": "manage.py check finds nothing"}


def _visit(page: str, *, status: int) -> dict[str, Any]:
    from django.conf import settings
    from django.core.signals import got_request_exception
    from django.test import Client

    raised: list[BaseException] = []

    def note(sender: Any, **details: Any) -> None:
        import sys

        error = sys.exc_info()[1]
        raised.extend([error] if error is not None else [])

    hosts = [host for host in _live_hosts(settings) if host != "*" and not host.startswith((".", "["))]
    got_request_exception.connect(note)
    try:
        client = Client(raise_request_exception=False, SERVER_NAME=hosts[0] if hosts else "localhost")
        answer = client.get(page, follow=True, secure=True)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    except Exception as error:  # noqa: BLE001 - whatever the shop's code raises is the answer
        return {"passed": False, "told": f"{page} failed: {_short(error)}"}
    finally:
        got_request_exception.disconnect(note)
    told = f"{page} answers {answer.status_code} with {len(content)} bytes"
    if raised:
        told += f": {_short(raised[0])}"
        if any(isinstance(error, EffectRefused) for error in raised):
            return {"passed": None, "told": told}
    return {"passed": answer.status_code == status and bool(content), "told": told}


def _live_hosts(settings: Any) -> list[str]:
    # What the settings module says, not what the drill has put over it.
    import importlib

    module = importlib.import_module(os.environ["DJANGO_SETTINGS_MODULE"])
    return list(getattr(module, "ALLOWED_HOSTS", []) or [])


def _short(error: Any) -> str:
    return f"{type(error).__name__}: {error}"[:_SHOWN]
