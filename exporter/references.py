"""
Compare the files of the areas with the rows that name them: the basis of the orphans and of the QR codes.

The files are listed first and the rows are asked afterwards, so a file that comes and is named between the
two is never taken for an orphan. When any query fails there is no result: half the rows would make orphans
of the other half's files.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exporter.file_index import IGNORED, NO_KIND, FileCount, FileIndex, batches
from exporter.named_files import FileColumn, moment_for, read_file_column, spellings
from storekeeper.config import Area, Config, QrCodes
from storekeeper.databases import address_from_django
from storekeeper.errors import ConfigurationError
from storekeeper.files import FoundFile, Tree
from storekeeper.files.patterns import FilePattern
from storekeeper.shop import FileField, ModelDescription, ShopDescription
from storekeeper.shopside.spellings import canonical
from storekeeper.units import Age

LIVE: Final = "live"
EXPIRED: Final = "expired"
ORPHANED: Final = "orphaned"
STATES: Final = (LIVE, EXPIRED, ORPHANED)


@dataclass(frozen=True, kw_only=True)
class FilesUsage:
    """
    What the comparison found: ``orphans`` by area, ``codes`` by kind and state.

    Files of a kind of QR code are counted there and are not orphans of their area besides.
    """

    orphans: Mapping[str, FileCount]
    codes: Mapping[tuple[str, str], FileCount]


@dataclass(frozen=True, kw_only=True)
class _Reference:
    """A file field whose files lie in an area; ``kind`` is the number of the kind of QR code it holds."""

    model: ModelDescription
    field: FileField
    prefix: str
    kind: int = NO_KIND
    expires: str | None = None


def compare_files(
    config: Config, *, description: ShopDescription, now: float, before: Callable[[Age], float]
) -> FilesUsage:
    """
    List and compare every area that rows or kinds of QR codes point to.

    ``before`` gives the time (seconds since 1970) that lies an age ago. Raises DatabaseUnavailable,
    ConfigurationError and what an unreadable area raises.
    """
    orphans: dict[str, FileCount] = {}
    codes: dict[tuple[str, str], FileCount] = {}
    for name, area in config.areas.items():
        kinds = [(kind, source) for kind, source in config.qr_codes.items() if source.area == name]
        references = list(_references(area, description=description, kinds=kinds))
        if not references and not kinds:
            continue
        with FileIndex() as index:
            # Without the folder nothing was stored yet; rows may name codes all the same.
            if area.path.exists():
                _list_files(index, area=area, kinds=kinds, before=before)
            for reference in references:
                _ask_rows(index, reference, config=config, description=description, now=now)
            if references:
                orphans[name] = index.orphans()
            for number, (kind, source) in enumerate(kinds):
                for state, count in _count_codes(index, number, has_rows=source.model is not None):
                    codes[kind, state] = codes.get((kind, state), FileCount()) + count
    return FilesUsage(orphans=orphans, codes=codes)


def _references(
    area: Area, *, description: ShopDescription, kinds: Sequence[tuple[str, QrCodes]]
) -> Iterator[_Reference]:
    """Give every file field whose storage lies in the area, or around it."""
    root = os.path.realpath(area.path)
    found = set()
    for model in description.models:
        for field in model.file_fields:
            if field.storage_location is None:
                continue
            inside = os.path.relpath(os.path.realpath(field.storage_location), root).replace(os.sep, "/")
            if inside.startswith(".."):
                continue
            prefix = "" if inside == "." else f"{inside}/"
            number, expires = NO_KIND, None
            for index, (_, source) in enumerate(kinds):
                if source.model and (source.model.lower(), source.file) == (model.label.lower(), field.name):
                    number, expires = index, model.timestamps.get(source.expires or "")
                    found.add(index)
            yield _Reference(model=model, field=field, prefix=prefix, kind=number, expires=expires)
    for index, (kind, source) in enumerate(kinds):
        if source.model and index not in found:
            raise ConfigurationError(
                f"qr_codes.{kind}: the shop has no file field {source.model}.{source.file} with files in"
                f" {area.path}",
                hint="storekeeper init shows the models that the shop has",
            )


def _list_files(
    index: FileIndex,
    *,
    area: Area,
    kinds: Sequence[tuple[str, QrCodes]],
    before: Callable[[Age], float],
) -> None:
    patterns = sorted(
        (
            (FilePattern(source.pattern), number)
            for number, (_, source) in enumerate(kinds)
            if source.pattern is not None
        ),
        # The more particular pattern takes a file that several match.
        key=lambda pair: -pair[0].literal_characters,
    )
    ignored = [FilePattern(text) for text in area.ignore]
    oldest_kept = [before(source.keep) for _, source in kinds]

    def kind_of(file: FoundFile) -> int:
        for pattern, number in patterns:
            if pattern.matches(file.name):
                return number
        return IGNORED if any(pattern.matches(file.name) for pattern in ignored) else NO_KIND

    def is_old(file: FoundFile, kind: int) -> bool:
        return kind >= 0 and file.modified_ns / 1e9 < oldest_kept[kind]

    def name_of(file: FoundFile) -> str:
        return canonical(file.name)

    with Tree(area.path) as tree:
        index.add(tree.walk(), name_of=name_of, kind_of=kind_of, is_old=is_old)


def _ask_rows(
    index: FileIndex, reference: _Reference, *, config: Config, description: ShopDescription, now: float
) -> None:
    """Look up the files that the rows of one field name."""
    alias = reference.model.database
    address = address_from_django(alias, settings=description.databases[alias], project=config.project)
    column = FileColumn(table=reference.model.table, column=reference.field.column, expires=reference.expires)
    moment = moment_for(address.engine, now=now, description=description)

    for rows in batches(read_file_column(address, column=column, now=moment)):
        names = [(list(spellings(stored, prefix=reference.prefix)), expired) for stored, expired in rows]
        index.mark_named(name for forms, _ in names for name in forms)
        if reference.kind != NO_KIND:
            index.add_codes(((forms[0], expired) for forms, expired in names), kind=reference.kind)


def _count_codes(index: FileIndex, kind: int, *, has_rows: bool) -> Iterator[tuple[str, FileCount]]:
    """Give the counts by state: from rows and orphaned files, or from the age of files without rows."""
    yield from ((state, FileCount()) for state in STATES)
    if has_rows:
        for expired, count in index.codes_of_rows(kind):
            yield EXPIRED if expired else LIVE, count
    for named, old, count in index.codes_of_files(kind):
        if has_rows and not named:
            yield ORPHANED, count
        elif not has_rows:
            yield EXPIRED if old and not named else LIVE, count
