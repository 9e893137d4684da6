"""One shop made at random from a seed, its files, and what has to be there after the playbooks have run."""

import datetime as dt
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connections, models
from simple_history.models import HistoricalRecords

from tests.histories.carriers import CARRIERS, session_data
from tests.histories.spellings import text_naming

LETTERS = "abcdefghijklmnopqrstuvwxyz"
ODD = (
    "photo ({})", "tom's {}", "{},2", "ខ្មែរ {}", "e\u0301t\u00e9 {}", "{} & co", "50% {}", "[{}]",
    "a+b {}", "{}#1", "{}=x;y", 'q "{}"', "{}", "{}", "{}", "Ünï_{}", "😀{}", "back\\{}", "{}~", "%41 {}",
)  # fmt: skip
ENDINGS = (".jpg", ".png", ".pdf", "", ".JPG", ".tar.gz", ".webp")
FOLDERS = ("articles", "products", "docs", "covers/2025", "user files", "គំនូរ")
OLD_DAYS = 40
# Named as storekeeper names its own, below folders of which it removes what is old.
STRANGERS = (
    "../backups/db_backup_20200101_000000.json.gz", "../backups/media_backup_20200101_000000.tar.gz",
    "../backups/shop.dump", "../logs/django_2020_01.log.gz", "../logs/archive/orders_2020_02.log.gz",
    "../logs/access.log.7.gz", "../logs/invoices.pdf", "../logs/django.log-20200101",
)  # fmt: skip


@dataclass(kw_only=True)
class History:
    """``keep`` holds the files that must stay, and why; ``orphans`` those that have to go."""

    seed: int
    postgresql: bool
    keep: dict[str, str] = field(default_factory=dict)
    orphans: dict[str, str] = field(default_factory=dict)
    gone_rows: list[tuple[Any, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)
        self.media = Path(settings.MEDIA_ROOT)
        self.folders: list[str] = []
        self.tables: list[str] = []
        self._number = 0

    def make(self) -> None:
        """Make models, tables, rows and files, and strangers' files among the backups and logs."""
        for folder in (self.media, *(self.media.with_name(name) for name in ("backups", "logs"))):
            shutil.rmtree(folder, ignore_errors=True)
        rng = self.rng
        self.folders = rng.sample(FOLDERS, rng.randint(1, 3))
        for folder in self.folders:
            self._uploads(folder)
        for _ in range(rng.randint(2, 5)):
            self._model()
        for named in (self._session, self._log_entry, self._tag, self._pair, self._other_database):
            if rng.random() < 0.4:
                named()
        if self.postgresql and rng.random() < 0.5:
            self._schema()
        if rng.random() < 0.4:
            self._codes()
        for _ in range(rng.randint(1, 4)):
            folder = rng.choice(self.folders)
            inside = rng.choice(("", "", "2024/")) if rng.random() < 0.2 else ""
            self._put(f"{folder}/{self._new_name()}") if inside else None
            self.orphans[self._put(f"{folder}/{self._token()}{rng.choice(ENDINGS)}")] = "an orphan"
        for _ in range(rng.randint(0, 3)):
            place = rng.choice(("invoices", "exports/2026", "CACHE/images/x", "cache/ab/cd", ""))
            name = f"{place}/{self._new_name()}" if place else self._new_name()
            self.keep[self._put(name)] = "outside judged folders"
        for name in STRANGERS:
            if rng.random() < 0.5:
                self.keep[self._put(name, days=1000)] = "made by somebody else"

    def end(self) -> None:
        """Remove the models and the tables that were made."""
        apps.all_models["made"].clear()
        apps.app_configs["made"].models = apps.all_models["made"]
        apps.clear_cache()
        if self.postgresql:
            with connections["default"].cursor() as cursor:
                for table in self.tables:
                    cursor.execute(f'DROP TABLE IF EXISTS "{table}" CASCADE')
                cursor.execute("DROP SCHEMA IF EXISTS tenant CASCADE")
                cursor.execute(
                    "DELETE FROM django_session; DELETE FROM django_admin_log; DELETE FROM taggit_tag"
                )

    def _token(self) -> str:
        return "".join(self.rng.choice(LETTERS) for _ in range(12))

    def _new_name(self) -> str:
        return self.rng.choice(ODD).format(self._token()) + self.rng.choice(ENDINGS)

    def _put(self, name: str, *, days: float = OLD_DAYS) -> str:
        path = self.media / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        then = time.time() - days * 86400
        os.utime(path, (then, then))
        return name

    def _named_file(self, why: str) -> str:
        """Make a file in a judged folder that something is about to name."""
        name = self._put(f"{self.rng.choice(self.folders)}/{self._new_name()}")
        self.keep[name] = why
        return name

    def _model_of(self, fields: dict[str, Any], **meta: Any) -> Any:
        self._number += 1
        name = f"M{self._number}"
        inner = type("Meta", (), {"app_label": "made", **meta})
        model = type(name, (models.Model,), {"__module__": "made.models", "Meta": inner, **fields})
        self._create(model)
        return model

    def _create(self, model: Any) -> None:
        self.tables.append(model._meta.db_table)
        with connections["default"].schema_editor() as editor:
            editor.create_model(model)

    def _uploads(self, folder: str) -> None:
        """Make a model with an ordinary upload, so that the folder is one of uploads."""
        model = self._model_of({"file": models.FileField(upload_to=folder, max_length=500)})
        for _ in range(self.rng.randint(1, 3)):
            name = self._put(f"{folder}/{self._new_name()}")
            self.keep[name] = "file field"
            model.objects.create(file=name)

    def _model(self) -> None:
        """Make a model of some carriers; sometimes only its history has the row, or no model knows it."""
        rng = self.rng
        kinds = [kind for kind, one in CARRIERS.items() if self.postgresql or not one.postgresql]
        chosen = rng.sample(kinds, rng.randint(1, 4))
        fields: dict[str, Any] = {
            f"f{place}": CARRIERS[kind].field(rng, rng.choice(self.folders))
            for place, kind in enumerate(chosen)
        }
        for one in fields.values():
            one.null = True
        past = rng.random() < 0.25
        if past:
            fields["history"] = HistoricalRecords(app="made")
        meta = {"managed": False} if rng.random() < 0.15 else {}
        model = self._model_of(fields, **meta)
        stored = model
        if past:
            stored = model.history.model
            self._create(stored)
        for place, kind in enumerate(chosen):
            carrier = CARRIERS[kind]
            name = self._named_file(f"{kind}{', in its history alone' if past else ''}")
            values = {f"f{place}": carrier.value(rng, name)}
            if past:
                values |= {"id": 1, "history_date": dt.datetime.now(tz=dt.UTC), "history_type": "-"}
            stored.objects.bulk_create([stored(**values)])
            if carrier.variant is not None and not past:
                self.keep[self._put(carrier.variant(name))] = f"made by {kind} of a live file"
            elif carrier.uploads and not past and rng.random() < 0.5:
                stem, dot, ending = name.rpartition(".")
                made = f"{stem}-300x200.{ending}" if dot and "/" not in ending else f"{name}-300x200"
                self.keep[self._put(made)] = "made of a live file"
        if meta and rng.random() < 0.5:
            # Then the table alone is left: no model knows it.
            del apps.all_models["made"][model.__name__.lower()]
            apps.clear_cache()

    def _session(self) -> None:
        from django.contrib.sessions.models import Session

        name = self._named_file("session")
        expires = dt.datetime.now(tz=dt.UTC)
        key = self._token()
        Session.objects.create(
            session_key=key, session_data=session_data(self.rng, name), expire_date=expires
        )

    def _log_entry(self) -> None:
        self._insert(
            "django_admin_log",
            {
                "action_time": dt.datetime.now(tz=dt.UTC), "object_repr": "x", "action_flag": 1, "user_id": 1,
                "change_message": text_naming(self.rng, self._named_file("admin's log")),
            },
        )  # fmt: skip

    def _tag(self) -> None:
        name = self._named_file("tag")
        self._insert("taggit_tag", {"name": name.rpartition("/")[2], "slug": self._token()})

    def _pair(self) -> None:
        """Name a file in a table of keys and values that no model knows."""
        table = f"settings {self._token()}"
        self.tables.append(table)
        kinds = ("text", "varchar(9000)") if self.postgresql else ("text", "blob", "", "integer", "date")
        kind = self.rng.choice(kinds)
        without = "" if self.postgresql or self.rng.random() < 0.5 else " WITHOUT ROWID"
        with connections["default"].cursor() as cursor:
            cursor.execute(f'CREATE TABLE "{table}" (key varchar(50) PRIMARY KEY, value {kind}){without}')
        self._insert(
            table, {"key": "logo", "value": text_naming(self.rng, self._named_file("key and value"))}
        )

    def _other_database(self) -> None:
        name = self._named_file("other database")
        with connections["other"].cursor() as cursor:
            cursor.execute("INSERT INTO legacy VALUES (%s)", [text_naming(self.rng, name)])

    def _schema(self) -> None:
        name = self._named_file("other schema")
        with connections["default"].cursor() as cursor:
            cursor.execute("CREATE SCHEMA IF NOT EXISTS tenant; CREATE TABLE tenant.page (x text, y text[])")
            cursor.execute("INSERT INTO tenant.page VALUES (NULL, %s)", [["a", text_naming(self.rng, name)]])

    def _codes(self) -> None:
        """Make codes that expired long ago and codes that are good; some of the first are named elsewhere."""
        code = self._model_of(
            {
                "image": models.ImageField(upload_to="qr_codes", max_length=500),
                "until": models.DateTimeField(),
            }
        )
        self.code = code
        now = dt.datetime.now(tz=dt.UTC)
        for _ in range(self.rng.randint(1, 4)):
            name = self._put(f"qr_codes/qr_{self._token()}.png")
            kind = self.rng.choice(("live", "expired", "named elsewhere", "shared"))
            until = now + dt.timedelta(days=90 if kind == "live" else -OLD_DAYS)
            code.objects.create(image=name, until=until)
            if kind == "expired":
                self.orphans[name] = "expired code"
                continue
            self.keep[name] = f"code: {kind}"
            if kind == "named elsewhere":
                self._insert("taggit_tag", {"name": name.rpartition("/")[2], "slug": self._token()})
            elif kind == "shared":
                code.objects.create(image=name, until=now + dt.timedelta(days=90))

    def _insert(self, table: str, values: dict[str, Any]) -> None:
        names = ", ".join(f'"{name}"' for name in values)
        places = ", ".join(["%s"] * len(values))
        with connections["default"].cursor() as cursor:
            cursor.execute(f'INSERT INTO "{table}" ({names}) VALUES ({places})', list(values.values()))

    def problems(self) -> Iterator[str]:
        """Yield what is not as it has to be."""
        for name, why in self.keep.items():
            path = self.media / name
            if not path.is_file():
                yield f"gone: {name!r} ({why})"
            elif path.read_text() != name:
                yield f"changed: {name!r} ({why})"
        for name, why in self.orphans.items():
            if (self.media / name).exists():
                yield f"still there: {name!r} ({why})"
