"""
The rows that name a file, and the change of that name where it is still the one that was seen.

Only names are changed, by UPDATE: no signal is sent and no ``save()`` runs, so nothing that deletes the old
file of a changed row wakes up.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from .references import naming_fields
from .spellings import Wanted
from .storages import prefix_below
from .tables import all_rows, databases_of, model_of, pages


def rows_naming(
    root: str, files: list[str], texts: list[str], plain_files: bool, suffix: str
) -> Iterator[dict[str, Any]]:
    """
    Give every row of every model on every database that names one of ``files`` (names below ``root``).

    Answers are ``{"rows": [{file, model, field, database, key, value, longest, sized}, ...]}``, with the
    value as it is stored, how many characters the field takes (None: any number) and whether it keeps an
    image's size in other fields; and ``{"fixed": {file: why}}`` for files with a name that cannot be changed:
    in a text, in another spelling, as a field's default, in a field that does not take ``suffix`` (such as
    ``.webp``; empty asks nothing), or, unless ``plain_files``, in a file field that is not for images.
    """
    wanted = Wanted(files)
    known = set(files)
    for model, field, is_file in naming_fields(texts):
        prefix = (prefix_below(root, field) or "") if is_file else ""
        why = _why_fixed(model, field, is_file=is_file, root=root, plain_files=plain_files, suffix=suffix)
        default = field.get_default() if is_file and field.has_default() else ""
        default = default if isinstance(default, str) else ""
        if default and prefix + default in known:
            yield {"fixed": {prefix + default: "it is the default of {}".format(_label(field))}}
        for alias in databases_of(model):
            rows = all_rows(model, using=alias).exclude(**{f"{field.name}__isnull": True})
            if is_file:
                rows = rows.exclude(**{field.name: ""})
            for page in pages(rows, field.attname):
                found = []
                fixed = {}
                for key, value in page:
                    named = wanted.named_by(str(value), prefix=prefix) if is_file else wanted.named_in(value)
                    for file in set(named):
                        if why or prefix + str(value) != file:
                            fixed[file] = why or "{} {} spells its name differently".format(
                                model._meta.label, key
                            )
                        else:
                            found.append(
                                {
                                    "file": file,
                                    "model": model._meta.label,
                                    "field": field.name,
                                    "database": alias,
                                    "key": str(key),
                                    "value": str(value),
                                    "longest": field.max_length,
                                    "sized": bool(
                                        getattr(field, "width_field", None)
                                        or getattr(field, "height_field", None)
                                    ),
                                }
                            )
                if found:
                    yield {"rows": found}
                if fixed:
                    yield {"fixed": fixed}


def rename_in_rows(changes: list[list[dict[str, str]]], permit: str) -> Iterator[dict[str, Any]]:
    """
    For each change, a list of {model, field, database, key, old, new, path}: set all its rows, or none.

    A row is set from ``old`` to ``new`` where it still is ``old``, and only while the file at ``path`` and
    the file ``permit`` exist at the end of the transaction. Whoever removes ``permit`` and then locks the
    rows (``settle_rows``) knows that nothing changes them afterwards, whatever has become of us. Gives
    ``{"changed": bool, "why": ...}`` for each. An error while committing ends the question: then it is open
    whether the change was made.
    """
    for rows in changes:
        yield _rename(rows, permit)


def settle_rows(rows: list[dict[str, str]]) -> Iterator[dict[str, int]]:
    """Wait until no transaction is changing these rows ({model, field, database, key}) any more."""
    from django.db import models, transaction

    for row in rows:
        table = model_of(row["model"])
        with transaction.atomic(using=row["database"]):
            # Setting a field to itself takes the lock on every database, SQLite too.
            all_rows(table, using=row["database"]).filter(pk=_key(table, row)).update(
                **{row["field"]: models.F(row["field"])}
            )
    yield {"settled": len(rows)}


class _Refused(Exception):
    """Rolls a change back."""


def _rename(rows: list[dict[str, str]], permit: str) -> dict[str, Any]:
    from django.db import Error, transaction

    # Everybody takes rows in one order: two changes never wait for each other.
    rows = sorted(rows, key=lambda row: (row["database"], row["model"], row["key"], row["field"]))
    committing = False
    try:
        with ExitStack() as transactions:
            for database in sorted({row["database"] for row in rows}):
                transactions.enter_context(transaction.atomic(using=database))
            for row in rows:
                table = model_of(row["model"])
                changed = (
                    all_rows(table, using=row["database"])
                    .filter(pk=_key(table, row), **{row["field"]: row["old"]})
                    .update(**{row["field"]: row["new"]})
                )
                if changed != 1:
                    raise _Refused("{} {} changed meanwhile".format(row["model"], row["key"]))
            for path in {row["path"] for row in rows} | {permit}:
                if not os.path.isfile(path):  # noqa: PTH113 - as fast as it gets, while rows are locked
                    raise _Refused("{} is gone".format(path))
            committing = True
    except _Refused as refused:
        return {"changed": False, "why": str(refused)}
    except Error as error:
        if committing:
            raise
        return {"changed": False, "why": "{}: {}".format(type(error).__name__, error)}
    return {"changed": True, "why": ""}


def _key(table: Any, row: dict[str, str]) -> Any:
    return table._meta.pk.to_python(row["key"])


def _why_fixed(model: Any, field: Any, *, is_file: bool, root: str, plain_files: bool, suffix: str) -> str:
    """Give why no name in this field can be changed, ``""`` where it can."""
    from django.core.exceptions import ValidationError
    from django.core.validators import FileExtensionValidator
    from django.db import models

    label = _label(field)
    if not is_file:
        return "{} names it".format(label)
    if not plain_files and not isinstance(field, models.ImageField):
        return "{} names it, a field for files of any kind".format(label)
    if getattr(model._meta.pk, "fields", None) or not model._meta.managed:
        return "{} names it, whose rows cannot be changed".format(label)
    if prefix_below(root, field) is None:
        return "{} names a file of that name in another folder".format(label)
    if suffix:
        for validator in field.validators:
            if isinstance(validator, FileExtensionValidator):
                try:
                    validator(_Named("x" + suffix))
                except ValidationError:
                    return "{} does not take {}".format(label, suffix)
    return ""


class _Named:
    """All that a validator of file extensions looks at."""

    def __init__(self, name: str) -> None:
        self.name = name


def _label(field: Any) -> str:
    return "{}.{}".format(field.model._meta.label, field.name)
