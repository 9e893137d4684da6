"""
Find the QR code images that may go. Files are listed before any row is asked, so that an image that comes
later is never a candidate.
"""

import os
import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actions.action import Context
from actions.budget import beyond_budget
from actions.media.qr_code_plan import PlannedFile, PlannedRow, QrCodePlan, Reason, each_file_once
from actions.media.references import GoingRow, named_files
from actions.media.removal_journal import RemovalJournal
from actions.notes import Notes
from storekeeper.config import QrCodes
from storekeeper.errors import ConfigurationError, UnsafePath
from storekeeper.files import FoundFile, Tree
from storekeeper.files.patterns import FilePattern
from storekeeper.measure.judge import Judge, LeftAlone
from storekeeper.measure.live_names import read_live_names
from storekeeper.measure.orphans import MADE_OF_LIVE
from storekeeper.shop import ShopDescription
from storekeeper.shop.qr_sources import problem_of
from storekeeper.shop.shop import Conversation
from storekeeper.shop.uploads import uploads_of

ORPHAN_GRACE_SECONDS = 86400.0


@dataclass(kw_only=True)
class _Totals:
    """The files below the folders that were listed, whatever their names."""

    folders: set[str]
    files: int = 0
    size_bytes: int = 0


class QrCodeSearch:
    """One look at the areas and the database; ``plan`` is called once."""

    def __init__(
        self,
        context: Context,
        *,
        kinds: Mapping[str, QrCodes],
        before: Mapping[str, float],
        everything: bool,
        journal: RemovalJournal,
    ) -> None:
        self._context = context
        self._config = context.config
        self._kinds = kinds
        self._before = dict(before)
        self._everything = everything
        self._journal = journal
        self._patterns = sorted(
            ((FilePattern(kind.pattern), name) for name, kind in kinds.items() if kind.pattern is not None),
            key=lambda pair: -pair[0].literal_characters,
        )
        self._trees: dict[str, Tree] = {}
        self._found: dict[str, dict[str, tuple[FoundFile, str]]] = {}
        self._totals: dict[str, _Totals] = {}
        self._kept: dict[str, set[str]] = {}
        self._notes = Notes()

    def plan(self) -> QrCodePlan:
        """Look at everything and give the plan; raises StorekeeperError."""
        with ExitStack() as opened:
            for area in dict.fromkeys(kind.area for kind in self._kinds.values()):
                path = self._config.areas[area].path
                if not path.is_dir():
                    self._notes.add(f"{path} does not exist, so there is nothing to look at")
                    continue
                self._trees[area] = opened.enter_context(Tree(path))
                self._kept[area] = set()
                self._found[area] = dict(self._matching_files(area))
            with self._context.shop.talk() as conversation:
                rows = list(self._expired_rows(conversation))
                files, rows = self._free_of_references(conversation, rows)
            return QrCodePlan(
                files=tuple(files),
                rows_to_go=tuple(rows),
                before=self._before,
                notes=tuple(self._notes.told()),
                over_budget=self._over_budget([*files, *rows]),
                all_at_once=self._all_at_once([*files, *rows]),
            )

    def _matching_files(self, area: str) -> Iterator[tuple[str, tuple[FoundFile, str]]]:
        """Give name → (file, kind) for the files that some kind's pattern claims, the most particular one."""
        patterns = [pair for pair in self._patterns if self._kinds[pair[1]].area == area]
        given = {pattern.folder for pattern, _ in patterns}
        folders = {one for one in given if not any(one != other and _lies_in(one, other) for other in given)}
        totals = self._totals[area] = _Totals(folders=folders)
        for folder in sorted(folders):
            for file in self._trees[area].walk(folder):
                totals.files += 1
                totals.size_bytes += file.size_bytes
                kind = next((name for pattern, name in patterns if pattern.matches(file.name)), None)
                if kind is not None:
                    yield file.name, (file, kind)

    def _expired_rows(self, conversation: Conversation) -> Iterator[PlannedRow]:
        description: ShopDescription | None = None
        for name, kind in self._kinds.items():
            if kind.model is None or kind.area not in self._trees:
                continue
            description = description or ShopDescription.model_validate(conversation.ask("describe"))
            prefix = self._prefix(name, kind, description)
            pages = conversation.stream(
                "expired_rows", **question(kind, self._before[name], self._everything)
            )
            for page in pages:
                for key, file_name, expired in page["rows"]:
                    row = self._planned_row(
                        name, kind, prefix=prefix, file_name=file_name, expired=expired, key=key, page=page
                    )
                    if row is not None:
                        yield row

    def _planned_row(
        self,
        name: str,
        kind: QrCodes,
        *,
        prefix: str,
        file_name: str,
        expired: bool,
        key: str,
        page: Mapping[str, Any],
    ) -> PlannedRow | None:
        """Give the plan for one row, None where it stays; the file of a row that stays is kept, too."""
        path = prefix + file_name
        if not _is_plain(file_name):
            self._notes.add(f"{name}: left alone, since the name is not one below the area", file_name)
            self._kept[kind.area].add(posixpath.normpath(path))
            return None
        try:
            known = self._found[kind.area].get(path)
            file = known[0] if known else self._trees[kind.area].look(path)
        except UnsafePath:
            self._notes.add(f"{name}: left alone, since a link or a folder is in the way", file_name)
            self._kept[kind.area].add(path)
            return None
        stays = page["blocked"].get(key, "")
        if stays:
            hint = "; row: clear would empty its field instead" if "delet" in stays else ""
            self._notes.add(f"{name}: rows left alone, since {stays}{hint}", f"row {key}")
        old_enough = file is not None and file.modified < self._before[name]
        if stays or not (expired or old_enough):
            self._kept[kind.area].add(path)
            return None
        return PlannedRow(
            kind=name,
            reason=Reason.EXPIRED if expired else Reason.UNEXPIRED,
            area=kind.area,
            database=page["database"],
            key=key,
            name=file_name,
            file=file,
        )

    def _free_of_references(
        self, conversation: Conversation, rows: list[PlannedRow]
    ) -> tuple[list[PlannedFile], list[PlannedRow]]:
        """Give the files and rows to go, without the files that any row which stays names."""
        files: list[PlannedFile] = []
        kept_rows: list[PlannedRow] = list(rows)
        going = [
            GoingRow(database=row.database, model=kind.model, field=kind.file, value=row.name)
            for row in rows
            if (kind := self._kinds[row.kind]).model is not None and kind.file is not None
        ]
        for area, tree in self._trees.items():
            with_rows = {row.file.name for row in rows if row.area == area and row.file}
            free = list(self._without_rows(area, with_rows))
            asked = with_rows | {item.file.name for item in free}
            named = named_files(conversation, config=self._config, root=tree.root, files=asked, going=going)
            stay = named.files | self._kept[area]
            left = self._not_ours(
                conversation, area, [item for item in free if item.reason is Reason.ORPHANED]
            )
            for item in free:
                if item.file.name in stay:
                    continue
                if item.file.name in left:
                    self._notes.add(f"orphans left alone: {left[item.file.name]}", item.file.name)
                    continue
                if item.reason is Reason.ORPHANED and named.references == 0:
                    self._notes.add(
                        "orphans left alone: no row of the shop names a file, as when its data are gone",
                        item.file.name,
                    )
                    continue
                files.append(item)
            kept_rows = each_file_once(kept_rows, area=area, stay=stay)
            # The file of a kind with rows that has none here may just be a live code's.
            shared = with_rows | {item.file.name for item in free if item.reason is not Reason.ORPHANED}
            for place, count in sorted(Counter(map(named.places.get, shared & named.files)).items()):
                self._notes.add(f"{count} files stay, since the database names them elsewhere: {place}")
        return files, kept_rows

    def _not_ours(self, conversation: Conversation, area: str, orphans: list[PlannedFile]) -> dict[str, str]:
        """Return which codes without a row stay all the same, and why: as for any other orphan."""
        if not orphans:
            return {}
        description = ShopDescription.model_validate(conversation.ask("describe"))
        root = self._trees[area].root
        uploads = uploads_of(root, area=area, config=self._config, description=description)
        live = read_live_names(root, config=self._config, description=description)
        judge = Judge(uploads, named_folders=live.folders)
        found = {}
        for item in orphans:
            verdict = judge.of(item.file.name.rpartition("/")[0])
            if uploads.refusal:
                found[item.file.name] = uploads.refusal
            elif isinstance(verdict, LeftAlone):
                found[item.file.name] = verdict.reason
            elif live.made_of_live(item.file.name):
                found[item.file.name] = MADE_OF_LIVE
        return found

    def _without_rows(self, area: str, with_rows: set[str]) -> Iterator[PlannedFile]:
        """Give the files that their age lets go if no row names them."""
        now = self._context.now().timestamp()
        tree = self._trees[area]
        unfinished = {entry.name: entry for entry in self._journal.entries() if Path(entry.root) == tree.root}
        for name, (file, kind) in self._found[area].items():
            entry = unfinished.pop(name, None)
            if name in with_rows:
                continue
            reason = Reason.OLD if self._kinds[kind].model is None else Reason.ORPHANED
            young = reason is Reason.ORPHANED and file.youngest >= now - ORPHAN_GRACE_SECONDS
            if entry is not None and entry.means(file):
                yield PlannedFile(kind=kind, reason=Reason.UNFINISHED, area=area, file=file)
            elif file.modified < self._before[kind] and not young:
                yield PlannedFile(kind=kind, reason=reason, area=area, file=file)
        for entry in unfinished.values():
            file_now = tree.find(entry.name)
            if file_now is not None and entry.name not in with_rows and entry.means(file_now):
                kind = next((name for name, one in self._kinds.items() if one.area == area and one.model), "")
                yield PlannedFile(kind=kind, reason=Reason.UNFINISHED, area=area, file=file_now)

    def _prefix(self, name: str, kind: QrCodes, description: ShopDescription) -> str:
        """Give where the field's files lie below the area; raises ConfigurationError where they do not."""
        if problem := problem_of(name, kind, description=description):
            raise ConfigurationError(problem, hint="storekeeper init shows the fields that the shop has")
        assert kind.model is not None
        assert kind.file is not None
        model = description.model(kind.model)
        field = model.file_field(kind.file) if model else None
        assert field is not None, "a kind without one is a problem"
        root = self._trees[kind.area].root
        location = Path(os.path.realpath(field.storage_location)) if field.storage_location else None
        if location is None or not location.is_relative_to(root):
            raise ConfigurationError(
                f"qr_codes.{name}: the files of {kind.model}.{kind.file} do not lie below {root}",
                hint=f"Name the area that holds {location or 'them'} in qr_codes.{name}.area",
            )
        inside = location.relative_to(root).as_posix()
        return "" if inside == "." else f"{inside}/"

    def _all_at_once(self, items: list[PlannedFile | PlannedRow]) -> str:
        """Return of which kind every image would go, ``""`` where some stay or there are only a few."""
        there = Counter(kind for found in self._found.values() for _, kind in found.values())
        gone = Counter(
            self._found[item.area][item.file.name][1]
            for item in items
            if item.file is not None and item.file.name in self._found[item.area]
        )
        for kind, count in gone.items():
            if count > self._config.budget.at_least and count == there[kind]:
                return f"all {count} images of {kind} have come to their end at once"
        return ""

    def _over_budget(self, items: list[PlannedFile | PlannedRow]) -> str:
        for area, tree in self._trees.items():
            sizes = [item.file.size_bytes for item in items if item.area == area and item.file]

            def present(tree: Tree = tree, totals: _Totals = self._totals[area]) -> tuple[int, int]:
                others = [file.size_bytes for file in tree.walk(without=totals.folders)]
                return totals.files + len(others), totals.size_bytes + sum(others)

            words = beyond_budget(
                self._config.budget, what=area, files=len(sizes), size_bytes=sum(sizes), present=present
            )
            if words:
                return words
        return ""


def question(kind: QrCodes, before: float, everything: bool) -> dict[str, object]:
    """Give the arguments by which the shop's side finds the rows of a kind again."""
    return {
        "model": kind.model,
        "file": kind.file,
        "expires": kind.expires,
        "before": before,
        "everything": everything,
        "mode": kind.row,
    }


def _lies_in(folder: str, other: str) -> bool:
    return not other or folder.startswith(f"{other}/")


def _is_plain(name: str) -> bool:
    """Tell whether a stored name is a path below its storage, written the plain way."""
    return (
        bool(name)
        and "\\" not in name
        and "\0" not in name
        and all(part not in ("", ".", "..") for part in name.split("/"))
    )
