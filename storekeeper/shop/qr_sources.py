"""Find the models whose rows name a QR code image and say when it expires."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path

from storekeeper.config import QrCodes
from storekeeper.shop.description import FileField, ModelDescription, ShopDescription

_EXPIRY = re.compile(r"expir|valid_(?:until|to)|best_before", re.IGNORECASE)
_QR = re.compile(r"qr", re.IGNORECASE)
# Enough names to see what they have in common.
_NAMES = 1000
_TRACKING = "tracking_qr_"
MOMENTS = ("DateTimeField", "DateField")
"""What an expiry may be."""


@dataclass(frozen=True, kw_only=True)
class QrSource:
    """
    A model that pairs a file field with an expiry time.

    ``certain`` is false where nothing but that pairing speaks for a QR code: then a person decides.
    """

    model: ModelDescription
    field: FileField
    expires: str
    certain: bool
    media: Path

    def pattern(self, folder: str) -> str | None:
        """
        Give the pattern of the files in ``folder`` by what their names have in common.

        None where the names there have nothing in common: then no file is an orphan by its name.
        """
        names = list(islice(_file_names(self.media / folder), _NAMES))
        if not names:
            return f"{folder}/qr_*"
        first, last = min(names), max(names)
        same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
        common = "".join(letter for letter, _ in same).rstrip("0123456789")
        return f"{folder}/{common}*" if len(common) > 1 and common.isascii() else None


def find_qr_sources(models: Iterable[ModelDescription], *, media: Path) -> list[QrSource]:
    """Give a source for each file field below ``media`` of each model that has an expiry time."""
    return [
        QrSource(
            model=model,
            field=field,
            expires=expiry,
            certain=any(_QR.search(word) for word in (model.label, field.name, field.upload_to)),
            media=media,
        )
        for model in models
        if (expiry := next((name for name in model.timestamps if _EXPIRY.search(name)), None))
        for field in model.file_fields
        if field.storage_location == media
    ]


def problem_of(name: str, kind: QrCodes, *, description: ShopDescription) -> str:
    """
    Return why a kind of QR codes of the config cannot be cleaned by its rows, ``""`` where it can.

    An expiry is a date or a moment to the database itself: texts and numbers sort otherwise than times do.
    """
    if kind.model is None:
        return ""
    model = description.model(kind.model)
    if model is None or model.file_field(kind.file or "") is None:
        return f"qr_codes.{name}: the shop has no file field {kind.model}.{kind.file}"
    if kind.expires not in model.kinds:
        return f"qr_codes.{name}.expires: {kind.model} has no field {kind.expires}"
    found = model.kinds[kind.expires]
    if found not in MOMENTS:
        return (
            f"qr_codes.{name}.expires: {kind.model}.{kind.expires} is a {found}, no date and no time:"
            f" give a field of {' or '.join(MOMENTS)}"
        )
    return ""


def _file_names(folder: Path) -> Iterator[str]:
    """Give the names of the files in a folder, without the tracking codes, which have no rows."""
    if folder.is_dir():
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False) and not entry.name.startswith(_TRACKING):
                    yield entry.name
