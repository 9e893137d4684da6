"""Write the config of a Django project from what the project says about itself."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from storekeeper.databases import DatabaseAddress, Engine, address_from_django
from storekeeper.errors import ConfigurationError
from storekeeper.shop.description import ShopDescription
from storekeeper.shop.orphan_notes import orphan_notes
from storekeeper.shop.qr_sources import QrSource, find_qr_sources
from storekeeper.shop.storages import holds_uploads, why_not_measured
from storekeeper.units import format_size, parse_size

# The guide's limits, in bytes.
LIMITS = {"database": 100_000_000, "media": 500_000_000, "static": 50_000_000, "logs": 50_000_000}
TOTAL_LIMIT = 1_000_000_000
# Each group is a series of its own in Prometheus.
MOST_GROUPS = 20
# What django-imagekit, sorl-thumbnail, versatileimagefield and django-filer make of uploads.
GENERATED = ("CACHE", "cache", "__sized__", "filer_public_thumbnails")
_NAMELESS_PACKAGES = ("config", "settings", "project", "core", "conf", "server", "backend", "django")


class Draft:
    """
    The text of a ``storekeeper.yml`` for one project.

    ``folder`` is where the file will lie. ``folders`` gives the names of the folders in one. ``measure``
    gives the bytes below a path (0 where there is nothing): an area that is already more than half as
    large as the limit of the guide gets twice its size,
    so that a config never starts with an alert. ``texts`` are the fields, ``app.Model.field``, whose texts
    name files. ``twins`` gives each alias that is the same database as another one → that one's alias.
    ``recipients`` are whom copies of backups are encrypted to.
    """

    def __init__(
        self,
        description: ShopDescription,
        *,
        project: Path,
        python: Path,
        folder: Path,
        measure: Callable[[Path], int],
        folders: Callable[[Path], Sequence[str]] = lambda path: (),
        settings: str | None = None,
        limits: Mapping[str, int] = LIMITS,
        texts: Sequence[str] = (),
        twins: Mapping[str, str] = MappingProxyType({}),
        recipients: Sequence[str] = (),
    ) -> None:
        self._description = description
        self._project = project
        self._python = python
        self._folder = folder
        self._measure = measure
        self._folders = folders
        self._settings = settings
        self._limits = limits
        self._texts = texts
        self._twins = twins
        self._recipients = recipients
        self._used = 0

    def text(self) -> str:
        """Give the whole commented file."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield f"# storekeeper's config of {self._project.name}. After a change: storekeeper check-config"
        yield f"shop: {self._shop_name()}"
        same = self._folder.resolve() == self._project.resolve()
        yield f"project: {'.' if same else _text(self._project)}            # relative paths count from here"
        yield f"python: {_text(self._python)}"
        if self._settings:
            yield f"settings: {self._settings}"
        yield ""
        yield from self._databases()
        yield ""
        yield from self._areas()
        limit = self._limit(TOTAL_LIMIT, self._used)
        yield f"total: {{limit: {limit}}}             # databases and areas together"
        yield "disks: auto                     # the filesystems that hold all this"
        yield "large_files: {over: 10MB}"
        yield ""
        yield from self._qr_codes()
        yield from self._references()
        orders = next((model for model in self._description.models if model.label.endswith(".Order")), None)
        if orders:
            yield f"orders: {orders.label}            # growth is also told per 100 of these"
        yield ""
        yield "backups:"
        yield f"  path: {'backups' if self._apart(self._project / 'backups') else 'storekeeper-backups'}"
        yield "  format: json                  # json (loaddata) | native (pg_dump, SQLite backup) | both"
        yield "  compress: true"
        yield "  keep: {daily: 7, weekly: 4, monthly: 12}"
        yield "  offsite: []                   # a copy on another machine survives the loss of this one"
        if self._recipients:
            yield f"  encrypt: {{recipients: [{', '.join(self._recipients)}]}}   # what goes to offsite"
        else:
            yield "  # encrypt: {recipients: [age1…]}   # storekeeper recovery-key FILE makes a key for it"
        yield "logs: {rotate: monthly, keep: 3 months}"
        yield "# prometheus: {url: http://127.0.0.1:9090}   # storage_info then tells growth"
        yield "# alertmanager: {url: http://127.0.0.1:9093}   # people then hear what each run has done"

    def _shop_name(self) -> str:
        """Give the package of the settings, which names the shop, unless its name says nothing."""
        package = self._description.settings_module.partition(".")[0]
        return _name(self._project.name if package in _NAMELESS_PACKAGES else package)

    def _databases(self) -> Iterator[str]:
        yield "databases:                      # addresses and passwords stay in the shop's settings"
        known = 0
        for alias, settings in self._description.databases.items():
            try:
                address = address_from_django(alias, settings=settings, project=self._project)
            except ConfigurationError as error:
                yield f"  # {alias}: left out. {error.message}"
                continue
            if address.engine is Engine.SQLITE and _in_memory(address):
                yield f"  # {alias}: left out. It lives in memory alone"
                continue
            known += 1
            if alias in self._twins:
                yield f"  # {alias} is the same database as {self._twins[alias]}: counted and backed up once"
                yield f"  {_name(alias)}: {{django: {alias}}}"
                continue
            size = self._measure(address.path) if address.path else 0
            self._used += size
            limit = self._limit(self._limits["database"], size)
            yield f"  {_name(alias)}: {{django: {alias}, limit: {limit}}}"
        if not known:
            yield "  {}"

    def _areas(self) -> Iterator[str]:
        yield "areas:                          # directory trees"
        paths: dict[str, Path] = {}
        for name, path, reason in self._area_candidates():
            if path is None:
                yield f"  # {name}: left out. {reason}"
            elif not self._narrow(path):
                yield f"  # {name}: left out. {path} holds other files too; give these a folder"
            elif path in paths.values():
                yield f"  # {name}: left out. {path} is counted above"
            else:
                paths[name] = path
                size = self._measure(path)
                self._used += size
                limit = self._limit(self._limits[name.partition("_")[0]], size)
                more = self._groups(path) + self._generated(path) if name == "media" else ""
                yield f"  {name}: {{path: {_text(self._relative(path))}, limit: {limit}{more}}}"
        for storage in self._description.storages:
            if storage.location is None:
                yield f"  # {why_not_measured(storage)[0]}"
        if not paths:
            yield "  {}"
        if "media" in paths:
            media = paths["media"]
            yield from orphan_notes(self._description, media=media, folders=self._folders(media))

    def _area_candidates(self) -> Iterator[tuple[str, Path | None, str]]:
        description = self._description
        media = description.media_root
        if media is not None and not holds_uploads(media, description=description):
            yield "media", None, f"The shop's uploads are not in {media}"
        else:
            yield "media", media, "The shop sets no MEDIA_ROOT"
        static = [path for path in (description.static_root, *description.static_dirs) if path]
        if not static:
            yield "static", None, "The shop sets no STATIC_ROOT"
        for index, path in enumerate(static):
            yield "static" if index == 0 else f"static_{index + 1}", path, ""
        folders = list(dict.fromkeys(log.path.parent for log in description.log_files))
        for index, path in enumerate(folders or [self._project / "logs"]):
            yield "logs" if index == 0 else f"logs_{index + 1}", path, ""

    def _groups(self, media: Path) -> str:
        prefixes: dict[str, str] = {}
        for model in self._description.models:
            for field in model.file_fields:
                prefix = constant_part(field.upload_to)
                if field.storage_location == media and prefix:
                    prefixes.setdefault(_name(prefix), prefix)
        # An upload_to that is a function tells its folder only by the files that it has put there.
        known = {prefix.partition("/")[0] for prefix in prefixes.values()}
        for folder in self._folders(media):
            if folder not in known and len(prefixes) < MOST_GROUPS:
                prefixes.setdefault(_name(folder), folder)
        pairs = ", ".join(f"{name}: {_text(prefix)}" for name, prefix in sorted(prefixes.items()))
        return f", groups: {{{pairs}}}" if pairs else ""

    def _generated(self, media: Path) -> str:
        """Give the folders that libraries fill with images of their own making, which no row names."""
        patterns = [f"{folder}/**/*" for folder in self._folders(media) if folder in GENERATED]
        return f", ignore: [{', '.join(map(_text, patterns))}]" if patterns else ""

    def _references(self) -> Iterator[str]:
        if self._texts:
            yield "# Texts that name files of the media folder; what they name is no orphan."
            yield f"references: [{', '.join(self._texts)}]"
        else:
            yield "# references: [app.Model.field]   # texts that name media files; none was found"

    def _qr_codes(self) -> Iterator[str]:
        media = self._description.media_root
        sources = find_qr_sources(self._description.models, media=media) if media else []
        if media is None or not self._narrow(media):
            sources = []
        certain = [source for source in sources if source.certain]
        yield "qr_codes:                       # expired images; only what stands here is ever cleaned"
        names: set[str] = set()
        for source in certain:
            yield from self._qr_source(source, names)
        for source in sources:
            if not source.certain:
                yield f"  # {source.model.label} has a file and an expiry time. If they are to go, add:"
                for line in self._qr_source(source, set()):
                    yield f"  #{line[1:]}"
        if not certain:
            yield "  {}"

    def _qr_source(self, source: QrSource, names: set[str]) -> Iterator[str]:
        folder = constant_part(source.field.upload_to)
        name = "payment" if "payment" not in names else _name(source.model.label)
        names.add(name)
        pattern = source.pattern(folder) if folder else None
        shown = f", pattern: {_text(pattern)}" if pattern else ""
        yield f"  {name}:"
        yield (
            f"    {{model: {source.model.label}, file: {source.field.name}, expires: {source.expires}{shown},"
            " keep: 7d, row: delete}"
        )
        if folder and "tracking" not in names:
            names.add("tracking")
            yield f'  tracking: {{pattern: "{folder}/tracking_qr_*.png", keep: 7d}}   # no rows: age decides'

    def _limit(self, usual: int, size: int) -> str:
        """Give the guide's limit, or twice the present size in whole megabytes where that is more."""
        if size * 2 > usual:
            usual = -(-size * 2 // 1_000_000) * 1_000_000
        short = format_size(usual).replace(".0 ", "")
        return short if parse_size(short) == usual else str(usual)

    def _narrow(self, path: Path) -> bool:
        """Tell whether a folder is the shop's files alone, not the project, a home or the whole disk."""
        too_wide = (Path(path.anchor), Path.home(), self._project, *self._project.parents)
        return path not in too_wide

    def _apart(self, path: Path) -> bool:
        areas = [area for _, area, _ in self._area_candidates() if area is not None and self._narrow(area)]
        return not any(area in path.parents or area == path for area in areas)

    def _relative(self, path: Path) -> Path:
        return path.relative_to(self._project) if path.is_relative_to(self._project) else path


def constant_part(upload_to: str) -> str:
    """Give the folders of an ``upload_to`` up to the first that a date or a name fills in."""
    parts: list[str] = []
    for part in upload_to.replace("\\", "/").split("/"):
        if not part or part in (".", "..") or re.search(r"[%{<$]", part):
            break
        parts.append(part)
    return "/".join(parts)


def find_python(project: Path, *, fallback: Path) -> Path:
    """Give the interpreter of the project's own virtual environment, or ``fallback``."""
    scripts = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    for folder in (".venv", "venv", "env"):
        for base in (project, project.parent):
            candidate = base.joinpath(folder, *scripts)
            if candidate.is_file():
                return candidate
    return fallback


def _in_memory(address: DatabaseAddress) -> bool:
    name = str(address.path)
    return ":memory:" in name or "mode=memory" in name


def _name(text: str) -> str:
    """Give a name that a label value may be."""
    name = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_") or "shop"
    return name if not name[0].isdigit() else f"_{name}"


def _text(value: Path | str) -> str:
    """Give a YAML scalar: plain where that is safe, in double quotes elsewhere."""
    text = value.as_posix() if isinstance(value, Path) else value
    # YAML 1.2's double quotes read JSON's.
    return text if re.fullmatch(r"[A-Za-z0-9_./-]+", text) else json.dumps(text, ensure_ascii=False)
