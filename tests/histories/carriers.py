"""
The places in which a shop may name a file: fields of models made for one history, tables that no model knows.

A carrier makes fields (a model is made of them) and gives the values of one row that names a file.
"""

import base64
import pickle
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.backends.db import SessionStore
from django.core.signing import dumps
from django.db import models
from django_ckeditor_5.fields import CKEditor5Field
from easy_thumbnails.fields import ThumbnailerImageField
from filebrowser.fields import FileBrowseField
from imagekit.models import ProcessedImageField
from picklefield.fields import PickledObjectField
from sorl.thumbnail.fields import ImageField as SorlImageField
from stdimage import StdImageField
from wagtail import blocks
from wagtail.fields import RichTextField, StreamField

from tests.histories.spellings import path_of, text_naming


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """``field`` makes the field, ``value`` what a row holds in it to name a file."""

    field: Callable[[Random, str], Any]
    value: Callable[[Random, str], Any]
    uploads: bool = False
    """Whether the value has to be the very name below the media root, as in a file field."""
    postgresql: bool = False
    variant: Callable[[str], str] | None = None
    """Gives the name of what the package makes of the file, beside it."""


class OwnText(models.Field):  # type: ignore[misc]
    """A field that is no text field, and keeps text."""

    def get_internal_type(self) -> str:
        return "TextField"


class OwnType(models.Field):  # type: ignore[misc]
    """A field whose type only the database knows."""

    def __init__(self, *arguments: Any, kind: str = "text", **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.kind = kind

    def db_type(self, connection: Any) -> str:
        return self.kind


class ManyFilesField(models.FileField):  # type: ignore[misc]
    """A file field that holds several names."""

    def get_prep_value(self, value: Any) -> Any:
        return str(value)


class HstoreText(models.TextField):  # type: ignore[misc]
    """Pairs as PostgreSQL's hstore writes them."""


def _stem(name: str, word: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return f"{stem or ending}{word}{dot if stem else ''}{ending if stem else ''}"


def _file(make: Callable[..., Any], **options: Any) -> Callable[[Random, str], Any]:
    return lambda rng, folder: make(upload_to=folder, max_length=500, **options)


def _text(make: Callable[..., Any], **options: Any) -> Callable[[Random, str], Any]:
    return lambda rng, folder: make(**options)


def _name(rng: Random, name: str) -> str:
    return name


def _json(rng: Random, name: str) -> Any:
    return {"deep": [{"src": path_of(rng, name)}, 3, None], "text": text_naming(rng, name)}


def _stream(rng: Random, name: str) -> Any:
    return [{"type": "text", "value": text_naming(rng, name), "id": "0"}]


def _pairs(rng: Random, name: str) -> str:
    quoted = path_of(rng, name).replace("\\", "\\\\").replace('"', '\\"')
    return f'"size"=>"3", "file"=>"{quoted}"'


def _packed(rng: Random, name: str) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps({"file": path_of(rng, name)}))).decode()


def _bytes(rng: Random, name: str) -> bytes:
    path = path_of(rng, name)
    wide = path.isascii() and rng.random() < 0.3
    return b"\0\xff\x80" + path.encode("utf-16-le" if wide else "utf-8") + b"\0"


def _own_type(rng: Random, folder: str) -> Any:
    return OwnType(kind=rng.choice(("text", "varchar(2000)", "character varying(2000)")))


def _stdimage(rng: Random, folder: str) -> Any:
    return StdImageField(upload_to=folder, max_length=500, variations={"small": (10, 10)})


CARRIERS: dict[str, Carrier] = {
    "file": Carrier(field=_file(models.FileField), value=_name, uploads=True),
    "image": Carrier(field=_file(models.ImageField), value=_name, uploads=True),
    "many files": Carrier(
        field=_file(ManyFilesField), value=lambda rng, name: f"nothing.bin,{name}", uploads=True
    ),
    "stdimage": Carrier(
        field=_stdimage, value=_name, uploads=True, variant=lambda name: _stem(name, ".small")
    ),
    "easy_thumbnails": Carrier(
        field=_file(ThumbnailerImageField), value=_name, uploads=True,
        variant=lambda name: f"{name}.100x100_q85_crop.jpg",
    ),
    "sorl": Carrier(field=_file(SorlImageField), value=_name, uploads=True),
    "imagekit": Carrier(field=_file(ProcessedImageField, format="JPEG"), value=_name, uploads=True),
    "filebrowser": Carrier(field=_text(FileBrowseField, max_length=900), value=_name),
    "path": Carrier(
        field=lambda rng, folder: models.FilePathField(path=f"/nowhere/{folder}", max_length=900),
        value=lambda rng, name: name.partition("/")[2],
    ),
    "text": Carrier(field=_text(models.TextField), value=text_naming),
    "char": Carrier(field=_text(models.CharField, max_length=9000), value=text_naming),
    "url": Carrier(field=_text(models.URLField, max_length=9000), value=text_naming),
    "own text": Carrier(field=_text(OwnText), value=text_naming),
    "own type": Carrier(field=_own_type, value=text_naming),
    "json": Carrier(field=_text(models.JSONField), value=_json),
    "bytes": Carrier(field=_text(models.BinaryField), value=_bytes),
    "ckeditor": Carrier(field=_text(CKEditor5Field), value=text_naming),
    "rich text": Carrier(field=_text(RichTextField), value=text_naming),
    "stream": Carrier(
        field=lambda rng, folder: StreamField([("text", blocks.TextBlock())]), value=_stream
    ),
    "pickle": Carrier(
        field=_text(PickledObjectField), value=lambda rng, name: {"file": path_of(rng, name), "x": 1}
    ),
    "pairs": Carrier(field=_text(HstoreText), value=_pairs),
    "packed": Carrier(field=_text(models.TextField), value=_packed),
    "array": Carrier(
        field=lambda rng, folder: ArrayField(models.CharField(max_length=5000)),
        value=lambda rng, name: ["x", path_of(rng, name)], postgresql=True,
    ),
    "nested array": Carrier(
        field=lambda rng, folder: ArrayField(ArrayField(models.TextField())),
        value=lambda rng, name: [["a", text_naming(rng, name)], ["b", "c"]], postgresql=True,
    ),
}  # fmt: skip


def session_data(rng: Random, name: str) -> str:
    """Return what the table of sessions holds for a form that is not finished."""
    if rng.random() < 0.5:
        return str(SessionStore().encode({"wizard": {"step": "2", "files": {"f": path_of(rng, name)}}}))
    return dumps({"file": path_of(rng, name)}, compress=True)
