"""Which columns of which tables are file fields that may name the files of an area."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from exporter.named_files import FileColumn
from storekeeper.config import Area, Config, QrCodes
from storekeeper.databases import DatabaseAddress, Engine, address_from_django
from storekeeper.errors import ConfigurationError
from storekeeper.shop import ModelDescription, ShopDescription
from storekeeper.shop.qr_sources import problem_of
from storekeeper.shop.uploads import Uploads, uploads_of


@dataclass(frozen=True, kw_only=True)
class Reference:
    """
    A column whose values may name files, in one of the databases that hold its table.

    ``prefix`` is where the field's storage lies below the area, ``kind`` the kind of QR code that the field
    holds. A table that is ``elsewhere`` than where its model is read from may be missing there.
    """

    address: DatabaseAddress
    column: FileColumn
    prefix: str = ""
    kind: str | None = None
    elsewhere: bool = False


@dataclass(frozen=True, kw_only=True)
class AreaReferences:
    """
    The file fields that may name the files of one area.

    ``uploads`` is where its files come from, None where none of them may be judged.
    """

    references: tuple[Reference, ...]
    uploads: Uploads | None = None


def area_references(area: Area, *, name: str, config: Config, description: ShopDescription) -> AreaReferences:
    """
    Give what may name the files of an area; nothing where it holds neither files of a field nor QR codes.

    Raises ConfigurationError for a kind of QR code that the shop does not have.
    """
    kinds = {kind: source for kind, source in config.qr_codes.items() if source.area == name}
    root = os.path.realpath(area.path)
    found: list[Reference] = []
    missing = {kind for kind, source in kinds.items() if source.model}
    for model in description.models:
        for field in model.file_fields:
            prefix = None
            if field.storage_location is not None:
                prefix = prefix_below(root, field.storage_location)
            kind = kind_of(model, field=field.name, kinds=kinds) if prefix is not None else None
            missing.discard(kind or "")
            expires = model.timestamps.get(kinds[kind].expires or "") if kind else None
            column = FileColumn(table=model.table, column=field.column, expires=expires)
            found += in_databases(
                model, column=column, prefix=prefix or "", kind=kind, config=config, description=description
            )
    for kind, source in kinds.items():
        if kind not in missing and (problem := problem_of(kind, source, description=description)):
            raise ConfigurationError(problem, hint="storekeeper init shows the models that the shop has")
    for kind in sorted(missing):
        source = kinds[kind]
        raise ConfigurationError(
            f"qr_codes.{kind}: the shop has no file field {source.model}.{source.file} with files in"
            f" {area.path}",
            hint="storekeeper init shows the models that the shop has",
        )
    uploads = uploads_of(Path(root), area=name, config=config, description=description)
    if uploads.empty and not kinds:
        return AreaReferences(references=())
    return AreaReferences(
        references=tuple(found),
        # What cleaning refuses to judge is not counted either.
        uploads=None if uploads.refusal or uploads.empty else uploads,
    )


def prefix_below(root: str, folder: Path) -> str | None:
    """Give the folder as a path below ``root``, with a slash at its end; None where it is not below."""
    inside = os.path.realpath(folder)
    if inside == root:
        return ""
    above = root.rstrip(os.sep) + os.sep
    return inside[len(above) :].replace(os.sep, "/") + "/" if inside.startswith(above) else None


def kind_of(model: ModelDescription, *, field: str, kinds: Mapping[str, QrCodes]) -> str | None:
    """Give the kind of QR code that a field holds."""
    for kind, source in kinds.items():
        if source.model and (source.model.lower(), source.file) == (model.label.lower(), field):
            return kind
    return None


def in_databases(
    model: ModelDescription,
    *,
    column: FileColumn,
    config: Config,
    description: ShopDescription,
    prefix: str = "",
    kind: str | None = None,
) -> Iterator[Reference]:
    """Give the column in the database that its model is read from, and in others that may have its table."""
    for alias in (model.database, *model.other_databases):
        elsewhere = alias != model.database
        try:
            address = address_from_django(
                alias, settings=description.databases[alias], project=config.project
            )
        except ConfigurationError:
            if elsewhere:
                # A kind of database that we cannot ask, and that need not have the table.
                continue
            raise
        if elsewhere and address.engine is Engine.SQLITE and not (address.path and address.path.is_file()):
            continue
        yield Reference(address=address, column=column, prefix=prefix, kind=kind, elsewhere=elsewhere)
