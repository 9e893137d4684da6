"""Verifying and restoring write rows and nothing else: whatever the shop would do beside counts here."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from actions.backup_database import BackupDatabase
from actions.restore_backup import RestoreBackup
from actions.verify_backup import VerifyBackup

# Told through a descriptor that was open before: nothing can keep the shop from counting.
COUNTING = """
import os
from pathlib import Path
_TOLD = os.open(Path(__file__).with_name("told"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

def told(what):
    os.write(_TOLD, f"{what}\\n".encode())
"""
PARTS = """
import socket
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.mail.backends.base import BaseEmailBackend
from django.dispatch import Signal
from .counting import told

class Mails(BaseEmailBackend):
    def send_messages(self, messages):
        told("mail")
        return len(messages)

class Files(FileSystemStorage):
    def _save(self, name, content):
        told("save")
        return super()._save(name, content)

    def _open(self, name, mode="rb"):
        told("open")
        return super()._open(name, mode)

    def delete(self, name):
        told("delete")

class Loud(Signal):
    def send(self, sender, **named):
        told("own signal")

def everything():
    from django.core.files.storage import default_storage
    from django.core.mail import send_mail
    from django.db import transaction
    import subprocess
    transaction.on_commit(lambda: told("commit"))
    Loud().send(sender=None)
    send_mail("Your order", "thanks", "shop@example.org", ["you@example.org"])
    for name, act in {
        "storage": lambda: default_storage.save("invoice.txt", ContentFile(b"x")),
        "file": lambda: Path(__file__).with_name("note.txt").write_text("x"),
        "socket": lambda: socket.create_connection(("127.0.0.1", 9), timeout=1),
        "name": lambda: socket.getaddrinfo("localhost", 80),
        "program": lambda: subprocess.run(["true"]),
    }.items():
        try:
            act()
        except PermissionError:
            continue
        except OSError:
            pass
        told(name)
from pathlib import Path
"""
MODELS = """
from .parts import Files, everything
from .counting import told

class Order(models.Model):
    email = models.EmailField()
    picture = models.ImageField(storage=Files(), width_field="width", null=True)
    width = models.IntegerField(null=True)

    def save(self, *args, **kwargs):
        told("save of the model")
        super().save(*args, **kwargs)
"""
APPS = """
from django.apps import AppConfig

class App(AppConfig):
    name = "app"

    def ready(self):
        import gc
        from django.dispatch import Signal
        from django.db.backends.signals import connection_created
        import django.core.signals, django.db.models.signals, django.contrib.auth.signals
        from . import parts
        from .counting import told

        def counted(signal, **rest):
            told(f"signal {rest.get('sender')}")
            if signal is not connection_created:
                parts.everything()

        def needed(connection, **rest):
            if connection.vendor == "sqlite":
                connection.connection.create_function("kept", 1, lambda value: value)

        for signal in [one for one in gc.get_objects() if isinstance(one, Signal)]:
            signal.connect(counted, weak=False)
        connection_created.connect(needed, weak=False)
"""
MIGRATION = """
from django.db import migrations, models
from app.parts import everything

class Migration(migrations.Migration):
    initial = True
    dependencies = [("auth", "0001_initial")]
    operations = [
        migrations.CreateModel("Order", [
            ("id", models.BigAutoField(primary_key=True)),
            ("email", models.EmailField(max_length=254)),
            ("picture", models.ImageField(null=True, upload_to="")),
            ("width", models.IntegerField(null=True)),
        ]),
        migrations.RunPython(lambda apps, editor: everything(), migrations.RunPython.noop),
    ]
"""
LOGS = """
import logging
from .counting import told

class Handler(logging.Handler):
    def emit(self, record):
        told(f"log {record.getMessage()}")
"""
LOGGING = """
DEBUG = True
LOGGING = {
    "version": 1,
    "handlers": {"all": {"class": "app.logs.Handler"}},
    "loggers": {"django.db.backends": {"handlers": ["all"], "level": "DEBUG"}},
}
"""
SETTINGS = 'EMAIL_BACKEND = "app.parts.Mails"\nDEFAULT_FILE_STORAGE = "app.parts.Files"\n'
FILES = {
    "app/counting.py": COUNTING,
    "app/parts.py": PARTS,
    "app/apps.py": APPS,
    "app/migrations/__init__.py": "",
    "app/migrations/0001_initial.py": MIGRATION,
}


@pytest.mark.parametrize(("database", "loader"), [("sqlite", "loaddata"), ("postgresql", "batches")])
def test_nothing_of_the_shop_runs(
    small_keeper: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, database: str, loader: str
) -> None:
    """No handler, mail, storage, file, socket, program and commit counts, and the rows are there again."""
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "proj.settings")
    kept = small_keeper(MODELS, database=database, settings=SETTINGS, files=FILES)
    told = kept.shop.data / "app" / "told"
    # A picture that is not there, and whose width is not known: whoever looks at it would be told.
    kept.shop.evaluate(
        "from django.db import connection\n"
        "connection.cursor().execute(\"INSERT INTO app_order (email, picture) VALUES ('a@b.c', 'x.png')\")\n"
        "result = 1"
    )
    assert "signal" in told.read_text(), "a shop that counts nothing proves nothing"
    told.write_text("")
    _, outcome = kept.run(BackupDatabase())
    kept.run(VerifyBackup(), loader=loader)
    kept.run(RestoreBackup(), file=outcome.created[0], replace=True, loader=loader)
    kept.shop.evaluate(
        "from django.db import connection\n"
        "from django.core.management import call_command\n"
        "tables = connection.introspection.table_names()\n"
        "with connection.constraint_checks_disabled(), connection.cursor() as cursor:\n"
        "    for table in tables:\n"
        "        cascade = ' CASCADE' if connection.vendor == 'postgresql' else ''\n"
        "        cursor.execute(f'DROP TABLE IF EXISTS {connection.ops.quote_name(table)}{cascade}')\n"
        "result = 1"
    )
    told.write_text("")
    kept.run(RestoreBackup(), file=outcome.created[0], loader=loader)
    assert [] == told.read_text().splitlines()
    found = kept.shop.evaluate(
        "from django.db import connection\n"
        "cursor = connection.cursor()\n"
        "cursor.execute('SELECT email, picture, width FROM app_order')\n"
        "result = cursor.fetchall()"
    )
    assert [["a@b.c", "x.png", None]] == found


def test_functions_that_a_handler_gives_a_connection_are_there(
    small_keeper: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler that sets up the connection runs: a table may need its functions."""
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "proj.settings")
    kept = small_keeper(MODELS, settings=SETTINGS, files=FILES)
    with closing(sqlite3.connect(kept.shop.data / "db.sqlite3")) as connection, connection:
        connection.create_function("kept", 1, lambda value: value)
        connection.execute("INSERT INTO app_order (email) VALUES ('a@b.c')")
        connection.execute("CREATE TRIGGER t AFTER INSERT ON app_order BEGIN SELECT kept(NEW.email); END")
    _, outcome = kept.run(BackupDatabase(), verify=True)
    kept.run(RestoreBackup(), file=outcome.created[0], replace=True)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_no_log_of_the_shop_hears_of_rows(
    small_keeper: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    """At DEBUG Django logs each statement with its values: a customer's address is in none of them."""
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "proj.settings")
    models = "class Order(models.Model):\n    email = models.CharField(max_length=9, primary_key=True)\n"
    files = {"app/counting.py": COUNTING, "app/logs.py": LOGS}
    kept = small_keeper(models, database=database, settings=LOGGING, files=files)
    told = kept.shop.data / "app" / "told"
    kept.shop.evaluate("from app.models import Order\nOrder.objects.create(email='a@b.c')\nresult = 1")
    assert "a@b.c" in told.read_text(), "a shop that logs nothing proves nothing"
    told.write_text("")
    _, outcome = kept.run(BackupDatabase(), verify=True)
    kept.run(RestoreBackup(), file=outcome.created[0], replace=True)
    assert "a@b.c" not in told.read_text()
